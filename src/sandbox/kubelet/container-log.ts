import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';

/** Upstream rotates at 10 MiB and keeps 5 files; one older file is enough here. */
const ROTATE_AT_BYTES = 10 * 2 ** 20;
/** A line is cut into parts of this size, as container runtimes do. */
const MAX_LINE_BYTES = 16 * 1024;

/**
 * One container instance's output on disk, in the format of the container runtime interface:
 * `2026-01-01T00:00:00.000000000Z stdout F text`. `P` marks a part of a line that goes on.
 */
export class ContainerLog {
  readonly path: string;
  readonly #now: () => number;
  readonly #partial: Record<'stdout' | 'stderr', Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  readonly #listeners = new Set<() => void>();
  #fd: number | undefined;
  #size = 0;
  ended = false;

  constructor(path: string, now: () => number) {
    this.path = path;
    this.#now = now;
    this.#fd = openSync(path, 'a', 0o600);
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    let data = this.#partial[stream].length > 0 ? Buffer.concat([this.#partial[stream], chunk]) : chunk;
    const prefix = `${timestamp(this.#now())} ${stream} `;
    const parts: Buffer[] = [];
    for (;;) {
      const newline = data.indexOf(10);
      if (newline >= 0 && newline <= MAX_LINE_BYTES) {
        parts.push(Buffer.from(`${prefix}F `), data.subarray(0, newline + 1));
        data = data.subarray(newline + 1);
      } else if (data.length > MAX_LINE_BYTES) {
        parts.push(Buffer.from(`${prefix}P `), data.subarray(0, MAX_LINE_BYTES), Buffer.from('\n'));
        data = data.subarray(MAX_LINE_BYTES);
      } else break;
    }
    this.#partial[stream] = Buffer.from(data);
    if (parts.length > 0) this.#append(Buffer.concat(parts));
  }

  /** No more output: what is left of a last line without a newline is written. */
  end(): void {
    if (this.ended) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#partial[stream];
      if (rest.length > 0)
        this.#append(Buffer.concat([Buffer.from(`${timestamp(this.#now())} ${stream} P `), rest, Buffer.from('\n')]));
    }
    this.ended = true;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back after each write and at the end. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The whole text, the rotated file first. */
  read(): Buffer {
    const older = `${this.path}.1`;
    const parts = existsSync(older) ? [readFileSync(older)] : [];
    if (existsSync(this.path)) parts.push(readFileSync(this.path));
    return Buffer.concat(parts);
  }

  remove(): void {
    this.end();
    rmSync(this.path, { force: true });
    rmSync(`${this.path}.1`, { force: true });
  }

  /** Bytes written before the current file was begun; position 0 of the current file is this one. */
  rotatedBytes = 0;

  #append(data: Buffer): void {
    if (this.#fd === undefined) return;
    if (this.#size + data.length > ROTATE_AT_BYTES) {
      closeSync(this.#fd);
      renameSync(this.path, `${this.path}.1`);
      this.#fd = openSync(this.path, 'a', 0o600);
      this.rotatedBytes += this.#size;
      this.#size = 0;
    }
    try {
      writeSync(this.#fd, data);
      this.#size += data.length;
    } catch {
      // A full disk loses log lines, not the container.
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** Reads from an absolute position; text that was rotated away twice is skipped. */
  readFrom(position: number): { data: Buffer; position: number } {
    const total = this.rotatedBytes + this.#size;
    if (position >= total) return { data: Buffer.alloc(0), position };
    const all = this.read();
    const data = all.subarray(Math.max(0, all.length - (total - position)));
    return { data, position: total };
  }
}

let lastStamp = 0n;
/** RFC 3339 with nanoseconds, never going back within the process. */
function timestamp(ms: number): string {
  let nanoseconds = BigInt(Math.floor(ms)) * 1_000_000n;
  if (nanoseconds <= lastStamp) nanoseconds = lastStamp + 1000n;
  lastStamp = nanoseconds;
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}Z`;
}

export interface LogLine {
  timestamp: string;
  /** With its newline unless the line goes on. */
  text: Buffer;
}

/** Takes the file's format apart. */
export function parseLog(data: Buffer): LogLine[] {
  const lines: LogLine[] = [];
  let start = 0;
  while (start < data.length) {
    let end = data.indexOf(10, start);
    if (end < 0) end = data.length;
    const line = data.subarray(start, end);
    start = end + 1;
    const first = line.indexOf(32);
    const second = line.indexOf(32, first + 1);
    if (first < 0 || second < 0) continue;
    const whole = line[second + 1] === 70; // F
    const text = line.subarray(second + 3);
    lines.push({
      timestamp: line.toString('latin1', 0, first),
      text: whole ? Buffer.concat([text, Buffer.from('\n')]) : Buffer.from(text),
    });
  }
  return lines;
}
