import type { Ticker } from './reporter.ts';

/** The time of the run between its events. It never goes back, although events may come late or early by a little. */
export class RunClock {
  readonly #ticker: Ticker;
  #known: { tMs: number; atMs: number } | undefined;

  constructor(ticker: Ticker) {
    this.#ticker = ticker;
  }

  /** ms of run time now; 0 before the first event. */
  tMs(): number {
    return this.#known ? this.#known.tMs + (this.#ticker.monotonicMs() - this.#known.atMs) : 0;
  }

  /** An event of this time has come. */
  reached(tMs: number): void {
    if (!this.#known || tMs > this.tMs()) this.#known = { tMs, atMs: this.#ticker.monotonicMs() };
  }
}
