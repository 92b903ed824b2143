/** Steps against what the runbook says, against the run before, and the times that it should say. Pure. */
import type { PhaseName } from '../record/events.ts';
import type { RunRecord, StepRecord } from '../record/run-record.ts';
import { median } from './statistics.ts';
import { timeSpent } from './time-spent.ts';

/** Shorter than this nobody waited. */
const LEAST_WAIT_MS = 2000;

export interface Wait {
  startTMs: number;
  endTMs: number;
  /** ms of it that are neither a hand-over nor a pause. */
  waitedMs: number;
  after: StepRecord | undefined;
  before: StepRecord | undefined;
}

/**
 * Stretches of the recovery in which no step of the runbook was under way. Hand-overs and pauses are told elsewhere and do not count.
 */
export function unexplainedWaits(record: RunRecord): Wait[] {
  const spent = timeSpent(record);
  const { steps } = record.runbook;
  if (!spent || steps.length === 0) return [];
  const explained = spent.spans.filter(span => span.spending === 'hand-over' || span.spending === 'pause');
  const waits: Wait[] = [];
  let at = spent.fromTMs;
  let after: StepRecord | undefined;
  const gap = (end: number, before: StepRecord | undefined) => {
    const elsewhere = explained.reduce(
      (sum, span) => sum + Math.max(0, Math.min(span.endTMs, end) - Math.max(span.startTMs, at)),
      0,
    );
    if (end - at - elsewhere >= LEAST_WAIT_MS)
      waits.push({ startTMs: at, endTMs: end, waitedMs: end - at - elsewhere, after, before });
  };
  for (const step of steps.toSorted((a, b) => a.startTMs - b.startTMs)) {
    if (step.startTMs >= spent.toTMs) break;
    gap(step.startTMs, step);
    const end = step.durationMs === undefined ? spent.toTMs : step.startTMs + step.durationMs;
    if (end >= at) after = step;
    at = Math.max(at, end);
  }
  gap(spent.toTMs, undefined);
  return waits;
}

/** Steps of the runbook that nobody came to, in its order; none when the record does not have the outline. */
export function unreachedSteps(record: RunRecord): { id: string; title: string; phase?: PhaseName | undefined }[] {
  const reached = new Set(record.runbook.steps.map(step => step.id));
  return (record.plan?.runbook?.outline ?? []).filter(step => !reached.has(step.id));
}

export interface StepTime {
  id: string;
  title: string;
  phase: PhaseName | undefined;
  does: string;
  expectedMs: number | undefined;
  /** Of all visits together; undefined when it never ended, or was left out. */
  durationMs: number | undefined;
}

/** One entry a step, in the order in which they were first come to. */
export function stepTimes(record: RunRecord): StepTime[] {
  const times = new Map<string, StepTime>();
  for (const { id, title, phase, does, expectedMs, durationMs, outcome } of record.runbook.steps) {
    const time = times.get(id) ?? { id, title, phase, does, expectedMs, durationMs: undefined };
    times.set(id, time);
    if (outcome !== 'skipped' && durationMs !== undefined) time.durationMs = (time.durationMs ?? 0) + durationMs;
  }
  return [...times.values()];
}

export interface Comparison {
  previous: RunRecord;
  steps: (StepTime & { thenMs: number | undefined; change: 'same' | 'faster' | 'slower' | 'new' | 'gone' })[];
  phases: { name: PhaseName | 'total'; nowMs: number | undefined; thenMs: number | undefined }[];
}

/** This run beside an earlier one of the same runbook. A step counts as faster or slower from a tenth and half a second on. */
export function compareRuns(record: RunRecord, previous: RunRecord): Comparison {
  const now = stepTimes(record);
  const then = new Map(stepTimes(previous).map(step => [step.id, step]));
  const gone = [...then.values()].filter(step => !now.some(each => each.id === step.id));
  const steps = now.map(step => {
    const before = then.get(step.id);
    return {
      ...step,
      thenMs: before?.durationMs,
      change: before ? changeOf(step.durationMs, before.durationMs) : ('new' as const),
    };
  });
  return {
    previous,
    steps: [
      ...steps,
      ...gone.map(step => ({ ...step, durationMs: undefined, thenMs: step.durationMs, change: 'gone' as const })),
    ],
    phases: [
      ...(['detection', 'diagnosis', 'rollback', 'verification'] as const).map(name => ({
        name,
        nowMs: record.phases[name].durationMs,
        thenMs: previous.phases[name].durationMs,
      })),
      { name: 'total', nowMs: record.recovery.durationMs, thenMs: previous.recovery.durationMs },
    ],
  };
}

function changeOf(now: number | undefined, then: number | undefined): 'same' | 'faster' | 'slower' {
  if (now === undefined || then === undefined) return 'same';
  const difference = now - then;
  if (Math.abs(difference) < Math.max(500, then * 0.1)) return 'same';
  return difference < 0 ? 'faster' : 'slower';
}

/** Whether two runs followed the same runbook: the same file, or the same text under another name. */
export function sameRunbook(left: RunRecord, right: RunRecord): boolean {
  const [a, b] = [left.plan?.runbook, right.plan?.runbook];
  return a !== undefined && b !== undefined && (a.digest === b.digest || a.path === b.path);
}

export interface ImprovedTime {
  id: string;
  title: string;
  /** As the runbook has it. */
  expectedMs: number | undefined;
  /** What it took: the median of the runs. */
  tookMs: number;
  runs: number;
  /** As a runbook writes it: "15s". */
  improved: string;
  /** What the runbook says stays: people read and decide here, and nobody did in an automatic run that was faster. */
  kept: boolean;
}

/** The expected times that these runs suggest: the median of each step that was done, rounded up to a figure that people use. */
export function improvedTimes(record: RunRecord, previous: readonly RunRecord[] = []): ImprovedTime[] {
  const earlier = previous.filter(run => run.mode === record.mode).map(doneSteps);
  return [...doneSteps(record)].map(([id, step]) => {
    const all = [step.durationMs, ...earlier.flatMap(run => run.get(id)?.durationMs ?? [])];
    const tookMs = median(all) ?? step.durationMs;
    const { title, does, expectedMs } = step;
    const kept = record.mode === 'automatic' && !WAITS.has(does) && expectedMs !== undefined && tookMs < expectedMs;
    const improved = kept ? written(expectedMs) : roundedUp(tookMs);
    return { id, title, expectedMs, tookMs, runs: all.length, improved, kept };
  });
}

/** As long with people as without. */
const WAITS = new Set(['await-detection', 'rollback', 'verify', 'wait', 'assert']);

/** Steps that went well; what was left out or failed says nothing about how long it should take. */
function doneSteps(record: RunRecord): Map<string, StepTime & { durationMs: number }> {
  const failed = new Set(record.runbook.steps.filter(step => step.outcome !== 'passed').map(step => step.id));
  return new Map(
    stepTimes(record).flatMap(step =>
      step.durationMs === undefined || failed.has(step.id) ? [] : [[step.id, { ...step, durationMs: step.durationMs }] as const],
    ),
  );
}

const ROUND_TO: readonly [below: number, step: number][] = [
  [10_000, 1000],
  [60_000, 5000],
  [5 * 60_000, 15_000],
  [20 * 60_000, 60_000],
  [Number.POSITIVE_INFINITY, 5 * 60_000],
];

function roundedUp(ms: number): string {
  const step = ROUND_TO.find(([below]) => ms < below)?.[1] ?? 1000;
  return written(Math.max(step, Math.ceil(ms / step) * step));
}

function written(ms: number): string {
  if (ms % 1000 !== 0) return `${Math.round(ms)}ms`;
  return ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`;
}
