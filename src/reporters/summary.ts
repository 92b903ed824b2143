/** The end of a run in the terminal: verdict, where the time went, what told, proof of restore, and the report as the last line. */
import { formatDuration } from '../record/duration.ts';
import { objectText, suspectText } from '../record/event-text.ts';
import { type Activity, phaseName } from '../record/events.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import type { RunRecord } from '../record/run-record.ts';
import { spanCells } from './charts.ts';
import type { ReportFiles, Screen } from './reporter.ts';
import { type Colour, pad, padStart, type Style, styleFor, truncate, wrap } from './style.ts';

const WIDEST = 100;
const NARROWEST = 40;
const LABEL = 17;

/** Without control codes unless the screen has colour; every line fits the screen, only the path of the report may be longer. */
export function summaryLines(record: RunRecord, files: ReportFiles, screen: Screen): string[] {
  const style = styleFor(screen);
  const width = Math.max(NARROWEST, Math.min(WIDEST, screen.columns)) - 1;
  const lines = ['', ...verdict(record, style, width), ''];
  const table = phaseTable(record, style, width);
  if (table.length > 0) lines.push(...table, '');
  const facts = factLines(record);
  for (const [label, text, colour] of facts) {
    const [first = '', ...more] = wrap(style.plain(harmlessLine(text)), width - LABEL - 3);
    const isLong = label.length >= LABEL;
    if (isLong) lines.push(`   ${style.paint(style.plain(label), 'dim')}`);
    lines.push(`   ${style.paint(pad(isLong ? '' : label, LABEL), 'dim')}${paint(style, first, colour)}`);
    for (const line of more) lines.push(' '.repeat(LABEL + 3) + paint(style, line, colour));
  }
  if (facts.length > 0) lines.push('');
  lines.push(`Report: ${files.report}`);
  return lines;
}

function paint(style: Style, text: string, colour: Colour | undefined): string {
  return colour ? style.paint(text, colour) : text;
}

const HEADLINES: Record<RunRecord['verdict']['outcome'], { text: string; colour: Colour }> = {
  met: { text: 'OBJECTIVES MET', colour: 'green' },
  missed: { text: 'OBJECTIVES MISSED', colour: 'red' },
  refused: { text: 'REFUSED, nothing was changed', colour: 'red' },
  error: { text: 'ERROR while running', colour: 'red' },
  'not-restored': { text: 'NOT RESTORED', colour: 'red' },
  interrupted: { text: 'INTERRUPTED', colour: 'yellow' },
  unfinished: { text: 'UNFINISHED', colour: 'yellow' },
};

function verdict(record: RunRecord, style: Style, width: number): string[] {
  const { outcome, reason } = record.verdict;
  const { text, colour } = HEADLINES[outcome];
  const mark = outcome === 'met' ? style.marks.passed : style.marks.failed;
  const title = harmlessLine(`${record.scenario.name}: ${record.scenario.title}`);
  const headline = ` ${style.paint(`${mark} ${text}`, colour, 'bold')}`;
  const { durationMs, objectiveMs, met } = record.recovery;
  const recovery =
    durationMs === undefined
      ? []
      : [
          `Recovery took ${style.paint(formatDuration(durationMs), met === false ? 'red' : 'green', 'bold')} from the bad deploy to the restored service${
            objectiveMs === undefined ? '' : ` (objective ${formatDuration(objectiveMs)})`
          }.`,
        ];
  const why = outcome === 'met' || reason === '' ? [] : wrap(style.plain(harmlessLine(sentence(reason))), width - 3);
  return [
    headline,
    ...[
      truncate(style.plain(title), width - 3, style.marks.ellipsis),
      ...recovery.flatMap(text => wrap(text, width - 3)),
      ...why,
    ].map(line => `   ${line}`),
  ];
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? '' : '.'}`;
}

/** Every phase on the one axis from t0 to t4, so that it shows where the time went. */
function phaseTable(record: RunRecord, style: Style, width: number): string[] {
  const deployed = record.moments.deployed?.tMs;
  if (deployed === undefined) return [];
  const end = Math.max(
    ...phaseName.options.map(name => record.phases[name].endTMs ?? deployed),
    deployed + (record.recovery.durationMs ?? 0),
  );
  const open = phaseName.options.find(name => record.phases[name].censored);
  const total = open ? Math.max(end, drillEnd(record)) - deployed : end - deployed;
  const barWidth = width - 45;
  const row = (mark: string, name: string, took: string, objective: string, bar: string) =>
    ` ${mark} ${pad(name, 13)} ${padStart(took, 10)} ${padStart(objective, 12)}  ${bar}`.trimEnd();
  const lines = [style.paint(row(' ', 'phase', 'took', 'objective', ''), 'dim')];
  for (const name of phaseName.options) {
    const phase = record.phases[name];
    const colour: Colour = phase.met === false || phase.censored ? 'red' : phase.durationMs === undefined ? 'dim' : 'green';
    const mark = colour === 'red' ? style.marks.failed : colour === 'dim' ? style.marks.waiting : style.marks.passed;
    const from = phase.startTMs;
    const until = phase.endTMs ?? (phase.censored ? deployed + total : undefined);
    let bar = '';
    if (barWidth >= 8 && from !== undefined && until !== undefined) {
      const { offset, length } = spanCells(from - deployed, until - deployed, total, barWidth);
      bar = ' '.repeat(offset) + style.paint((phase.censored ? style.marks.rest : style.marks.bar).repeat(length), colour);
    }
    const took =
      phase.durationMs === undefined ? (phase.censored ? 'not done' : style.marks.dash) : formatDuration(phase.durationMs);
    const objective = phase.objectiveMs === undefined ? style.marks.dash : formatDuration(phase.objectiveMs);
    lines.push(row(style.paint(mark, colour), name, took, objective, bar));
  }
  const { durationMs, objectiveMs, met } = record.recovery;
  const mark =
    durationMs === undefined || met === false ? style.paint(style.marks.failed, 'red') : style.paint(style.marks.passed, 'green');
  const took = durationMs === undefined ? 'not done' : formatDuration(durationMs);
  const objective = objectiveMs === undefined ? style.marks.dash : formatDuration(objectiveMs);
  lines.push(row(mark, 'recovery', style.paint(padStart(took, 10), 'bold'), objective, ''));
  return lines;
}

/** When the drill itself was over: the restore began, or the run ended. */
function drillEnd(record: RunRecord): number {
  return record.restore?.startedTMs ?? record.endedTMs;
}

function factLines(record: RunRecord): [string, string, (Colour | undefined)?][] {
  const facts: [string, string, (Colour | undefined)?][] = [];
  const {
    moments,
    failure,
    restore,
    verdict: { outcome },
  } = record;
  const checks = outcome === 'refused' ? [...(record.guard?.checks ?? []), ...(record.preflight?.checks ?? [])] : [];
  const unfit = checks.filter(check => !check.ok);
  for (const { name, detail, remedy } of unfit) facts.push([name, remedy ? `${detail}. ${sentence(remedy)}` : detail, 'red']);
  // The verdict has said it, and the checks say it one by one.
  if (failure && unfit.length === 0) facts.push(['what failed', failure.message, 'red']);
  if (failure?.remedy && unfit.length === 0) facts.push(['what to do', failure.remedy]);
  if (moments.deployed) facts.push(...detectionFacts(record));
  if (moments.deployed && moments.detected) facts.push(['diagnosis', ...diagnosisFact(record)]);
  if (record.alertToCommandMs !== undefined) {
    facts.push(['alert to command', `${formatDuration(record.alertToCommandMs)} from the first signal to the rollback command`]);
  }
  const minutes = minutesFact(record);
  if (minutes !== '') facts.push(['time went to', minutes]);
  const { steps } = record.runbook;
  if (steps.length > 0) facts.push(['runbook', ...runbookFact(record)]);
  if (restore) facts.push(['restore', ...restoreFact(record)]);
  return facts;
}

function detectionFacts(record: RunRecord): [string, string, (Colour | undefined)?][] {
  const deployed = record.moments.deployed?.tMs ?? 0;
  const first = record.detectors.find(detector => detector.first);
  const signal = first?.signals.find(one => one.tMs >= deployed);
  const facts: [string, string, (Colour | undefined)?][] = [];
  if (first && signal) {
    facts.push([
      'first signal',
      `${formatDuration(signal.tMs - deployed)} after the deploy, by ${first.name}: ${signal.message}`,
    ]);
  } else if (record.moments.detected) {
    const { by, tMs } = record.moments.detected;
    facts.push(['first signal', `${formatDuration(tMs - deployed)} after the deploy, by ${by}`]);
  } else facts.push(['first signal', 'none: the bad deploy was never detected', 'red']);
  const others = record.detectors.filter(detector => detector !== first);
  if (others.length > 0) {
    const told = others.map(({ name, afterDeployMs }) => `${name} ${toldWhen(afterDeployMs, record.recovery.durationMs)}`);
    facts.push([others.length === 1 ? 'other detector' : 'other detectors', told.join(', ')]);
  }
  return facts;
}

/** What a detector tells after the service was restored is about the clean-up, not about the bad deploy. */
function toldWhen(afterDeployMs: number | undefined, recoveryMs: number | undefined): string {
  if (afterDeployMs === undefined) return 'never told';
  if (recoveryMs !== undefined && afterDeployMs > recoveryMs) return 'told nothing until the service was restored';
  return `after ${formatDuration(afterDeployMs)}`;
}

function diagnosisFact(record: RunRecord): [string, Colour | undefined] {
  const { answers } = record.diagnosis;
  const right = answers.findIndex(answer => answer.correct);
  const answer = answers[right] ?? answers.at(-1);
  const [suspect] = answer?.suspects ?? [];
  if (!answer || !suspect) return ['no suspect was named', 'red'];
  const named = `${suspectText(suspect)}: ${suspect.change}`;
  if (right < 0) return [`wrong: ${named}`, 'red'];
  return [right === 0 ? `${named} (right at once)` : `${named} (right at answer ${right + 1})`, undefined];
}

const SPENT: [Activity, string][] = [
  ['person', 'people'],
  ['machine', 'commands'],
  ['cluster', 'the cluster'],
  ['hand-over', 'hand-overs'],
  ['pause', 'pauses'],
];

/** What the time between t0 and t4 (or the end of the drill) went into; nothing where nobody practised. */
function minutesFact({ mode, activities, moments }: RunRecord): string {
  const deployed = moments.deployed?.tMs;
  if (mode !== 'practice' || deployed === undefined) return '';
  const spent = (one: Activity) =>
    activities
      .filter(({ activity }) => activity === one)
      .reduce((sum, { startTMs, endTMs }) => sum + Math.max(0, endTMs - Math.max(startTMs, deployed)), 0);
  return SPENT.map(([activity, name]) => ({ name, ms: spent(activity) }))
    .filter(({ ms }) => ms > 0)
    .map(({ name, ms }) => `${name} ${formatDuration(ms)}`)
    .join(', ');
}

function runbookFact(record: RunRecord): [string, Colour | undefined] {
  const { steps } = record.runbook;
  const passed = steps.filter(step => step.outcome === 'passed').length;
  const slow = steps.filter(
    step => step.durationMs !== undefined && step.expectedMs !== undefined && step.durationMs > step.expectedMs,
  );
  const bad = steps.filter(step => step.outcome !== 'passed' && step.outcome !== 'skipped');
  const skipped = steps.filter(step => step.outcome === 'skipped').length;
  const parts = [`${passed} of ${steps.length} steps passed`];
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (bad.length > 0)
    parts.push(bad.map(step => `"${step.title}" ${step.outcome}${step.error ? ` (${step.error})` : ''}`).join(', '));
  if (slow.length > 0) parts.push(`slower than expected: ${slow.map(step => `"${step.title}"`).join(', ')}`);
  return [parts.join('; '), bad.length > 0 ? 'red' : undefined];
}

function restoreFact(record: RunRecord): [string, Colour | undefined] {
  const { restore } = record;
  if (!restore) return ['', undefined];
  if (restore.finishedTMs === undefined) return ['not finished: run `rehearse restore`', 'red'];
  if (!restore.proven) {
    const wrong = restore.objects.filter(one => !one.equal).map(one => objectText(one.object));
    return [`NOT proven, still different: ${wrong.join(', ') || 'unknown'}. Run \`rehearse restore\`.`, 'red'];
  }
  const count = restore.objects.length;
  const put = restore.objects.filter(one => one.action !== 'as-found').length;
  const objects = count === 1 ? 'the target is as found' : `all ${count} objects are as found`;
  const how =
    put === 0
      ? ", by the drill's own rollback"
      : put === count
        ? ', put back by the safety net'
        : `, ${put} put back by the safety net`;
  const after = record.steadyState.after;
  const steady = after ? (after.ok ? ', steady state holds' : ', but the steady state does not hold') : '';
  return [`proven: ${objects}${how}${steady}`, after?.ok === false ? 'yellow' : 'green'];
}
