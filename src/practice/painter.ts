/**
 * Lines that stay, and below them a frame that is painted in place. Keeps to the main screen, so that everything can be scrolled
 * back to and stays when the drill is over, and to what tmux, screen and ssh pass on.
 */
import {
  BEGIN,
  CLEAR_BELOW,
  CLEAR_LINE_END,
  down,
  END,
  HIDE_CURSOR,
  HOME,
  right,
  SHOW_CURSOR,
  up,
} from '../reporters/control-codes.ts';
import type { Screen } from '../reporters/reporter.ts';
import type { Frame } from './frame.ts';
import type { Entry, Transcript } from './transcript.ts';

export class Painter {
  readonly #screen: Screen;
  readonly #transcript: Transcript;
  #lines: string[] = [];
  /** Row of the frame in which the cursor stands. */
  #row = 0;
  #column: number | undefined;
  #columns: number;
  #rows: number | undefined;

  constructor(screen: Screen, transcript: Transcript) {
    this.#screen = screen;
    this.#transcript = transcript;
    this.#columns = screen.columns;
    this.#rows = screen.rows;
  }

  get resized(): boolean {
    return this.#screen.columns !== this.#columns || this.#screen.rows !== this.#rows;
  }

  /** @param added to the transcript since the last time */
  paint(frame: Frame, added: readonly Entry[]): void {
    // Where things are after a resize differs between terminals: the whole screen is painted anew.
    if (this.resized) this.repaint(frame);
    else if (added.length === 0 && frame.lines.length === this.#lines.length) this.#touchUp(frame);
    else
      this.#write(
        frame,
        up(this.#row),
        added.flatMap(entry => entry(this.#columns)),
      );
  }

  repaint(frame: Frame): void {
    const { columns, rows } = this.#screen;
    this.#columns = columns;
    this.#rows = rows;
    this.#write(frame, HOME, this.#transcript.last((rows ?? 24) - Math.max(1, frame.lines.length), columns));
  }

  /** The frame has done its work: what comes next stands in its place. */
  erase(): void {
    this.#screen.write(`${BEGIN}${up(this.#row)}${CLEAR_BELOW}${SHOW_CURSOR}${END}`);
    this.#lines = [];
    this.#row = 0;
    this.#column = undefined;
  }

  #write(frame: Frame, begin: string, above: readonly string[]): void {
    const body = [...above, ...frame.lines];
    // The last line of the frame has no line feed: it may stand in the last row of the screen.
    const text = body.map(line => line + CLEAR_LINE_END).join('\n') + (frame.lines.length === 0 && above.length > 0 ? '\n' : '');
    const bottom = Math.max(0, frame.lines.length - 1);
    this.#screen.write(`${BEGIN}${HIDE_CURSOR}${begin}${text}${CLEAR_BELOW}${this.#place(frame, bottom)}${END}`);
    this.#lines = frame.lines;
  }

  /** Only the lines that changed: a clock that runs costs a few bytes, also over a slow line. */
  #touchUp(frame: Frame): void {
    let row = this.#row;
    let text = '';
    frame.lines.forEach((line, index) => {
      if (line === this.#lines[index]) return;
      text += `${vertical(index - row)}${line}${CLEAR_LINE_END}`;
      row = index;
    });
    if (text === '' && frame.cursor?.row === this.#cursorRow && frame.cursor?.column === this.#column) return;
    this.#screen.write(`${BEGIN}${text}${this.#place(frame, row)}${END}`);
    this.#lines = frame.lines;
  }

  get #cursorRow(): number | undefined {
    return this.#column === undefined ? undefined : this.#row;
  }

  /** Takes the cursor from a row of the frame to where the person types. */
  #place({ cursor, lines }: Frame, from: number): string {
    this.#row = cursor?.row ?? Math.max(0, lines.length - 1);
    this.#column = cursor?.column;
    const move = vertical(this.#row - from);
    return cursor ? `${move}${right(cursor.column)}${SHOW_CURSOR}` : `${move}${HIDE_CURSOR}`;
  }
}

const vertical = (rows: number) => (rows < 0 ? up(-rows) : down(rows));
