import { harmlessText, isBinary } from '../record/harmless-text.ts';

/** A person reads no more than this of one command; the rest is in the report, head and tail. */
const MOST_LINES = 500;
const LONGEST_LINE = 2000;

/** Turns chunks of output into lines for a screen, each redacted as a whole and harmless. */
export class LineStream {
  readonly #decoder = new TextDecoder();
  readonly #redact: (text: string) => string;
  readonly #line: (text: string) => void;
  #rest = '';
  #count = 0;
  #binary = false;

  constructor(redact: (text: string) => string, line: (text: string) => void) {
    this.#redact = redact;
    this.#line = line;
  }

  write(chunk: Uint8Array): void {
    if (this.#count > MOST_LINES || this.#binary) return;
    if (isBinary(chunk)) {
      this.#binary = true;
      this.#line('[binary output, not shown]');
      return;
    }
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#show(line);
    // A line without an end is shown in pieces rather than kept without limit.
    if (this.#rest.length > LONGEST_LINE) {
      this.#show(this.#rest);
      this.#rest = '';
    }
  }

  end(): void {
    if (this.#rest !== '') this.#show(this.#rest);
    this.#rest = '';
  }

  #show(line: string): void {
    this.#count++;
    if (this.#count < MOST_LINES) this.#line(harmlessText(this.#redact(line.slice(0, LONGEST_LINE))));
    if (this.#count === MOST_LINES) this.#line('[more is not shown here; the report keeps its head and tail]');
  }
}
