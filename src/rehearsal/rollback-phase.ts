/** The rollback, whoever makes it: by the means of the scenario, by a command of the runbook, or by somebody's own hands. */
import { objectText } from '../record/event-text.ts';
import type { Activity, ObjectRef } from '../record/events.ts';
import { durationMs, type ScenarioSpec } from '../scenario/schema.ts';
import { expiry } from './expiry.ts';
import type { Moments } from './moments.ts';
import type { Clock, RoleContext, Rollback, TargetObserver } from './ports.ts';

/** A step that cannot be done: the runbook goes no further, the drill is censored, the net restores. */
export class StepFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StepFailed';
  }
}

interface RollbackParts {
  spec: ScenarioSpec;
  context: RoleContext;
  target: ObjectRef;
  clock: Clock;
  rollback: Rollback;
  observer: TargetObserver;
  moments: Moments;
  /** Before a workload other than the target is changed. */
  protect: (workload: ObjectRef) => Promise<void>;
  spend: (activity: Activity) => void;
  /** Whether a rollback is under way has changed. */
  changed: () => void;
  /** t3 is reached. */
  done: () => void;
  /** Ends the drill. */
  signal: AbortSignal;
  /** The drill is over: what is put back from then on is the safety net's doing. */
  over: AbortSignal;
}

export class RollbackPhase {
  readonly #options: RollbackParts;
  #rollingBack = false;
  #commandGiven = false;
  #seen: Promise<void> | undefined;
  #underWay = 0;
  #knownGoodTMs: number | undefined;
  #onKnownGood: () => void = () => {};

  constructor(parts: RollbackParts) {
    this.#options = parts;
  }

  get underWay(): boolean {
    return this.#underWay > 0;
  }

  /** The target's desired state has become equal, or unequal, to the known-good one. */
  knownGood(equal: boolean): void {
    const { context, moments } = this.#options;
    // What is put back after the drill is the safety net's doing, nobody's rollback.
    if (!moments.get('deployed') || this.#options.over.aborted) return;
    this.#knownGoodTMs = equal ? context.tMs() : undefined;
    if (equal) this.#onKnownGood();
    // Somebody rolled back with their own hands, or a runbook's command did.
    if (equal && !this.#rollingBack && !moments.get('rolled-back')) this.#seen ??= this.#observeRollback();
  }

  async #observeRollback(): Promise<void> {
    const { context, moments, observer, signal, target } = this.#options;
    moments.reach('rollback-issued', context.tMs(), 'seen in the cluster', 0, 'the desired state equals the known-good one');
    try {
      const outside = await observer.lastChange();
      const name = objectText(target);
      if (this.#commandGiven) {
        context.emit({
          type: 'rollback.issued',
          kind: 'runbook',
          summary: `${name} was rolled back by a command of the runbook`,
        });
      } else {
        const summary = `${name} was rolled back outside the tool: ${outside.how}`;
        context.emit({ type: 'rollback.issued', kind: 'outside', summary, outside });
      }
      await this.#rolledBack(target, signal);
    } catch (error) {
      // Undone again, or never done: the next time that it is seen counts.
      this.#seen = undefined;
      if (!signal.aborted) context.emit({ type: 'note', text: `rollback: ${(error as Error).message}` });
    }
  }

  async #untilKnownGood(signal: AbortSignal): Promise<number> {
    while (this.#knownGoodTMs === undefined) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const abort = () => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        this.#onKnownGood = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
      });
    }
    return this.#knownGoodTMs;
  }

  /**
   * Gives the command for the workload that was blamed, and waits until it is done; only waits when somebody has rolled back already.
   * @throws StepFailed
   */
  async roll(workload: ObjectRef | undefined, signal: AbortSignal): Promise<string> {
    const { context, moments, rollback, target } = this.#options;
    if (this.#seen || moments.get('rolled-back')) return this.await(signal);
    if (!workload) throw new StepFailed('nothing can be rolled back before the cause is known');
    const right = isSame(workload, target);
    this.#options.spend('machine');
    if (!right) await this.#options.protect(workload);
    this.#rollingBack = right;
    const issuedTMs = context.tMs();
    let issued: { summary: string; toRevision: string };
    try {
      issued = await rollback.issue(context, workload);
    } catch (error) {
      this.#rollingBack = false;
      signal.throwIfAborted();
      throw new StepFailed(`the rollback was refused: ${(error as Error).message}`);
    }
    context.emit({ type: 'rollback.issued', kind: rollback.kind, ...issued });
    this.#options.spend('cluster');
    if (!right) {
      // Of a workload that was wrongly blamed: no moment of the recovery, and no t3.
      const detail = await this.#withinRollbackLimit(signal, until => rollback.done(context, workload, until));
      return `${issued.summary}\n${detail}`;
    }
    moments.reach('rollback-issued', issuedTMs, rollback.kind, context.tMs() - issuedTMs, issued.summary);
    return `${issued.summary}\n${await this.#rolledBack(workload, signal)}`;
  }

  /** A command of the runbook is about to do it. */
  commandIssued(): void {
    const { context, moments } = this.#options;
    this.#commandGiven = true;
    moments.reach('rollback-issued', context.tMs(), 'runbook', 0, 'by a command of the runbook');
  }

  /** Waits for whoever rolls back. */
  async await(signal: AbortSignal): Promise<string> {
    this.#options.spend('cluster');
    const { by } = await this.#options.moments.wait('rolled-back', AbortSignal.any([signal, this.#options.signal]));
    return `rolled back (${by})`;
  }

  async #withinRollbackLimit<T>(signal: AbortSignal, work: (until: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, spec } = this.#options;
    const within = spec.rollback.timeout;
    const limit = expiry(clock, durationMs(within), () => new StepFailed(`the rollback was not done within ${within}`));
    this.#underWay++;
    this.#options.changed();
    try {
      return await work(AbortSignal.any([signal, limit.signal]));
    } finally {
      limit.cancel();
      this.#underWay--;
      this.#options.changed();
    }
  }

  /** t3: the mechanism reports done and the desired state equals the known-good one. */
  async #rolledBack(workload: ObjectRef, signal: AbortSignal): Promise<string> {
    const { context, moments, rollback } = this.#options;
    try {
      return await this.#withinRollbackLimit(signal, async until => {
        const detail = await rollback.done(context, workload, until);
        const mechanismDoneTMs = context.tMs();
        const desiredStateEqualTMs = await this.#untilKnownGood(until);
        const doneTMs = Math.max(mechanismDoneTMs, desiredStateEqualTMs);
        context.emit({ type: 'rollback.observed', mechanismDoneTMs, desiredStateEqualTMs, detail });
        moments.reach('rolled-back', doneTMs, rollback.kind, 0, detail);
        this.#options.done();
        return detail;
      });
    } catch (error) {
      this.#rollingBack = false;
      signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      context.emit({
        type: 'rollback.observed',
        ...(this.#knownGoodTMs === undefined ? {} : { desiredStateEqualTMs: this.#knownGoodTMs }),
        detail: message,
      });
      throw error instanceof StepFailed ? error : new StepFailed(message);
    }
  }
}

export function isSame(left: ObjectRef, right: ObjectRef): boolean {
  return left.kind === right.kind && left.name === right.name;
}
