import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './ports.ts';

/** The system's clocks. The only place that reads them: everything else is handed a `Clock`. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await delay(Math.max(0, ms), undefined, signal ? { signal } : {});
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
