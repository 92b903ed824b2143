import type { SandboxClock } from './registry/resources.ts';

/** Node's timers count in 32 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The real clock; its timers keep no process alive. */
export const systemClock: SandboxClock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, ms), MAX_TIMER_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
