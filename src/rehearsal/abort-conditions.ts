/** What a drill must not cost: it is ended, and the target restored, as soon as one of these is reached. */
import { durationMs, type ScenarioSpec } from '../scenario/schema.ts';
import type { Probe, ProbeSample } from './ports.ts';

type Condition = ScenarioSpec['abort'][number];

export class AbortConditions {
  readonly #conditions: readonly Condition[];
  readonly #abort: (reason: string) => void;
  /** Failed requests since t0, by probe. */
  readonly #failed = new Map<string, number>();
  /** Since when a service level is broken, ms of run time, by probe. */
  readonly #brokenSince = new Map<string, number>();

  /** @param abort ends the drill; called with why */
  constructor(conditions: readonly Condition[], abort: (reason: string) => void) {
    this.#conditions = conditions;
    this.#abort = abort;
  }

  /** A request was answered, after t0. @param tMs ms of run time now */
  sampled(probe: Probe, sample: ProbeSample, tMs: number): void {
    const { name } = probe;
    if (!sample.ok) this.#failed.set(name, (this.#failed.get(name) ?? 0) + 1);
    const level = probe.level();
    if (level.judged && level.ok) this.#brokenSince.delete(name);
    else if (level.judged && !this.#brokenSince.has(name)) this.#brokenSince.set(name, tMs);
    for (const condition of this.#conditions) {
      const why = condition.probe === name ? this.#whyReached(condition, tMs, level.detail) : undefined;
      if (why !== undefined) this.#abort(why);
    }
  }

  #whyReached(condition: Condition, tMs: number, detail: string): string | undefined {
    if (condition.kind === 'error-budget') {
      const failed = this.#failed.get(condition.probe) ?? 0;
      return failed > condition.requests
        ? `the error budget of the drill is spent: ${failed} failed requests of probe ${condition.probe}, allowed are ${condition.requests}`
        : undefined;
    }
    const since = this.#brokenSince.get(condition.probe);
    return since !== undefined && tMs - since >= durationMs(condition.for)
      ? `the service level of probe ${condition.probe} was broken for ${condition.for}: ${detail}`
      : undefined;
  }
}
