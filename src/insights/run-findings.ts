/** Findings about the run as a whole: was the target put back, was it refused, did it end, can its figures be trusted. */
import { formatDuration } from '../record/duration.ts';
import { objectText } from '../record/event-text.ts';
import { eventNumber } from '../record/find-event.ts';
import type { RunRecord } from '../record/run-record.ts';
import { type Finding, finding, percent } from './finding.ts';

export function runFindings(record: RunRecord): Finding[] {
  return [...restoreFindings(record), ...endFindings(record), ...trustFindings(record), ...objectiveFindings(record)];
}

function restoreFindings(record: RunRecord): Finding[] {
  const list: Finding[] = [];
  const { restore, injected } = record;
  const restoreCommand = 'Run `rehearse restore` now: it puts back what the undo journal holds and proves it with a diff.';
  if (restore?.finishedTMs !== undefined && !restore.proven) {
    const dirty = restore.objects.filter(item => !item.equal);
    list.push(
      finding(
        'restore-not-proven',
        'critical',
        'The target is not as it was found',
        dirty.length > 0
          ? `${dirty.map(item => objectText(item.object)).join(', ')} still differs from the snapshot.`
          : 'The live objects could not be compared with the snapshot.',
        restoreCommand,
        { events: [eventNumber(record, 'restore.finished')] },
      ),
    );
  } else if (injected && restore?.finishedTMs === undefined) {
    list.push(
      finding(
        'restore-missing',
        'critical',
        'The target may still carry the bad deploy',
        `The fault was injected ${formatDuration(injected.tMs)} into the run and no restore was recorded.`,
        restoreCommand,
        { events: [eventNumber(record, 'fault.injected')] },
      ),
    );
  }
  const after = record.steadyState.after;
  if (after && !after.ok && restore?.proven) {
    const failed = after.checks.filter(check => !check.ok);
    list.push(
      finding(
        'steady-state-lost',
        'critical',
        'The spec is back, the service is not',
        failed.map(check => `${check.name}: ${check.detail}`).join('; '),
        'Look at the pods of the target now; the restore put the specs back, something else keeps it unhealthy.',
        {
          events: record.events
            .filter(event => event.type === 'steady-state.checked')
            .map(event => event.seq)
            .slice(-1),
        },
      ),
    );
  }
  return list;
}

function endFindings(record: RunRecord): Finding[] {
  const { outcome } = record.verdict;
  if (outcome === 'refused') {
    const groups = [
      ['guard.checked', record.guard?.checks],
      ['preflight.checked', record.preflight?.checks],
      ['steady-state.checked', record.steadyState.before?.checks],
    ] as const;
    return groups.flatMap(([type, checks]) =>
      (checks ?? [])
        .filter(check => !check.ok)
        .map(check =>
          finding(
            `refused-${check.name.replace(/\W+/g, '-')}`,
            'warning',
            `Refused by the check “${check.name}”`,
            check.detail,
            sentence(check.remedy ?? 'Run `rehearse doctor` for what this check needs'),
            { events: [eventNumber(record, type)] },
          ),
        ),
    );
  }
  if (record.failure) {
    return [
      finding(
        'run-failed',
        'critical',
        record.injected ? 'The run failed after the bad deploy' : 'The run failed before anything was injected',
        record.failure.message,
        record.failure.remedy ?? 'Look at the event log below for what came before.',
        { events: [eventNumber(record, 'run.failed')] },
      ),
    ];
  }
  return [];
}

function trustFindings(record: RunRecord): Finding[] {
  const list: Finding[] = [];
  for (const clock of record.clocks) {
    const certain = Math.abs(clock.skewMs) - clock.uncertaintyMs;
    if (certain <= 1000) continue;
    list.push(
      finding(
        'clock-skew',
        'advice',
        `The clock of ${clock.source} is ${formatDuration(Math.abs(clock.skewMs))} ${clock.skewMs > 0 ? 'ahead' : 'behind'}`,
        `Measured with an uncertainty of ± ${formatDuration(clock.uncertaintyMs)}. The durations here come from one monotonic clock and do not suffer; stamps in logs and events do.`,
        'Synchronise the clocks (chrony, systemd-timesyncd) before you compare this run with logs of the cluster.',
        { events: [eventNumber(record, 'clock.compared')] },
      ),
    );
  }
  const { durationMs } = record.phases.detection;
  const uncertainty = record.moments.detected?.uncertaintyMs ?? 0;
  if (durationMs !== undefined && durationMs > 0 && uncertainty / durationMs > 0.2) {
    list.push(
      finding(
        'detection-blurred',
        'advice',
        'Detection is measured coarsely',
        `± ${formatDuration(uncertainty)} on ${formatDuration(durationMs)} is ${percent(uncertainty / durationMs)}.`,
        'Shorten the poll interval of the detector that told first, so that an improvement can be seen.',
        { phase: 'detection' },
      ),
    );
  }
  return list;
}

function objectiveFindings(record: RunRecord): Finding[] {
  if (!record.injected) return [];
  const list: Finding[] = [];
  const objectives = [...Object.values(record.phases).map(phase => phase.objectiveMs), record.recovery.objectiveMs];
  if (objectives.every(objective => objective === undefined)) {
    const { durationMs } = record.recovery;
    list.push(
      finding(
        'no-objectives',
        'advice',
        'No objective was set, so nothing could be missed',
        durationMs === undefined
          ? 'The scenario has no `spec.objectives`.'
          : `This run took ${formatDuration(durationMs)} from deploy to restored.`,
        'Set `spec.objectives` in the scenario, per phase and in total; a drill without a limit cannot fail.',
      ),
    );
  }
  const { durationMs, objectiveMs, met } = record.recovery;
  if (met && durationMs !== undefined && objectiveMs !== undefined) {
    const share = durationMs / objectiveMs;
    list.push(
      finding(
        'recovery-met',
        'good',
        `Recovered in ${formatDuration(durationMs)}`,
        `${percent(share)} of the objective of ${formatDuration(objectiveMs)} was used.`,
        share < 0.4
          ? `Tighten the objective, to about ${formatDuration(roundUp(durationMs * 1.5))}: one that never bites does not show a regression.`
          : 'Keep it in the schedule, so that a regression is seen.',
      ),
    );
  }
  if (record.scenario.hypothesis === undefined) {
    list.push(
      finding(
        'no-hypothesis',
        'advice',
        'No hypothesis was written down',
        'The scenario has no `metadata.hypothesis`.',
        'Write what the team believes will happen before the next run; the surprise is what a drill teaches.',
      ),
    );
  } else if (record.verdict.outcome === 'missed') {
    list.push(
      finding(
        'hypothesis-unmet',
        'advice',
        'What was believed and what happened differ',
        `Believed: “${record.scenario.hypothesis}” Happened: ${happened(record)}.`,
        'Decide which is wrong, the system or the belief, and change that one: open a task, or correct the hypothesis.',
      ),
    );
  }
  return list;
}

/** Up to a full second, or a full 10 s above a minute. */
function roundUp(ms: number): number {
  const step = ms > 60_000 ? 10_000 : 1000;
  return Math.ceil(ms / step) * step;
}

function happened(record: RunRecord): string {
  const detected = record.phases.detection.durationMs;
  const total = record.recovery.durationMs;
  return [
    detected === undefined ? '' : `detected after ${formatDuration(detected)}`,
    total === undefined ? '' : `recovered after ${formatDuration(total)}`,
    record.verdict.reason.replace(/\.$/, ''),
  ]
    .filter(Boolean)
    .join('; ');
}

/** With a capital and a full stop, as the sentences around it have. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`;
}
