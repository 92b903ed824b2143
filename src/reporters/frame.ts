/** The live part of the screen as lines of text. Pure: the same progress, time and width give the same frame. */
import { formatClock, formatDuration } from '../record/duration.ts';
import { suspectText } from '../record/event-text.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import { objectiveBar, sparkline } from './charts.ts';
import type { PhaseProgress, Progress } from './progress.ts';
import { type Colour, displayWidth, pad, padStart, type Style, truncate } from './style.ts';

const LABEL = 10;
/** Window of the sparklines: a column is one of these, the newest on the right. */
const COLUMN_MS = 500;
const LEVEL_WINDOW_MS = 2000;
const WIDEST = 110;
const SIGNALS_SHOWN = 3;

export interface FrameSize {
  columns: number;
  /** Lines that may be used; the least important are left out first. */
  rows: number;
}

/** A line of a frame, with how soon it goes when there is no room: 0 stays longest. */
export interface RankedLine {
  text: string;
  rank: number;
}

/** The last column stays free: a character there makes some terminals go to the next line. */
export function frameWidth(columns: number): number {
  return Math.max(20, Math.min(WIDEST, columns) - 1);
}

/** @param tMs ms of run time now */
export function frameLines(progress: Progress, tMs: number, size: FrameSize, style: Style): string[] {
  const width = frameWidth(size.columns);
  const lines: RankedLine[] = [
    { text: rule(style, width), rank: 3 },
    { text: heading(progress, tMs, width, style), rank: 0 },
    { text: injected(progress, style), rank: 4 },
    { text: '', rank: 6 },
    ...progress.phases().map(phase => ({ text: phaseLine(phase, tMs, width, style), rank: 1 })),
    { text: '', rank: 6 },
    { text: stepLine(progress, tMs, width, style), rank: 2 },
    ...serviceLines(progress, tMs, width, style).map(text => ({ text, rank: 3 })),
    ...signalLines(progress, style).map((text, index) => ({ text, rank: 4 + index })),
    { text: suspectLine(progress, style), rank: 5 },
    { text: verificationLine(progress, style), rank: 5 },
  ];
  const wanted = lines.filter(line => line.text !== '' || line.rank === 6);
  return fitRows(wanted, size.rows).map(line => truncate(line.text, width, style.marks.ellipsis));
}

/** As many of the lines as there are rows: the lowest of the highest rank go first. */
export function fitRows<Line extends RankedLine>(lines: readonly Line[], rows: number): Line[] {
  const kept = [...lines];
  while (kept.length > Math.max(1, rows)) {
    const worst = Math.max(...kept.map(line => line.rank));
    kept.splice(
      kept.findLastIndex(line => line.rank === worst),
      1,
    );
  }
  return kept;
}

export function rule(style: Style, width: number): string {
  return style.paint(style.marks.rule.repeat(width), 'dim');
}

export function heading(progress: Progress, tMs: number, width: number, style: Style): string {
  const { started, moments } = progress;
  if (!started) return style.paint('rehearse', 'bold');
  const deployed = moments.get('deployed');
  const restored = moments.get('restored');
  const clock = recoveryClock(progress, tMs);
  const objective = started.objectives.total;
  const aim = deployed !== undefined && objective !== undefined ? ` of ${formatDuration(objective)}` : '';
  const late = deployed !== undefined && objective !== undefined && (restored ?? tMs) - deployed > objective;
  const right = style.paint(clock + aim, late ? 'red' : deployed === undefined ? 'cyan' : 'bold');
  const rightWidth = clock.length + aim.length;
  const name = style.plain(harmlessLine(`${started.scenario.name}${style.marks.separator}${started.scenario.title}`));
  const left = truncate(name, Math.max(0, width - rightWidth - 3), style.marks.ellipsis);
  return ` ${pad(style.paint(left, 'bold'), width - rightWidth - 2)} ${right}`;
}

/** What the time of the whole drill is at; in a blind drill, where the deploy is not known, since the alert. */
export function recoveryClock({ started, moments, activity }: Progress, tMs: number): string {
  const deployed = moments.get('deployed');
  const restored = moments.get('restored');
  const detected = moments.get('detected');
  if (deployed !== undefined) {
    return restored === undefined
      ? `recovery ${formatClock(tMs - deployed)}`
      : `recovered in ${formatDuration(restored - deployed)}`;
  }
  if (detected !== undefined) return `${formatClock(tMs - detected)} since the alert`;
  return started?.blind ? 'no alert yet' : activity;
}

function injected(progress: Progress, style: Style): string {
  const { plan, started, moments } = progress;
  if (!plan || !started) return '';
  const what = moments.has('deployed') ? 'injected' : 'to inject';
  const where = `${started.environment.context}/${started.environment.namespace}`;
  return ` ${style.paint(style.plain(harmlessLine(`${what}: ${plan.fault.summary}${style.marks.separator}${where}`)), 'dim')}`;
}

function phaseLine(phase: PhaseProgress, tMs: number, width: number, style: Style): string {
  const { marks } = style;
  const { startTMs, endTMs, objectiveMs, name } = phase;
  const running = startTMs !== undefined && endTMs === undefined;
  const elapsed = startTMs === undefined ? undefined : (endTMs ?? tMs) - startTMs;
  const share = elapsed === undefined || objectiveMs === undefined ? 0 : elapsed / objectiveMs;
  const late = share > 1;
  const colour: Colour = elapsed === undefined ? 'dim' : late ? 'red' : running ? 'cyan' : 'green';
  const mark = elapsed === undefined ? marks.waiting : running ? marks.running : late ? marks.failed : marks.passed;
  const took = elapsed === undefined ? '' : running ? formatClock(elapsed) : formatDuration(elapsed);
  const aim = objectiveMs === undefined ? '' : `of ${formatDuration(objectiveMs)}`;
  const barWidth = Math.min(40, width - 41);
  let bar = '';
  if (barWidth >= 6 && objectiveMs !== undefined) {
    const { filled, rest } = objectiveBar(share, barWidth, marks);
    bar = `${style.paint(filled, colour)}${style.paint(rest, 'dim')}`;
  }
  const label = style.paint(pad(name, 13), ...((running ? ['bold'] : elapsed === undefined ? ['dim'] : []) as Colour[]));
  const figure = style.paint(padStart(took, 9), ...((late ? ['red'] : running ? ['bold'] : []) as Colour[]));
  return ` ${style.paint(mark, colour)} ${label} ${figure} ${pad(aim, 12)}  ${bar}`.trimEnd();
}

/** @param numbering of the step in its runbook, when it is known better than by counting */
export function stepLine(progress: Progress, tMs: number, width: number, style: Style, numbering?: string): string {
  const { step, plan } = progress;
  if (!step) return '';
  const total = plan?.runbook?.steps;
  const number = numbering ?? (total === undefined ? `${step.number}` : `${step.number}/${total}`);
  const elapsed = step.durationMs ?? tMs - step.startTMs;
  const expected = step.expectedMs === undefined ? '' : ` of ${formatDuration(step.expectedMs)}`;
  const slow = step.expectedMs !== undefined && elapsed > step.expectedMs;
  const time = step.outcome === undefined ? `${formatClock(elapsed)}${expected}` : `${step.outcome}, ${formatDuration(elapsed)}`;
  const owner = step.owner === undefined ? '' : `${style.marks.separator}${step.owner}`;
  const room = width - LABEL - 4 - time.length;
  const text = truncate(style.plain(harmlessLine(`${number} ${step.title}${owner}`)), room, style.marks.ellipsis);
  return `${label('runbook', style)}${pad(text, room)} ${slow ? style.paint(time, 'yellow') : time}`;
}

export function serviceLines(progress: Progress, tMs: number, width: number, style: Style): string[] {
  const probes = progress.probes();
  // One probe gets both charts; of several, each gets its line of figures.
  return probes.flatMap((probe, index) => {
    const level = progress.level(probe, tMs, LEVEL_WINDOW_MS);
    const settings = progress.plan?.probes.find(one => one.name === probe);
    const name = index === 0 ? label('users', style) : label('', style);
    const title = probes.length > 1 ? `${pad(truncate(probe, 12, style.marks.ellipsis), 13)}` : '';
    if (!level) return [`${name}${title}no request answered lately`];
    const errorLimit = settings?.errorRateLimit;
    const latencyLimit = settings?.latencyLimitMs;
    const failing = errorLimit !== undefined && level.errorRate > errorLimit;
    const slow = latencyLimit !== undefined && level.p95Ms > latencyLimit;
    const errors = `errors ${padStart((level.errorRate * 100).toFixed(1), 5)} %`;
    const latency = `p95 ${padStart(formatDuration(level.p95Ms), 7)}`;
    const chartWidth = Math.min(40, Math.floor((width - LABEL - 2 - title.length - errors.length - latency.length - 6) / 2));
    const paintedErrors = failing ? style.paint(errors, 'red') : errors;
    const paintedLatency = slow ? style.paint(latency, 'red') : latency;
    if (chartWidth < 5) return [`${name}${title}${paintedErrors}  ${paintedLatency}`];
    const columns = Array.from({ length: chartWidth }, (_, column) => {
      const end = Math.floor(tMs / COLUMN_MS) * COLUMN_MS - (chartWidth - 2 - column) * COLUMN_MS;
      return progress.level(probe, end, COLUMN_MS);
    });
    const errorChart = sparkline(
      columns.map(column => column?.errorRate),
      1,
      style.marks,
    );
    const slowest = Math.max(...columns.map(column => column?.p95Ms ?? 0), latencyLimit ?? 0, 1);
    const latencyChart = sparkline(
      columns.map(column => column?.p95Ms),
      slowest,
      style.marks,
    );
    const chart = (text: string, bad: boolean) => style.paint(text, bad ? 'red' : 'green');
    return [`${name}${title}${paintedErrors} ${chart(errorChart, failing)}   ${paintedLatency} ${chart(latencyChart, slow)}`];
  });
}

export function signalLines(progress: Progress, style: Style): string[] {
  const shown = progress.signals.slice(-SIGNALS_SHOWN);
  const hidden = progress.signals.length - shown.length;
  const nameWidth = Math.min(20, Math.max(0, ...shown.map(signal => displayWidth(signal.detector))));
  return shown.map((signal, index) => {
    const more = index === 0 && hidden > 0 ? ` (+${hidden})` : '';
    const text = style.plain(
      `${pad(truncate(signal.detector, nameWidth, style.marks.ellipsis), nameWidth)}  ${signal.message}${signal.cleared ? ' (over)' : ''}${more}`,
    );
    return label(index === 0 ? 'signals' : '', style) + style.paint(text, signal.cleared ? 'dim' : 'yellow');
  });
}

function suspectLine(progress: Progress, style: Style): string {
  if (!progress.suspect) return '';
  const { suspect } = progress.suspect;
  const text = `${suspectText(suspect)}, score ${suspect.score.toFixed(2)}: ${suspect.change}`;
  return label('suspect', style) + style.plain(harmlessLine(text));
}

export function verificationLine(progress: Progress, style: Style): string {
  const { verification, moments } = progress;
  if (!verification || moments.has('restored') || !moments.has('rolled-back')) return '';
  if (verification.ok) return label('verify', style) + style.paint('every check holds', 'green');
  return label('verify', style) + style.plain(verification.failing);
}

export function label(text: string, style: Style): string {
  return ` ${style.paint(pad(text, LABEL), 'dim')}`;
}
