import type { SandboxClock } from '../registry/resources.ts';

const BACKOFF_INITIAL_MS = 10_000;
const BACKOFF_MAX_MS = 300_000;

/**
 * Exponential back-off per key as client-go's util/flowcontrol.Backoff: 10 s doubling to 5 min, forgotten after twice the
 * maximum without a failure.
 */
export class Backoff {
  readonly #clock: Pick<SandboxClock, 'now'>;
  readonly #entries = new Map<string, { delayMs: number; lastUpdate: number }>();

  constructor(clock: Pick<SandboxClock, 'now'>) {
    this.#clock = clock;
  }

  /** Notes a failure that happened at `at` (ms since the epoch). */
  next(key: string, at: number = this.#clock.now()): void {
    const entry = this.#entries.get(key);
    const expired = !entry || at - entry.lastUpdate > 2 * BACKOFF_MAX_MS;
    this.#entries.set(key, {
      delayMs: expired ? BACKOFF_INITIAL_MS : Math.min(entry.delayMs * 2, BACKOFF_MAX_MS),
      lastUpdate: this.#clock.now(),
    });
  }

  delay(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Whether less than the delay has passed since `at`. */
  isInBackoffSince(key: string, at: number): boolean {
    const entry = this.#entries.get(key);
    if (!entry || at - entry.lastUpdate > 2 * BACKOFF_MAX_MS) return false;
    return this.#clock.now() - at < entry.delayMs;
  }

  /** Whether less than the delay has passed since the last failure was noted. */
  isInBackoffSinceUpdate(key: string): boolean {
    const entry = this.#entries.get(key);
    if (!entry || this.#clock.now() - entry.lastUpdate > 2 * BACKOFF_MAX_MS) return false;
    return this.#clock.now() - entry.lastUpdate < entry.delayMs;
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }
}

/** A duration as Go prints it: `10s`, `1m20s`, `5m0s`, `1.5s`, `250ms`. */
export function goDuration(ms: number): string {
  if (ms < 1000) return ms === 0 ? '0s' : `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1000;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
