/** Screens in memory: what was written, and for live reporters what a terminal would show of it. */
import type { RehearsalEvent } from '../../src/record/events.ts';
import type { Screen, Ticker } from '../../src/reporters/reporter.ts';

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

/** A terminal that knows what the live reporter uses: cursor up and home, erase to the end of line and below, line feeds, wrapping. */
export class Terminal implements Screen {
  columns: number;
  readonly rows = 40;
  readonly isTTY = true;
  readonly colour: boolean;
  readonly unicode = true;
  readonly #cells: string[][] = [[]];
  cursorVisible = true;
  /** Anything that was not understood: the reporter has to keep to what every terminal knows. */
  readonly unknown: string[] = [];
  #row = 0;
  #column = 0;

  constructor(columns: number, colour = false) {
    this.columns = columns;
    this.colour = colour;
  }

  get lines(): string[] {
    return this.#cells.map(cells => cells.join(''));
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
  }

  #put(char: string): void {
    if (this.#column >= this.columns) this.#nextRow();
    const cells = this.#cells[this.#row] ?? [];
    while (cells.length < this.#column) cells.push(' ');
    cells[this.#column++] = char;
  }

  #control(code: string): void {
    const count = Number.parseInt(code, 10) || 1;
    const clearLine = () => {
      const cells = this.#cells[this.#row];
      if (cells && cells.length > this.#column) cells.length = this.#column;
    };
    if (code.endsWith('A')) this.#row = Math.max(0, this.#row - count);
    else if (code === 'H') {
      this.#row = 0;
      this.#column = 0;
    } else if (code === 'K') clearLine();
    else if (code === 'J') {
      this.#cells.length = this.#row + 1;
      clearLine();
    } else if (code === '?25l') this.cursorVisible = false;
    else if (code === '?25h') this.cursorVisible = true;
    else if (!/^\?2026[hl]$/.test(code) && !/^[\d;]*m$/.test(code)) this.unknown.push(code);
  }

  text(): string {
    return this.lines
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
