import type { Clock } from './ports.ts';

export interface Expiry {
  /** Aborts with the given reason after the time. */
  signal: AbortSignal;
  cancel(): void;
}

/** A time limit on the rehearsal's own clock (AbortSignal.timeout would read the system's). */
export function expiry(clock: Clock, ms: number, reason: () => Error): Expiry {
  const limit = new AbortController();
  const cancelled = new AbortController();
  clock.sleep(ms, cancelled.signal).then(
    () => limit.abort(reason()),
    () => {},
  );
  return { signal: limit.signal, cancel: () => cancelled.abort() };
}
