import { harmlessText, isBinary } from '../record/harmless-text.ts';

/** A person reads no more than this of one command as it comes; of the rest they see the end. */
const MOST_LINES = 500;
const TAIL_LINES = 20;
const LONGEST_LINE = 2000;

/** Turns chunks of output into lines for a screen, each redacted as a whole and harmless. */
export class LineStream {
  readonly #decoder = new TextDecoder();
  readonly #redact: (text: string) => string;
  readonly #line: (text: string) => void;
  #rest = '';
  #count = 0;
  #tail: string[] = [];
  #binary = false;

  constructor(redact: (text: string) => string, line: (text: string) => void) {
    this.#redact = redact;
    this.#line = line;
  }

  write(chunk: Uint8Array): void {
    if (this.#binary) return;
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
    const left = this.#count - MOST_LINES - this.#tail.length;
    if (left > 0) this.#line(`[… ${left} lines are not shown here …]`);
    for (const line of this.#tail) this.#line(this.#clean(line));
  }

  #show(line: string): void {
    this.#count++;
    const kept = line.slice(0, LONGEST_LINE);
    if (this.#count <= MOST_LINES) {
      this.#line(this.#clean(kept));
      return;
    }
    this.#tail.push(kept);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  }

  #clean(line: string): string {
    return harmlessText(this.#redact(line));
  }
}
