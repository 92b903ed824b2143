/** The part of a practice screen that is painted in place: clocks, step, what is known, users, and the prompt. Pure. */
import { formatClock, formatDuration } from '../record/duration.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import { objectiveBar } from '../reporters/charts.ts';
import {
  fitRows,
  frameWidth,
  heading,
  label,
  type RankedLine,
  rule,
  serviceLines,
  signalLines,
  stepLine,
  verificationLine,
} from '../reporters/frame.ts';
import type { PhaseProgress, Progress } from '../reporters/progress.ts';
import { type Colour, displayWidth, type Style, truncate, wrap } from '../reporters/style.ts';
import type { Prompt, ShownStep } from '../runbook/person.ts';
import { legend } from './commands.ts';
import { knownTexts } from './known.ts';
import type { LineEditor } from './line-editor.ts';
import { promptText } from './prompt-text.ts';

/** Rows that stay for the transcript, as far as the terminal is tall enough. */
const TRANSCRIPT_ROWS = 6;
const LEAST_ROWS = 4;
const QUESTION_ROWS = 4;
const ERROR_ROWS = 4;
const CHOICES_SHOWN = 12;
const CHOICE_ROWS = 2;

export interface FrameParts {
  progress: Progress;
  /** ms of run time. */
  tMs: number;
  /** The step that was shown last. */
  step: ShownStep | undefined;
  /** The newest output of the command under way that is not in the transcript, and how many lines there were. */
  output: { tail: readonly string[]; count: number };
  prompt: { prompt: Prompt; editor: LineEditor; message: string; name: string; waitedMs: number } | undefined;
}

export interface Frame {
  lines: string[];
  /** Where the person types. */
  cursor: { row: number; column: number } | undefined;
}

export function practiceFrame(parts: FrameParts, size: { columns: number; rows: number | undefined }, style: Style): Frame {
  const width = frameWidth(size.columns);
  const rows = size.rows ?? 24;
  const budget = Math.max(LEAST_ROWS, rows - Math.min(TRANSCRIPT_ROWS, Math.floor(rows / 4)));
  const input = parts.prompt && inputLine(parts.prompt, width, style);
  const lines: (RankedLine & { input?: boolean })[] = [
    ...statusLines(parts, width, style),
    ...outputLines(parts.output, width, style),
    ...(parts.prompt ? promptLines(parts.prompt, width, style) : []),
    ...(input ? [{ text: input.text, rank: 0, input: true }] : []),
  ];
  const fitted = fitRows(lines, budget);
  const row = fitted.findIndex(line => line.input);
  return {
    lines: fitted.map(line => truncate(line.text, width, style.marks.ellipsis)),
    cursor: input && row >= 0 ? { row, column: input.column } : undefined,
  };
}

function statusLines(
  { progress, tMs, step }: Pick<FrameParts, 'progress' | 'tMs' | 'step'>,
  width: number,
  style: Style,
): RankedLine[] {
  if (!progress.started) return [];
  const numbering = step && step.id === progress.step?.id ? `${step.number}/${step.total}` : undefined;
  const lines: RankedLine[] = [
    { text: rule(style, width), rank: 4 },
    { text: heading(progress, tMs, width, style), rank: 1 },
    { text: phasesLine(progress.phases(), tMs, width, style), rank: 1 },
    { text: stepLine(progress, tMs, width, style, numbering), rank: 2 },
    ...knownTexts(progress).map((text, index) => ({
      text: label(index === 0 ? 'known' : '', style) + style.plain(text),
      rank: 3,
    })),
    ...serviceLines(progress, tMs, width, style).map(text => ({ text, rank: 3 })),
    ...signalLines(progress, style).map((text, index) => ({ text, rank: 3 + index })),
    { text: verificationLine(progress, style), rank: 4 },
    { text: afterLine(progress, style), rank: 2 },
  ];
  return lines.filter(line => line.text !== '');
}

/** What the tool is busy with once the drill itself is over. */
function afterLine({ activity, moments }: Progress, style: Style): string {
  return activity === '' || !moments.has('deployed') ? '' : label('now', style) + activity;
}

/** All phases on one line; where there is no room for all, those that are not yet begun go first, then those that are over. */
function phasesLine(phases: readonly PhaseProgress[], tMs: number, width: number, style: Style): string {
  if (phases.every(phase => phase.startTMs === undefined)) return '';
  // Who rolls back before the cause is named (or before it is told that it was) works on the rollback.
  const begun = phases.findLastIndex(phase => phase.startTMs !== undefined);
  const running = (phase: PhaseProgress) => phases.indexOf(phase) === begun && phase.endTMs === undefined;
  const line = (shown: readonly PhaseProgress[]) =>
    ` ${shown.map(phase => phaseText(phase, running(phase), tMs, style)).join('   ')}`;
  const started = phases.slice(0, begun + 1);
  const candidates = [phases, ...started.map((_, index) => started.slice(index))].map(line);
  const fitting = candidates.find(text => displayWidth(text) <= width) ?? candidates.at(-1) ?? '';
  const now = phases.find(running);
  const room = Math.min(30, width - displayWidth(fitting) - 3);
  if (!now?.objectiveMs || now.startTMs === undefined || room < 8) return fitting;
  const share = (tMs - now.startTMs) / now.objectiveMs;
  const { filled, rest } = objectiveBar(share, room, style.marks);
  return `${fitting}   ${style.paint(filled, share > 1 ? 'red' : 'cyan')}${style.paint(rest, 'dim')}`;
}

function phaseText(phase: PhaseProgress, running: boolean, tMs: number, style: Style): string {
  const { name, startTMs, endTMs, objectiveMs } = phase;
  const { marks } = style;
  if (startTMs === undefined) {
    // Over, and its begin is not known: the detection of a blind drill.
    return endTMs === undefined
      ? style.paint(`${marks.waiting} ${name}`, 'dim')
      : style.paint(`${marks.passed} ${name}`, 'green');
  }
  if (endTMs === undefined && !running) return style.paint(`${marks.skipped} ${name} open`, 'dim');
  const elapsed = (endTMs ?? tMs) - startTMs;
  const late = objectiveMs !== undefined && elapsed > objectiveMs;
  if (endTMs !== undefined) {
    return style.paint(`${late ? marks.failed : marks.passed} ${name} ${formatDuration(elapsed)}`, late ? 'red' : 'green');
  }
  const aim = objectiveMs === undefined ? '' : ` of ${formatDuration(objectiveMs)}`;
  const colours: Colour[] = late ? ['red', 'bold'] : ['bold'];
  return style.paint(`${marks.running} ${name} ${formatClock(elapsed)}${aim}${late ? ', late' : ''}`, ...colours);
}

function outputLines({ tail, count }: FrameParts['output'], width: number, style: Style): RankedLine[] {
  if (tail.length === 0) return [];
  return [
    { text: style.paint(`   output, ${count} lines so far`, 'dim'), rank: 5 },
    ...tail.map(line => ({
      text: `   ${style.paint(style.marks.quote, 'dim')} ${style.plain(truncate(line, width, ''))}`,
      rank: 6,
    })),
  ];
}

type OpenPrompt = NonNullable<FrameParts['prompt']>;

function promptLines({ prompt, message, waitedMs }: OpenPrompt, width: number, style: Style): RankedLine[] {
  const { error, question, choices, answer } = promptText(prompt, style);
  const room = width - 3;
  const waiting = prompt.kind === 'waiting' ? `${formatClock(waitedMs)} ` : '';
  const lines: RankedLine[] = [{ text: rule(style, width), rank: 5 }];
  const errors = error?.split('\n').flatMap(line => wrap(line, room)) ?? [];
  lines.push(
    ...cut(errors, ERROR_ROWS, style).map((line, index) => ({ text: ` ${style.paint(line, 'red')}`, rank: index === 0 ? 1 : 3 })),
  );
  const asked = wrap(`${waiting}${question}${answer === '' ? '' : ` (${answer})`}`, room);
  lines.push(
    ...cut(asked, QUESTION_ROWS, style).map((line, index) => ({
      text: ` ${style.paint(line, 'bold')}`,
      rank: index === 0 ? 0 : 1,
    })),
  );
  const shown = choices.slice(0, CHOICES_SHOWN);
  for (const choice of shown) {
    const wrapped = cut(wrap(choice, room - 5), CHOICE_ROWS, style);
    lines.push(
      ...wrapped.map((line, index) => ({ text: index === 0 ? `   ${line}` : `      ${line}`, rank: index === 0 ? 1 : 2 })),
    );
  }
  if (choices.length > shown.length) lines.push({ text: `   ${choices.length - shown.length} more: ? shows all`, rank: 1 });
  lines.push(...wrap(legend(prompt), room).map(line => ({ text: ` ${style.paint(line, 'dim')}`, rank: 4 })));
  if (message !== '') lines.push({ text: ` ${style.paint(`! ${style.plain(harmlessLine(message))}`, 'yellow')}`, rank: 0 });
  return lines;
}

/** The first of the lines; the last one tells that there would be more. */
function cut(lines: readonly string[], most: number, style: Style): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most - 1), `${lines[most - 1]} ${style.marks.ellipsis}`];
}

function inputLine({ editor, name }: OpenPrompt, width: number, style: Style): { text: string; column: number } {
  const head = ` ${truncate(style.plain(harmlessLine(name)), 16, style.marks.ellipsis)}${style.marks.prompt} `;
  // A character that the screen does not have stands as one cell, so that the cursor is where it is.
  const spell = (character: string) => (style.plain(character) === character ? character : '?');
  const { text, column } = editor.window(width - displayWidth(head), style.marks.hidden, spell);
  return { text: style.paint(head, 'cyan') + text, column: displayWidth(head) + column };
}
