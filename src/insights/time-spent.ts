/** Where the minutes went: what people, machines, the cluster and hand-overs took of each phase. Pure. */
import type { Activity, PhaseName } from '../record/events.ts';
import type { RunRecord, StepRecord } from '../record/run-record.ts';

/** `untold`: nothing on the record says what it went into. */
export type Spending = Activity | 'untold';
export const SPENDINGS: readonly Spending[] = ['person', 'machine', 'cluster', 'hand-over', 'pause', 'untold'];

const PHASES: readonly PhaseName[] = ['detection', 'diagnosis', 'rollback', 'verification'];

export interface Span {
  spending: Spending;
  startTMs: number;
  endTMs: number;
  stepId: string | undefined;
  detail: string | undefined;
}

export interface TimeSpent {
  /** t0. */
  fromTMs: number;
  /** t4, or when the drill gave up. */
  toTMs: number;
  /** From t0 to t4 without a gap or an overlap, in order; cut at the bounds of phases. */
  spans: (Span & { phase: PhaseName })[];
  /** ms; their sum over all phases is `toTMs - fromTMs`. */
  phases: Record<PhaseName, Record<Spending, number>>;
  total: Record<Spending, number>;
}

/** Undefined when nothing was deployed: no time was spent then. */
export function timeSpent(record: RunRecord): TimeSpent | undefined {
  const from = record.moments.deployed?.tMs;
  if (from === undefined) return undefined;
  const to = Math.max(from, record.moments.restored?.tMs ?? record.restore?.startedTMs ?? record.endedTMs);
  const told = record.activities.length > 0 ? fromActivities(record) : fromSteps(record.runbook.steps, to);
  const spans = phaseBounds(record, from, to).flatMap(({ phase, start, end }) =>
    withoutGaps(told, start, end).map(span => ({ ...span, phase })),
  );
  const phases = Object.fromEntries(PHASES.map(phase => [phase, sums(spans.filter(span => span.phase === phase))]));
  return { fromTMs: from, toTMs: to, spans, phases: phases as TimeSpent['phases'], total: sums(spans) };
}

/** ms that people spent in each step, by id. */
export function peoplesTime(spent: TimeSpent): Map<string, number> {
  const times = new Map<string, number>();
  for (const { spending, stepId, startTMs, endTMs } of spent.spans)
    if (spending === 'person' && stepId !== undefined) times.set(stepId, (times.get(stepId) ?? 0) + endTMs - startTMs);
  return times;
}

/** Phases follow each other without a gap here, also where somebody rolled back before naming the cause, or never named it. */
function phaseBounds(record: RunRecord, from: number, to: number): { phase: PhaseName; start: number; end: number }[] {
  const { moments, phases } = record;
  const starts = [from, moments.detected?.tMs, phases.rollback.startTMs, moments['rolled-back']?.tMs];
  const bounds: number[] = [];
  for (const start of starts) bounds.push(Math.min(to, Math.max(bounds.at(-1) ?? from, start ?? to)));
  return PHASES.map((phase, index) => ({ phase, start: bounds[index] as number, end: bounds[index + 1] ?? to }));
}

function fromActivities(record: RunRecord): Span[] {
  return record.activities.map(({ activity, ...span }) => ({ spending: activity, ...span }));
}

/** Runs that did not tell: what a step does says who was at work. */
function fromSteps(steps: readonly StepRecord[], until: number): Span[] {
  return steps
    .filter(step => step.outcome !== 'skipped')
    .map(step => ({
      spending: spendingOf(step.does),
      startTMs: step.startTMs,
      endTMs: step.durationMs === undefined ? until : step.startTMs + step.durationMs,
      stepId: step.id,
      detail: undefined,
    }));
}

function spendingOf(does: string): Activity {
  if (['ask', 'confirm', 'decide'].includes(does)) return 'person';
  return ['await-detection', 'rollback', 'verify', 'wait', 'assert'].includes(does) ? 'cluster' : 'machine';
}

/** Between two events that are written one after the other. */
const INSTANT_MS = 50;

/** The spans within a window, each moment given to one of them, and to `untold` where there is none. */
function withoutGaps(spans: readonly Span[], from: number, to: number): Span[] {
  const result: Span[] = [];
  let at = from;
  const untold = (end: number) => {
    if (end > at) result.push({ spending: 'untold', startTMs: at, endTMs: end, stepId: undefined, detail: undefined });
    at = Math.max(at, end);
  };
  for (const span of spans.toSorted((a, b) => a.startTMs - b.startTMs)) {
    const end = Math.min(to, span.endTMs);
    if (end <= at || span.startTMs >= to) continue;
    if (span.startTMs - at > INSTANT_MS) untold(span.startTMs);
    // What began and ended at once took nothing.
    if (end > at) result.push({ ...span, startTMs: at, endTMs: end });
    at = Math.max(at, end);
  }
  untold(to);
  return result;
}

function sums(spans: readonly Span[]): Record<Spending, number> {
  const result: Record<Spending, number> = { person: 0, machine: 0, cluster: 0, 'hand-over': 0, pause: 0, untold: 0 };
  for (const { spending, startTMs, endTMs } of spans) result[spending] += endTMs - startTMs;
  return result;
}
