/** Output of a command for a screen: its first lines and its last ones, and how many are left out between them. */

/** Ordinary output is shown whole. */
const HEAD = 40;
const TAIL = 8;
/** A longer line is cut before anything else looks at it: 100 MB in one line must not choke the screen. */
const LONGEST_LINE = 4000;

export class OutputTail {
  #count = 0;
  readonly #tail: string[] = [];
  #next = 0;

  /** The line when it is to be shown at once; undefined when it is kept for the end. */
  add(line: string): string | undefined {
    const shown =
      line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} (and ${line.length - LONGEST_LINE} characters more)` : line;
    this.#count++;
    if (this.#count <= HEAD) return shown;
    this.#tail[this.#next] = shown;
    this.#next = (this.#next + 1) % TAIL;
    return undefined;
  }

  /** Lines until now. */
  get count(): number {
    return this.#count;
  }

  /** The newest lines that were not shown yet. */
  get tail(): string[] {
    return [...this.#tail.slice(this.#next), ...this.#tail.slice(0, this.#next)];
  }

  /** What is left to show now that the output is over. */
  end(): { leftOut: number; tail: string[] } {
    const { tail } = this;
    const leftOut = Math.max(0, this.#count - HEAD - tail.length);
    this.#count = 0;
    this.#tail.length = 0;
    this.#next = 0;
    return { leftOut, tail };
  }
}
