/** Screens in memory: what was written, and for live reporters what a terminal would show of it. */
import type { RehearsalEvent } from '../../src/record/events.ts';
import type { Screen, Ticker } from '../../src/reporters/reporter.ts';
import { displayWidth } from '../../src/reporters/style.ts';

export interface MemoryScreen extends Screen {
  columns: number;
  written(): string;
}

export function memoryScreen(options: Partial<Omit<Screen, 'write'>> = {}): MemoryScreen {
  let text = '';
  return {
    columns: 80,
    rows: undefined,
    isTTY: false,
    colour: false,
    unicode: true,
    ...options,
    write(more) {
      text += more;
    },
    written: () => text,
  };
}

/**
 * A terminal that knows what we send: cursor up, down, right and home, erase to the end of line and below, line feeds, wrapping,
 * scrolling. Lines that went off the top can be scrolled back to; the cursor cannot go there.
 */
export class Terminal implements Screen {
  columns: number;
  rows = 40;
  readonly isTTY = true;
  readonly colour: boolean;
  readonly unicode: boolean;
  readonly #cells: string[][] = [[]];
  cursorVisible = true;
  pasteMarked = false;
  /** Anything that was not understood: we have to keep to what every terminal knows. */
  readonly unknown: string[] = [];
  #row = 0;
  #column = 0;
  #scrolled = 0;

  constructor(columns: number, colour = false, options: { rows?: number; unicode?: boolean } = {}) {
    this.columns = columns;
    this.colour = colour;
    this.rows = options.rows ?? 40;
    this.unicode = options.unicode ?? true;
  }

  get lines(): string[] {
    return this.#cells.map(cells => cells.join(''));
  }

  /** Where the next character would be written, on the visible screen. */
  get cursor(): { row: number; column: number } {
    return { row: this.#row - this.#top, column: this.#column };
  }

  /** First row that can be seen. What was cleared below does not bring back what has scrolled off. */
  get #top(): number {
    this.#scrolled = Math.max(this.#scrolled, this.#row - this.rows + 1);
    return this.#scrolled;
  }

  write(text: string): void {
    for (const [piece] of text.matchAll(/\u001b\[[?\d;]*[A-Za-z]|[\s\S]/gu)) {
      if (piece.startsWith('\u001b')) this.#control(piece.slice(2));
      else if (piece === '\n') this.#nextRow();
      else if (piece === '\r') this.#column = 0;
      else this.#put(piece);
    }
  }

  #nextRow(): void {
    this.#row++;
    this.#column = 0;
    this.#cells[this.#row] ??= [];
    this.#scrolled = Math.max(this.#scrolled, this.#row - this.rows + 1);
  }

  #put(char: string): void {
    const width = displayWidth(char);
    if (this.#column + width > this.columns) this.#nextRow();
    const cells = this.#cells[this.#row] ?? [];
    while (cells.length < this.#column) cells.push(' ');
    cells[this.#column++] = char;
    // The second half of a wide character.
    if (width === 2) cells[this.#column++] = '';
  }

  #control(code: string): void {
    const count = Number.parseInt(code, 10) || 1;
    const clearLine = () => {
      const cells = this.#cells[this.#row];
      if (cells && cells.length > this.#column) cells.length = this.#column;
    };
    if (/^\d*A$/.test(code)) this.#row = Math.max(this.#top, this.#row - count);
    else if (/^\d*B$/.test(code)) this.#row = Math.min(this.#cells.length - 1, this.#row + count);
    else if (/^\d*C$/.test(code)) this.#column = Math.min(this.columns - 1, this.#column + count);
    else if (code === 'H') {
      this.#row = this.#top;
      this.#column = 0;
    } else if (code === 'K') clearLine();
    else if (code === 'J') {
      this.#cells.length = this.#row + 1;
      clearLine();
    } else if (code === '?25l') this.cursorVisible = false;
    else if (code === '?25h') this.cursorVisible = true;
    else if (code === '?2004h') this.pasteMarked = true;
    else if (code === '?2004l') this.pasteMarked = false;
    else if (!/^\?2026[hl]$/.test(code) && !/^[\d;]*m$/.test(code)) this.unknown.push(code);
  }

  /** Everything that was written, with what scrolled off the top. */
  text(): string {
    return this.lines
      .map(line => line.trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** What a person sees now. */
  visible(): string {
    return this.lines
      .slice(this.#top)
      .map(line => line.trimEnd())
      .join('\n')
      .trimEnd();
  }
}

/** Time that only moves when told to. */
export class ManualTicker implements Ticker {
  #now = 0;
  readonly #ticks: { ms: number; next: number; tick: () => void }[] = [];
  monotonicMs(): number {
    return this.#now;
  }
  every(ms: number, tick: () => void): () => void {
    const entry = { ms, next: this.#now + ms, tick };
    this.#ticks.push(entry);
    return () => void this.#ticks.splice(this.#ticks.indexOf(entry), 1);
  }
  get running(): number {
    return this.#ticks.length;
  }
  advanceTo(ms: number): void {
    for (;;) {
      const due = this.#ticks.filter(entry => entry.next <= ms).sort((a, b) => a.next - b.next)[0];
      if (!due) break;
      this.#now = due.next;
      due.next += due.ms;
      due.tick();
    }
    this.#now = Math.max(this.#now, ms);
  }
}

/** Plays events to a reporter at the times that they bear. */
export function play(
  events: RehearsalEvent[],
  ticker: ManualTicker,
  onEvent: (event: RehearsalEvent) => void,
  until = Number.POSITIVE_INFINITY,
): void {
  for (const event of events) {
    if (event.tMs > until) break;
    ticker.advanceTo(event.tMs);
    onEvent(event);
  }
  if (until !== Number.POSITIVE_INFINITY) ticker.advanceTo(until);
}
