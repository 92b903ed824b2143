import type { SandboxClock } from '../registry/resources.ts';

/** First and longest delay of a retry, ms; upstream's ItemExponentialFailureRateLimiter (client-go/util/workqueue). */
const FIRST_RETRY_MS = 5;
const LONGEST_RETRY_MS = 1_000_000;

export interface WorkQueueOptions {
  clock: SandboxClock;
  /** Brings one object to its desired state. What it throws is retried. */
  sync(key: string): void;
  /** Told of every error, before the retry. */
  onError(key: string, error: unknown): void;
  /** Give up after so many retries in a row; without it, never. */
  maxRetries?: number;
}

/**
 * Keys to be synced: each is held once however often it is added, is synced in a later turn of the event loop (one a turn, so that
 * the control loops take turns where upstream's run side by side), and again after a growing delay when the sync threw.
 * Semantics of client-go's rate-limiting queue.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, { due: number; cancel: () => void }>();
  #turn: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    this.#turn ??= setImmediate(() => this.#next());
  }

  /** Adds the key once `ms` have passed; of several delays for one key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#stopped) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const due = this.#options.clock.now() + ms;
    const known = this.#delayed.get(key);
    if (known && known.due <= due) return;
    known?.cancel();
    const cancel = this.#options.clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { due, cancel });
  }

  /** Adds the key after its back-off: 5 ms, 10 ms, 20 ms… until a sync succeeds. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS));
  }

  /** How often the key failed in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#turn) clearImmediate(this.#turn);
    this.#turn = undefined;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#waiting.clear();
  }

  #next(): void {
    this.#turn = undefined;
    const [key] = this.#waiting;
    if (key === undefined) return;
    this.#waiting.delete(key);
    try {
      this.#options.sync(key);
      this.#failures.delete(key);
    } catch (error) {
      this.#options.onError(key, error);
      if (this.failures(key) < (this.#options.maxRetries ?? Number.POSITIVE_INFINITY)) this.addRateLimited(key);
      else this.#failures.delete(key);
    }
    if (this.#waiting.size > 0 && !this.#stopped) this.#turn ??= setImmediate(() => this.#next());
  }
}
