/** The verdict: what a reader sees first, and the story of the run in a few plain sentences. */

import { serviceLevels } from '../../insights/service-level.ts';
import { objectText } from '../../record/event-text.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { meter } from '../charts/meter.ts';
import { formatDuration, percent } from '../format.ts';
import { count, type ViewContext, watchedUntil } from './context.ts';

/** `tone` picks the colour, `glyph` the sign; both only repeat what `label` says. */
export interface Badge {
  label: string;
  tone: 'good' | 'bad' | 'alarm' | 'neutral' | 'caution';
  glyph: '✓' | '✕' | '!' | '–' | '⏸';
}

export function verdictBadge(record: RunRecord): Badge {
  const { moments, phases, recovery } = record;
  switch (record.verdict.outcome) {
    case 'met': {
      const judged = [recovery.met, ...Object.values(phases).map(phase => phase.met)].some(met => met !== undefined);
      return { label: judged ? 'Objectives met' : 'Recovered', tone: 'good', glyph: '✓' };
    }
    case 'missed': {
      if (!moments.detected) return { label: 'Never detected', tone: 'bad', glyph: '✕' };
      if (!moments.diagnosed && !moments['rolled-back']) return { label: 'Cause never found', tone: 'bad', glyph: '✕' };
      if (!moments['rolled-back']) return { label: 'Rollback did not work', tone: 'bad', glyph: '✕' };
      if (!moments.restored) return { label: 'Not shown to be healthy', tone: 'bad', glyph: '✕' };
      const missed = [recovery.met, ...Object.values(phases).map(phase => phase.met)].filter(met => met === false).length;
      return { label: missed > 1 ? `${missed} objectives missed` : 'Objective missed', tone: 'bad', glyph: '✕' };
    }
    case 'refused':
      return { label: 'Refused, nothing changed', tone: 'neutral', glyph: '–' };
    case 'error':
      return { label: record.injected ? 'Error, target restored' : 'Error, nothing injected', tone: 'caution', glyph: '!' };
    case 'not-restored':
      return { label: 'Target not restored', tone: 'alarm', glyph: '!' };
    case 'interrupted':
      return {
        label: record.injected ? 'Interrupted, target restored' : 'Interrupted, nothing injected',
        tone: 'caution',
        glyph: '⏸',
      };
    case 'unfinished':
      return { label: 'No end recorded', tone: record.injected ? 'alarm' : 'caution', glyph: '!' };
  }
}

/** The figure beside the verdict: recovery time, or how long it was waited for, or what there is instead. */
export function headline(record: RunRecord) {
  const { recovery, moments } = record;
  const { objectiveMs } = recovery;
  if (recovery.durationMs !== undefined) {
    const over = objectiveMs !== undefined && recovery.durationMs > objectiveMs;
    return {
      durationMs: recovery.durationMs as number | undefined,
      prefix: '',
      words: '',
      long: formatDuration(recovery.durationMs).length > 6,
      caption: 'from deploy to restored',
      objective:
        objectiveMs === undefined
          ? 'no objective set'
          : `objective ${formatDuration(objectiveMs)}${over ? `, missed by ${formatDuration(recovery.durationMs - objectiveMs)}` : ''}`,
      meter: objectiveMs === undefined ? '' : meter(recovery.durationMs, objectiveMs, over ? 'bad' : 'good', 8),
    };
  }
  if (moments.deployed) {
    const watched = watchedUntil(record) - moments.deployed.tMs;
    return {
      durationMs: watched,
      prefix: '>',
      words: '',
      long: formatDuration(watched).length > 4,
      caption: 'after the deploy, still not recovered',
      objective: objectiveMs === undefined ? 'no objective set' : `objective ${formatDuration(objectiveMs)}`,
      meter: objectiveMs === undefined ? '' : meter(watched, objectiveMs, watched > objectiveMs ? 'bad' : 'pending', 8),
    };
  }
  return {
    durationMs: undefined,
    prefix: '',
    long: false,
    words: record.injected ? 'No t0' : 'No deploy',
    caption: 'nothing was timed',
    objective: '',
    meter: '',
  };
}

/** What somebody must do now, before reading on. */
export function callToAction(record: RunRecord): string {
  const { restore, injected, verdict } = record;
  const dirty = verdict.outcome === 'not-restored' || (restore?.finishedTMs !== undefined && !restore.proven);
  if (dirty) return 'The target is not as it was found. Run `rehearse restore` now.';
  if (verdict.outcome === 'unfinished' && injected && restore?.finishedTMs === undefined) {
    return 'The target may still carry the bad deploy. Run `rehearse restore` now.';
  }
  return '';
}

/** What happened, for somebody who was not there. */
export function story(context: ViewContext): string[] {
  const { record } = context;
  const { moments, verdict } = record;
  const target = record.injected?.target ?? record.plan?.target;
  const what = target ? objectText(target) : 'the target';
  const deployed = moments.deployed?.tMs;
  if (deployed === undefined) {
    if (verdict.outcome === 'refused') return [`The drill was refused before anything was written: ${verdict.reason}.`];
    const unhealthy =
      record.steadyState.before && !record.steadyState.before.ok ? ['The service was not healthy to begin with.'] : [];
    if (record.failure) return [`${capital(record.failure.message)}.`, ...unhealthy];
    return [`Nothing was injected: ${verdict.reason}`];
  }
  const sentences: string[] = [];
  const change = imageChange(record);
  sentences.push(`A bad deploy of ${what}${change ? ` (${change})` : ''} went live.`);
  const felt = serviceLevels(record).filter(level => level.impact.requests > 0);
  const [worst] = felt.sort((a, b) => b.impact.failed - a.impact.failed);
  if (worst && worst.impact.failed > 0) {
    const { impact, probe } = worst;
    sentences.push(
      `From ${formatDuration((moments.impact?.tMs ?? impact.fromTMs) - deployed)} on, ${impact.failed} of ${count(impact.requests, 'request')} of probe ${probe.name} failed (${percent(impact.errorRate ?? 0)}), for ${formatDuration(impact.toTMs - impact.fromTMs)}.`,
    );
  } else if (worst)
    sentences.push(
      `From ${formatDuration(worst.impact.fromTMs - deployed)} on, probe ${worst.probe.name} was slower than its limit.`,
    );
  else sentences.push('No probe request failed.');

  const { detected, diagnosed, restored } = moments;
  if (!detected) {
    if (verdict.outcome === 'missed') sentences.push(`Nothing told within ${formatDuration(watchedUntil(record) - deployed)}.`);
  } else {
    const wrong = record.diagnosis.answers.filter(answer => !answer.correct).length;
    const cause = diagnosed
      ? `the cause was named ${wrong > 0 ? `at the ${ordinal(wrong + 1)} try, ` : ''}after ${formatDuration(diagnosed.tMs - deployed)}`
      : 'the cause was not named';
    sentences.push(
      `${record.detectors.some(each => each.name === detected.by) ? 'Detector ' : ''}${detected.by} told after ${formatDuration(detected.tMs - deployed)}, ${cause}${backSentence(record, deployed)}.`,
    );
  }
  if (restored) {
    const healthy = moments['healthy-since'];
    sentences.push(
      healthy
        ? `The service was healthy from ${formatDuration(healthy.tMs - deployed)} on, and shown to be after ${formatDuration(restored.tMs - deployed)}.`
        : `The service was shown to be healthy after ${formatDuration(restored.tMs - deployed)}.`,
    );
  } else if (verdict.outcome === 'unfinished') sentences.push('Then the record ends: the process was killed, or it still runs.');
  else if (verdict.reason && (detected || verdict.outcome !== 'missed')) sentences.push(`${capital(verdict.reason)}.`);
  return sentences;
}

function backSentence(record: RunRecord, deployed: number): string {
  const issued = record.moments['rollback-issued'];
  const done = record.moments['rolled-back'];
  if (!issued && !done) return '';
  if (!done) return `; the rollback was ordered after ${formatDuration((issued?.tMs ?? 0) - deployed)} and did not finish`;
  return `; it was rolled back after ${formatDuration(done.tMs - deployed)}`;
}

/** "rehearse/shop:1.4.0 → rehearse/shop:1.5.0" when the injected diff changes an image, which is what people look for. */
function imageChange(record: RunRecord): string | undefined {
  const diff = record.injected?.changes.map(change => change.diff).join('\n') ?? '';
  const before = /^-\s*(?:- )?image: *(\S+)/m.exec(diff)?.[1];
  const after = /^\+\s*(?:- )?image: *(\S+)/m.exec(diff)?.[1];
  return before && after ? `${before} → ${after}` : undefined;
}

function ordinal(n: number): string {
  return ['zeroth', 'first', 'second', 'third', 'fourth', 'fifth', 'sixth'][n] ?? `${n}th`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');
}
