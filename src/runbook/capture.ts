import { harmlessText, isBinary } from '../record/harmless-text.ts';

const HEAD_BYTES = 24 * 1024;
const TAIL_BYTES = 36 * 1024;
/** A secret that the cut halves is not recognised; this much beside a cut without line ends is dropped. */
const CUT_MARGIN = 512;
const LONGEST_PARTIAL_LINE = 4096;

/** Keeps the head and the tail of a stream of any length in at most ~64 KiB, and gives it as harmless, redacted text. */
export class Capture {
  readonly #head: Uint8Array[] = [];
  #headBytes = 0;
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #total = 0;
  #binary = false;

  write(chunk: Uint8Array): void {
    this.#total += chunk.length;
    this.#binary ||= isBinary(chunk);
    const room = HEAD_BYTES - this.#headBytes;
    if (room > 0) {
      const first = chunk.subarray(0, room);
      // A copy: what is kept must not hold on to the whole chunk.
      this.#head.push(Uint8Array.from(first));
      this.#headBytes += first.length;
    }
    const rest = chunk.subarray(Math.max(0, room));
    if (rest.length === 0) return;
    const kept = rest.subarray(Math.max(0, rest.length - TAIL_BYTES));
    this.#tail.push(Uint8Array.from(kept));
    this.#tailBytes += kept.length;
    while (this.#tailBytes - (this.#tail[0]?.length ?? 0) >= TAIL_BYTES) this.#tailBytes -= this.#tail.shift()?.length ?? 0;
    // Many small chunks would make the list long: join them now and then.
    if (this.#tail.length > 512) this.#tail = [Buffer.concat(this.#tail)];
  }

  /** @param redact applied to the text of head and tail before anything is cut off them */
  text(redact: (text: string) => string): string {
    if (this.#binary) return `[${bytesText(this.#total)} of binary output, not kept]`;
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail).subarray(-TAIL_BYTES);
    const left = this.#total - head.length - tail.length;
    if (left === 0) return redact(clean(Buffer.concat([head, tail])));
    const headText = withoutLastLine(redact(clean(head)));
    const tailText = withoutFirstLine(redact(clean(tail)));
    return `${headText}\n[… ${bytesText(left)} of ${bytesText(this.#total)} left out …]\n${tailText}`;
  }
}

function clean(bytes: Uint8Array): string {
  return harmlessText(new TextDecoder().decode(bytes));
}

function withoutLastLine(text: string): string {
  const at = text.lastIndexOf('\n');
  return at >= 0 && text.length - at < LONGEST_PARTIAL_LINE ? text.slice(0, at) : text.slice(0, -CUT_MARGIN);
}

function withoutFirstLine(text: string): string {
  const at = text.indexOf('\n');
  return at >= 0 && at < LONGEST_PARTIAL_LINE ? text.slice(at + 1) : text.slice(CUT_MARGIN);
}

function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
