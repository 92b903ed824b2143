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
 * Keys to be synced: each is held once however often it is added, and is synced in a later turn of the event loop; a key that is added during its
 * own sync comes again after it. Semantics of client-go's rate-limiting queue. All keys that wait are synced in one turn, so that a busy workload
 * does not hold up another one, and the control loops take turns where upstream's run side by side.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  #waiting = new Set<string>();
  /** The key being synced, and whether it was added meanwhile. */
  #current: { key: string; again: boolean } | undefined;
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, { due: number; cancel: () => void }>();
  #turn: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  add(key: string): void {
    if (this.#stopped) return;
    if (this.#current?.key === key) {
      this.#current.again = true;
      return;
    }
    this.#waiting.add(key);
    this.#turn ??= setImmediate(() => this.#syncWaiting());
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

  #syncWaiting(): void {
    this.#turn = undefined;
    const keys = this.#waiting;
    this.#waiting = new Set();
    for (const key of keys) if (!this.#stopped) this.#sync(key);
  }

  #sync(key: string): void {
    const current = { key, again: false };
    this.#current = current;
    let error: unknown;
    let failed = false;
    try {
      this.#options.sync(key);
      this.#failures.delete(key);
    } catch (thrown) {
      failed = true;
      error = thrown;
    }
    this.#current = undefined;
    if (current.again) this.add(key);
    if (!failed) return;
    this.#options.onError(key, error);
    if (this.failures(key) < (this.#options.maxRetries ?? Number.POSITIVE_INFINITY)) this.addRateLimited(key);
    else this.#failures.delete(key);
  }
}
