/** Findings about the detectors: which told, which did not, which told too much. */
import { formatDuration } from '../record/duration.ts';
import { eventNumber } from '../record/find-event.ts';
import type { DetectorRecord, RunRecord } from '../record/run-record.ts';
import { falseAlarms } from './false-alarms.ts';
import { type Finding, finding, percent, times } from './finding.ts';
import { serviceLevels } from './service-level.ts';

export function detectionFindings(record: RunRecord): Finding[] {
  const deployed = record.moments.deployed?.tMs;
  if (deployed === undefined) return [];
  const list: Finding[] = [];
  const watched = (record.restore?.startedTMs ?? record.endedTMs) - deployed;

  // A run that somebody cut short says nothing about what would still have been told.
  const cutShort = ['interrupted', 'unfinished', 'error'].includes(record.verdict.outcome);
  if (record.moments.detected === undefined && !cutShort) list.push(neverDetected(record, watched));
  for (const detector of record.detectors) {
    const early = falseAlarms(record, detector);
    if (early.length > 0) {
      list.push(
        finding(
          'detector-noisy',
          'warning',
          `Detector ${detector.name} told before anything was wrong`,
          `${early.length} ${early.length === 1 ? 'signal' : 'signals'} before the bad deploy, the first ${formatDuration(deployed - (early[0]?.tMs ?? 0))} before it: “${early[0]?.message ?? ''}”.`,
          'Widen its window or raise its threshold until a healthy hour is silent; people stop believing an alert that cries wolf.',
          { phase: 'detection', events: early.map(signal => eventNumber(record, 'signal.raised', signal.tMs)) },
        ),
      );
    }
    if (record.moments.detected === undefined || detector.first) continue;
    if (detector.afterDeployMs === undefined) {
      if (!cutShort) list.push(neverTold(record, detector, watched));
    } else list.push(...toldLate(record, detector, detector.afterDeployMs));
  }
  return list;
}

function neverDetected(record: RunRecord, watched: number): Finding {
  const felt = serviceLevels(record)
    .filter(level => level.impact.requests > 0)
    .map(level => {
      const limit = level.probe.errorRateLimit;
      return `${level.probe.name}: ${level.impact.failed} of ${level.impact.requests} requests failed (${percent(level.impact.errorRate ?? 0)}${limit === undefined ? '' : `, limit ${percent(limit)}`})`;
    });
  const below = serviceLevels(record).some(
    level =>
      level.probe.errorRateLimit !== undefined &&
      level.impact.failed > 0 &&
      (level.impact.errorRate ?? 0) <= level.probe.errorRateLimit,
  );
  return finding(
    'never-detected',
    'critical',
    'Nobody would have known',
    `No detector told within ${formatDuration(watched)}. ${felt.length > 0 ? `Users felt it: ${felt.join('; ')}.` : 'No probe felt it either.'}`,
    below
      ? 'The failures stayed under the limit. Lower the limit, or judge a longer window, so that a slow burn is seen too.'
      : 'Add a detector for this kind of fault; the service chart and the pods of the target show what it could have watched.',
    { phase: 'detection', costMs: watched, events: [eventNumber(record, 'run.finished')] },
  );
}

function neverTold(record: RunRecord, detector: DetectorRecord, watched: number): Finding {
  const first = record.detectors.find(each => each.first);
  return finding(
    'detector-never-told',
    'advice',
    `Detector ${detector.name} stayed silent`,
    `It told nothing for ${formatDuration(watched)} after the bad deploy${first?.afterDeployMs === undefined ? '' : `, while ${first.name} told after ${formatDuration(first.afterDeployMs)}`}.`,
    detector.kind === 'conditions'
      ? 'Kubernetes saw nothing wrong with this deploy. Do not count on it for faults that only users feel: keep a user-facing detector on every path that earns money.'
      : 'Check that its requests take the path that broke; if they do, its limit is too generous for this fault.',
    { phase: 'detection' },
  );
}

function toldLate(record: RunRecord, detector: DetectorRecord, afterDeployMs: number): Finding[] {
  const first = record.phases.detection.durationMs;
  const signal = detector.signals.find(each => each.tMs >= (record.moments.deployed?.tMs ?? 0));
  const issued = record.moments['rollback-issued']?.tMs;
  if (signal && issued !== undefined && signal.tMs > issued) {
    return [
      finding(
        'detector-after-rollback',
        'advice',
        `Detector ${detector.name} told only once the way back had begun`,
        `Its first signal came ${formatDuration(afterDeployMs)} after the bad deploy, ${formatDuration(signal.tMs - issued)} after the rollback command: “${signal.message}”.`,
        'It may have told of the rollback and not of the fault. Rehearse once with it alone before you count on it.',
        { phase: 'detection', events: [eventNumber(record, 'signal.raised', signal.tMs)] },
      ),
    ];
  }
  if (first === undefined || afterDeployMs < first * 2 || afterDeployMs - first < 1000) return [];
  return [
    finding(
      'detector-late',
      'advice',
      `Detector ${detector.name} would have told ${formatDuration(afterDeployMs - first)} later`,
      `${formatDuration(afterDeployMs)} after the bad deploy, ${times(afterDeployMs / Math.max(1, first))} as long as the first detector.`,
      'Know it as the fallback that it is: rehearse once with it alone, so that the team has seen how long that takes.',
      { phase: 'detection', events: [signal && eventNumber(record, 'signal.raised', signal.tMs)] },
    ),
  ];
}
