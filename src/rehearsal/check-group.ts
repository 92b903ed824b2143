import type { CheckResult } from '../record/events.ts';
import type { Check, Clock, RoleContext } from './ports.ts';

/**
 * Several checks judged together: "all held without a break for so long".
 * Driven by the checks' own changes; the only timer is the one for the end of the window.
 */
export class CheckGroup {
  readonly #checks: readonly Check[];
  readonly #listeners = new Set<() => void>();

  constructor(checks: readonly Check[]) {
    this.#checks = checks;
  }

  async start(context: RoleContext, signal: AbortSignal): Promise<void> {
    const changed = () => {
      for (const listener of this.#listeners) listener();
    };
    await Promise.all(this.#checks.map(check => check.start(context, signal, changed)));
  }

  now(): { ok: boolean; checks: CheckResult[] } {
    const checks = this.#checks.map(check => check.now());
    return { ok: checks.every(check => check.ok), checks };
  }

  /**
   * Resolves when every check has held for `holdMs` without a break, with the start of that window (ms of run time).
   * `onChange` hears each time when the joint answer or the set of failing checks changed.
   * Rejects with the signal's reason.
   */
  async held(
    holdMs: number,
    options: { clock: Clock; tMs: () => number; signal: AbortSignal; onChange?: (ok: boolean, checks: CheckResult[]) => void },
  ): Promise<{ sinceTMs: number; untilTMs: number }> {
    const { clock, tMs, signal } = options;
    let sinceTMs: number | undefined;
    let told: string | undefined;
    let wake: () => void = () => {};
    const look = () => {
      const { ok, checks } = this.now();
      if (!ok) sinceTMs = undefined;
      else sinceTMs ??= tMs();
      const failing = checks.map(check => (check.ok ? '+' : '-')).join('');
      if (failing !== told) {
        told = failing;
        options.onChange?.(ok, checks);
      }
      wake();
    };
    this.#listeners.add(look);
    const gone = aborted(signal);
    gone.catch(() => {});
    try {
      look();
      for (;;) {
        signal.throwIfAborted();
        const changed = new Promise<void>(resolve => {
          wake = resolve;
        });
        const round = new AbortController();
        const pause = AbortSignal.any([signal, round.signal]);
        if (sinceTMs === undefined) {
          await Promise.race([changed, gone]);
          continue;
        }
        const window: number = sinceTMs;
        const left = window + holdMs - tMs();
        if (left > 0) {
          // Either the window ends, or something changed; an answer that stayed good changes nothing.
          await Promise.race([clock.sleep(left, pause).catch(() => {}), changed]);
          round.abort();
          continue;
        }
        look();
        if (sinceTMs === window) return { sinceTMs: window, untilTMs: tMs() };
      }
    } finally {
      this.#listeners.delete(look);
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
