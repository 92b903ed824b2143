import type { EventBody, MomentName } from '../record/events.ts';

export interface ReachedMoment {
  tMs: number;
  by: string;
}

/**
 * Keeps t0..t4 and the moments beside them, each reached once, and lets others wait for one.
 * Emits `moment.reached` when a moment is told, which may be a little after the moment itself.
 */
export class Moments {
  readonly #reached = new Map<MomentName, ReachedMoment>();
  readonly #waiting = new Map<MomentName, Set<() => void>>();
  readonly #emit: (event: EventBody) => void;

  constructor(emit: (event: EventBody) => void) {
    this.#emit = emit;
  }

  get(name: MomentName): ReachedMoment | undefined {
    return this.#reached.get(name);
  }

  /** Only the first telling counts. */
  reach(name: MomentName, tMs: number, by: string, uncertaintyMs: number, detail?: string): void {
    if (this.#reached.has(name)) return;
    this.#reached.set(name, { tMs, by });
    this.#emit({
      type: 'moment.reached',
      moment: name,
      momentTMs: tMs,
      by,
      uncertaintyMs,
      ...(detail === undefined ? {} : { detail }),
    });
    for (const wake of this.#waiting.get(name) ?? []) wake();
    this.#waiting.delete(name);
  }

  /** Resolves once the moment is reached; rejects with the signal's reason. */
  async wait(name: MomentName, signal: AbortSignal): Promise<ReachedMoment> {
    const reached = this.#reached.get(name);
    if (reached) return reached;
    await new Promise<void>((resolve, reject) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      const abort = () => {
        waiting.delete(wake);
        reject(signal.reason);
      };
      const wake = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      if (signal.aborted) return abort();
      waiting.add(wake);
      signal.addEventListener('abort', abort, { once: true });
    });
    return this.#reached.get(name) as ReachedMoment;
  }
}
