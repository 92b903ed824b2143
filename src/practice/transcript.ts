/** What stays on the screen, oldest first: each entry gives its lines for any width, so that a resize can write it anew. */
import { harmlessText } from '../record/harmless-text.ts';
import { type LogEntry, logLines } from '../reporters/log-lines.ts';
import { type Colour, type Style, wrap } from '../reporters/style.ts';
import type { ShownStep } from '../runbook/person.ts';
import { foldLine } from './fold-line.ts';
import { stepHeading, stepText } from './step-text.ts';

/** @param columns of the terminal */
export type Entry = (columns: number) => string[];

/** Enough to fill a tall screen after a resize. */
const ENTRIES_KEPT = 300;

export class Transcript {
  readonly #entries: Entry[] = [];

  add(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_KEPT) this.#entries.shift();
  }

  /** The newest lines, at most so many. */
  last(rows: number, columns: number): string[] {
    const lines: string[] = [];
    for (let index = this.#entries.length - 1; index >= 0 && lines.length < rows; index--) {
      lines.unshift(...(this.#entries[index]?.(columns) ?? []));
    }
    return rows <= 0 ? [] : lines.slice(-rows);
  }
}

/** The last column stays free. */
const room = (columns: number, indent: number) => Math.max(16, columns - 1 - indent);

export function logEntry(entry: LogEntry, style: Style): Entry {
  return columns => logLines(entry, columns, style);
}

export function stepEntry(step: ShownStep, style: Style): Entry {
  return columns => ['', ...stepHeading(step, room(columns, 1), style).map(line => ` ${line}`)];
}

export function stepTextEntry(step: ShownStep, style: Style): Entry {
  return columns => {
    const lines = stepText(step, room(columns, 3), style);
    return lines.length === 0 ? [] : ['', ...lines].map(line => (line === '' ? '' : `   ${line}`));
  };
}

export function toldEntry(text: string, kind: 'evidence' | 'notice' | 'warning', style: Style): Entry {
  const lines = style.plain(harmlessText(text)).trimEnd().split('\n');
  if (kind === 'evidence')
    return columns => ['', ...lines.flatMap(line => foldLine(line, room(columns, 3))).map(line => `   ${line}`)];
  const colour: Colour | undefined = kind === 'warning' ? 'yellow' : undefined;
  const mark = kind === 'warning' ? '! ' : '';
  return columns =>
    lines
      .flatMap((line, index) => wrap(index === 0 ? mark + line : line, room(columns, 1)))
      .map(line => ` ${colour ? style.paint(line, colour) : line}`);
}

/** A line of output of a command. */
export function outputEntry(text: string, style: Style): Entry {
  const line = style.plain(harmlessText(text).replace(/\n+$/, ''));
  const mark = style.paint(style.marks.quote, 'dim');
  return columns => foldLine(line, room(columns, 5)).map(part => `   ${mark} ${part}`.trimEnd());
}

export function dimEntry(text: string, style: Style): Entry {
  return columns => wrap(style.plain(text), room(columns, 3)).map(line => `   ${style.paint(line, 'dim')}`);
}

/** Of a long entry as much as fits; the rest is another entry. */
export function cutEntry(entry: Entry, columns: number, rows: number): { shown: Entry; rest: Entry | undefined; left: number } {
  const { length } = entry(columns);
  if (length <= rows) return { shown: entry, rest: undefined, left: 0 };
  return { shown: width => entry(width).slice(0, rows), rest: width => entry(width).slice(rows), left: length - rows };
}
