/** The runbook, step by step: what it says against what it took, what was left out, and what no step explains. */
import { compareRuns, improvedTimes, type Wait } from '../../insights/runbook-times.ts';
import type { TimeSpent } from '../../insights/time-spent.ts';
import { eventNumber } from '../../record/find-event.ts';
import type { RunRecord, StepRecord } from '../../record/run-record.ts';
import { meter } from '../charts/meter.ts';
import { formatDuration } from '../format.ts';
import type { ViewContext } from './context.ts';
import { dateText } from './measurement.ts';
import { spentText } from './minutes.ts';

export interface RunbookFacts {
  spent: TimeSpent | undefined;
  waits: readonly Wait[];
  unreached: readonly { title: string }[];
  /** Earlier runs of the same runbook, the one to compare with first. */
  previous: readonly RunRecord[];
}

export function runbookView(context: ViewContext, facts: RunbookFacts) {
  const { record } = context;
  const plan = record.plan?.runbook;
  const missing = Math.max(0, (plan?.steps ?? 0) - new Set(record.runbook.steps.map(step => step.id)).size);
  return {
    title: plan?.title ?? '',
    path: plan?.path ?? '',
    owners: plan?.owners.join(', ') ?? '',
    unreached: facts.unreached.map(step => step.title),
    // Records without an outline have only the count.
    unreachedCount: facts.unreached.length > 0 ? 0 : missing,
    steps: record.runbook.steps.map((step, index) => ({
      ...stepView(context, facts, step, index),
      wait: waitView(
        context,
        facts.waits.find(wait => wait.before?.startTMs === step.startTMs && wait.before.id === step.id),
      ),
    })),
    waitAfter: waitView(
      context,
      facts.waits.find(wait => wait.before === undefined),
    ),
    comparison: comparisonView(record, facts.previous),
    improved: improvedView(record, facts.previous),
  };
}

/** A wait between steps, with what was written down in it; hand-overs and pauses are told elsewhere. */
function waitView(context: ViewContext, wait: Wait | undefined) {
  return wait && { length: formatDuration(wait.waitedMs), notes: notesView(context, wait.startTMs, wait.endTMs) };
}

function notesView({ record, since }: ViewContext, fromTMs: number, toTMs: number) {
  return record.notes
    .filter(note => note.by !== undefined && note.tMs >= fromTMs && note.tMs < toTMs)
    .map(note => ({ when: since(note.tMs), by: note.by ?? '', text: note.text }));
}

function stepView(context: ViewContext, { spent }: RunbookFacts, step: StepRecord, index: number) {
  const { record, since, links } = context;
  const { durationMs, expectedMs, startTMs } = step;
  const skipped = step.outcome === 'skipped';
  const over = !skipped && durationMs !== undefined && expectedMs !== undefined && durationMs > expectedMs;
  const endTMs = durationMs === undefined ? Number.POSITIVE_INFINITY : startTMs + durationMs;
  return {
    number: index + 1,
    title: step.title,
    phase: step.phase ?? '',
    does: step.does,
    owner: step.owner ?? '',
    by: step.by ?? '',
    when: since(startTMs),
    durationMs,
    expected: expectedMs === undefined ? 'no expected time' : `expected ${formatDuration(expectedMs)}`,
    over,
    difference: over ? `${formatDuration(durationMs - expectedMs)} over` : '',
    meter:
      durationMs === undefined || expectedMs === undefined || skipped
        ? ''
        : meter(durationMs, expectedMs, step.phase ? `p-${step.phase}` : 'quiet', 6),
    spent: spentText(spent, step.id, startTMs, endTMs),
    outcome: step.outcome,
    tone: step.outcome === 'passed' ? 'good' : skipped || step.outcome === 'unfinished' ? 'neutral' : 'bad',
    // What a reader would not expect of a step that was done.
    remarks: [
      step.visit > 1 ? `come to again, time ${step.visit}` : '',
      step.tries > 1 ? `${step.tries} tries` : '',
      step.byHand ? 'done by own hands, outside the tool' : '',
    ].filter(Boolean),
    reason: step.reason ? `${skipped ? 'Skipped' : 'Left'}: “${step.reason}”` : '',
    command: step.command ?? '',
    output: step.output,
    error: step.error ?? '',
    notes: notesView(context, startTMs, endTMs),
    hasDetails: Boolean(step.command || step.output),
    events: links([eventNumber(record, 'runbook.step.started', startTMs)]),
  };
}

function comparisonView(record: RunRecord, previous: readonly RunRecord[]) {
  const [last] = previous;
  if (!last) return undefined;
  const { steps, phases } = compareRuns(record, last);
  const changed = last.plan?.runbook?.digest !== record.plan?.runbook?.digest;
  return {
    run: last.runId,
    date: dateText(last.startedAt),
    how: last.mode === 'practice' ? `practised by ${last.operator}` : 'automatic',
    scenario: last.scenario.name === record.scenario.name ? '' : last.scenario.title,
    changed,
    phases: phases
      .filter(each => each.nowMs !== undefined || each.thenMs !== undefined)
      .map(each => ({
        title: each.name === 'total' ? 'Recovery' : `${each.name.charAt(0).toUpperCase()}${each.name.slice(1)}`,
        main: each.name === 'total',
        ...figures(each.nowMs, each.thenMs),
      })),
    steps: steps.map(step => ({
      title: step.title,
      word: step.change === 'new' ? 'new' : step.change === 'gone' ? 'not followed this time' : '',
      ...figures(step.durationMs, step.thenMs),
    })),
  };
}

function figures(nowMs: number | undefined, thenMs: number | undefined) {
  const difference = nowMs === undefined || thenMs === undefined ? undefined : nowMs - thenMs;
  const small = difference === undefined || Math.abs(difference) < Math.max(500, (thenMs ?? 0) * 0.1);
  const sign = (difference ?? 0) < 0 ? '−' : '+';
  return {
    now: nowMs === undefined ? '–' : formatDuration(nowMs),
    earlier: thenMs === undefined ? '–' : formatDuration(thenMs),
    difference: difference === undefined ? '' : small ? 'about the same' : `${sign}${formatDuration(Math.abs(difference))}`,
    tone: small ? '' : (difference ?? 0) < 0 ? 'faster' : 'slower',
  };
}

/** YAML for the front matter of the runbook. */
function improvedView(record: RunRecord, previous: readonly RunRecord[]) {
  const times = improvedTimes(record, previous);
  if (times.length === 0) return undefined;
  const runs = Math.max(...times.map(time => time.runs));
  const width = Math.max(...times.map(time => time.id.length + time.improved.length));
  const lines = times.map(({ id, improved, kept, tookMs, expectedMs }) => {
    const was = expectedMs === undefined ? 'was not given' : `was ${plain(expectedMs)}`;
    const took = `${runs > 1 ? 'median' : 'took'} ${plain(tookMs)}`;
    const why = kept ? `kept, ${took} with nobody reading` : `${took}, ${was}`;
    return `  ${id}: ${improved}${' '.repeat(width - id.length - improved.length)}  # ${why}`;
  });
  const kept = times.some(time => time.kept);
  return { kept, from: runs > 1 ? `the median of ${runs} runs` : 'this run', yaml: ['expected:', ...lines].join('\n') };
}

const plain = (ms: number) => formatDuration(ms).replaceAll('\u00a0', ' ');
