/**
 * One rehearsal, from the guard to the proof of restore. It knows ports, not tools, and says what happens as events:
 * everything else (terminal, run.json, report) is derived from those.
 */
import { EXIT, RehearseError } from '../errors/errors.ts';
import { objectText } from '../record/event-text.ts';
import type { CheckResult, EventBody, RehearsalEvent } from '../record/events.ts';
import { durationMs } from '../scenario/schema.ts';
import { AbortConditions } from './abort-conditions.ts';
import { planMade, runStarted } from './announce.ts';
import { CheckGroup } from './check-group.ts';
import { Drill } from './drill.ts';
import { DrillEnded, EXIT_CODES, type RehearsalResult, refused, refusedBy } from './ending.ts';
import { type Expiry, expiry } from './expiry.ts';
import { Moments } from './moments.ts';
import { missedObjectives } from './objectives.ts';
import type { Decoy, RehearsalOptions } from './options.ts';
import type { PlannedChange, RoleContext } from './ports.ts';
import { holdSteadyState } from './steady-state.ts';
import { Teardowns } from './teardown.ts';

/** Long enough for any rollout of a staging workload; a restore that takes longer is reported as not proven. */
const RESTORE_LIMIT_MS = 180_000;

/** Runs the rehearsal. Never rejects for what happens in it: failures are outcomes, and the target is restored. */
export async function runRehearsal(options: RehearsalOptions): Promise<RehearsalResult> {
  return new Rehearsal(options).run();
}

class Rehearsal {
  readonly #options: RehearsalOptions;
  readonly #startedMs: number;
  readonly #context: RoleContext;
  readonly #moments: Moments;
  readonly #teardowns = new Teardowns();
  #seq = 0;
  #mayChange = false;
  #steady: CheckGroup | undefined;
  #recordFailure: Error | undefined;
  /** Ends the watch over what a command of the runbook changes. */
  #commandDone: (() => void) | undefined;
  readonly #stop = new AbortController();

  constructor(options: RehearsalOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#moments = new Moments(event => this.#emit(event));
    this.#context = {
      cluster: options.cluster,
      clock: options.clock,
      tMs: () => this.#tMs(),
      namespace: options.scenario.scenario.spec.target.namespace,
      target: options.workload ?? options.target,
      emit: event => this.#emit(event),
      log: options.log,
    };
  }

  #tMs(): number {
    return Math.round((this.#options.clock.monotonicMs() - this.#startedMs) * 10) / 10;
  }

  #emit(body: EventBody): void {
    if (body.type === 'runbook.step.started' && body.command !== undefined && !isReading(body.command))
      this.#commandDone = this.#options.safety.observeOwn();
    if (body.type === 'runbook.step.finished') {
      this.#commandDone?.();
      this.#commandDone = undefined;
    }
    const event = { seq: ++this.#seq, at: this.#options.clock.now().toISOString(), tMs: this.#tMs(), ...body } as RehearsalEvent;
    try {
      this.#options.record(event);
    } catch (error) {
      // A record that cannot be written (full disk) ends the drill; the restore does not need it.
      if (this.#recordFailure) return;
      this.#recordFailure = error as Error;
      this.#stop.abort(error);
    }
  }

  async run(): Promise<RehearsalResult> {
    const { spec } = this.#options.scenario.scenario;
    let limit: Expiry | undefined;
    const tooLong = new AbortController();
    const halt = new AbortController();
    const signal = AbortSignal.any([this.#options.interrupt, this.#stop.signal, tooLong.signal, halt.signal]);
    const watching = new AbortController();
    this.#teardowns.add('watches', () => watching.abort());
    this.#teardowns.add(
      'audit',
      this.#options.onWrite(write => this.#emit({ type: 'cluster.written', ...write })),
    );

    let result: Omit<RehearsalResult, 'exitCode'>;
    try {
      this.#emit(runStarted(this.#options));
      const plan = await this.#prepare(signal, watching.signal);
      await this.#options.safety.watchHalt(watching.signal, reason => halt.abort(new DrillEnded('interrupted', reason)));
      limit = expiry(
        this.#options.clock,
        durationMs(spec.limits.total),
        () => new DrillEnded('missed', `the drill took longer than its limit of ${spec.limits.total}`),
      );
      limit.signal.addEventListener('abort', () => tooLong.abort(limit?.signal.reason));
      const failure = await this.#drill(plan, signal, watching.signal);
      result = failure === undefined ? this.#judge() : { outcome: 'missed', reason: failure };
    } catch (error) {
      result = this.#explain(error);
    } finally {
      limit?.cancel();
    }
    const restored = await this.#restore(result.reason);
    if (!restored)
      result = {
        outcome: 'not-restored',
        reason: `${result.reason}; the restore is not proven: ${this.#options.safety.remedy()}`,
      };
    for (const failure of await this.#teardowns.run())
      this.#options.log.warn({ error: failure.error }, `teardown failed: ${failure.name}`);
    const exitCode = EXIT_CODES[result.outcome];
    this.#emit({ type: 'run.finished', ...result, exitCode });
    return { ...result, exitCode };
  }

  /** Everything up to the injection: reads, dry runs and watches only. @throws RehearseError (refused). */
  async #prepare(signal: AbortSignal, watching: AbortSignal): Promise<PreparedDrill> {
    const { safety, roles, observer, scenario } = this.#options;
    const { spec } = scenario.scenario;
    await this.#guard();
    // Before planning: what another run has done to the target would be taken for a fault that changes nothing, and of a blind one be told.
    const free = await safety.preflight();
    if (free.some(check => !check.ok)) this.#refusePreflight(free);

    const planned = await roles.fault.plan(this.#context);
    const decoys = await Promise.all(
      roles.decoys.map(async decoy => {
        const context = { ...this.#context, target: decoy.target };
        return { ...decoy, context, planned: await decoy.fault.plan(context) };
      }),
    );
    this.#emit(planMade(this.#options));

    const { toRevision } = await roles.rollback.prepare(this.#context).catch(error => {
      throw refused('there is nothing to roll back to', error);
    });
    const checks = [
      ...(await observer.preflight()),
      ...free,
      { name: 'revision to go back to', ok: true, detail: `the drill rolls back to revision ${toRevision}` },
    ];
    if (checks.some(check => !check.ok)) this.#refusePreflight(checks);
    this.#emit({ type: 'preflight.checked', ok: true, checks });
    this.#emit({ type: 'clock.compared', ...(await this.#options.clockSkew()) });

    const { target: _hidden, ...blind } = this.#context;
    const steady = new CheckGroup(roles.steadyState);
    this.#steady = steady;
    const verification = new CheckGroup(roles.verification);
    const drill = new Drill({
      ...this.#options,
      context: this.#context,
      moments: this.#moments,
      verification,
      practice: this.#options.play.mode === 'practice',
      blind: this.#options.play.blind !== undefined,
      protect: workload => safety.extendUndo(workload),
      end: reason => this.#stop.abort(new DrillEnded('interrupted', reason)),
      signal,
      watching,
      spec,
    });
    const conditions = new AbortConditions(spec.abort, reason => this.#stop.abort(new DrillEnded('interrupted', reason)));
    for (const probe of roles.probes.values()) {
      await probe.start(this.#context, watching, sample => {
        this.#emit({ type: 'probe.sampled', probe: probe.name, ...sample });
        drill.sampled(probe, sample);
        if (this.#moments.get('deployed')) conditions.sampled(probe, sample, this.#tMs());
      });
    }
    await Promise.all([
      roles.diagnosis.start(blind, watching),
      steady.start(this.#context, watching),
      verification.start(this.#context, watching),
      drill.startDetectors(),
    ]);
    await this.#steadyState('before', signal, drill);
    await this.#guard();
    return { planned, decoys, drill };
  }

  #refusePreflight(checks: CheckResult[]): never {
    this.#emit({ type: 'preflight.checked', ok: false, checks });
    throw refusedBy('not fit for a drill', checks);
  }

  async #guard(): Promise<void> {
    const guard = await this.#options.safety.guard();
    this.#emit({ type: 'guard.checked', ...guard });
    if (!guard.allowed) throw refusedBy('refused by the staging guard', guard.checks);
  }

  async #steadyState(when: 'before' | 'after', signal: AbortSignal, drill?: Drill): Promise<void> {
    if (!this.#steady) return;
    const { spec } = this.#options.scenario.scenario;
    const parts = { steady: this.#steady, spec, context: this.#context, when, signal };
    await holdSteadyState({ ...parts, emit: event => this.#emit(event), ...(drill ? { drill } : {}) });
  }

  /** From the undo journal to t4. Resolves with what kept it from t4, if anything. */
  async #drill(
    { planned, decoys, drill }: PreparedDrill,
    signal: AbortSignal,
    watching: AbortSignal,
  ): Promise<string | undefined> {
    const { safety, roles, scenario, clock } = this.#options;
    const { spec } = scenario.scenario;
    const everything = [...planned, ...decoys.flatMap(decoy => decoy.planned)];
    const deadline = new Date(clock.now().getTime() + durationMs(spec.limits.total) + RESTORE_LIMIT_MS);
    const undo = await safety.writeUndo(everything, deadline);
    this.#emit({
      type: 'undo.written',
      journal: undo.journal,
      cluster: undo.cluster,
      objects: undo.objects,
      deadline: deadline.toISOString(),
    });
    const lease = await safety.acquireLease(watching, why => this.#stop.abort(new DrillEnded('interrupted', why)));
    // From here on the target is put back whatever happens. Not before: without the lease it may be in another drill's hands.
    this.#mayChange = true;
    this.#emit({ type: 'lease.acquired', lease, holder: this.#options.runId });

    drill.onCall();
    if (this.#options.quietMs !== undefined) await clock.sleep(this.#options.quietMs, signal);
    const before = decoys.filter(decoy => decoy.when === 'before').sort((left, right) => right.byMs - left.byMs);
    for (const [index, decoy] of before.entries()) {
      await this.#deployDecoy(decoy);
      await clock.sleep(decoy.byMs - (before[index + 1]?.byMs ?? 0), signal);
    }
    await this.#untilQuiet(drill, signal);
    // What was opted in when the drill began may have been taken back while it waited.
    await this.#guard();
    await safety.confirm();
    signal.throwIfAborted();
    const injected = await roles.fault.inject(this.#context, planned);
    this.#emit({
      type: 'fault.injected',
      kind: roles.fault.kind,
      target: this.#options.target,
      changes: planned.map(publicChange),
      ...injected,
    });
    this.#moments.reach('deployed', injected.acceptedTMs, 'API server', injected.acceptedTMs - injected.sentTMs);
    // A decoy that is still to come when the drill is over must not come after the restore.
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const later = decoys
      .filter(decoy => decoy.when === 'after')
      .map(async decoy => {
        await clock.sleep(decoy.byMs, until);
        await this.#deployDecoy(decoy).catch(error => this.#options.log.warn({ error }, 'a decoy was not deployed'));
      });
    const deploying = Promise.allSettled(later);
    try {
      return await drill.run(planned, injected.sentTMs);
    } finally {
      over.abort();
      await deploying;
    }
  }

  /** A detector that fires already (a decoy's rollout can do that) could not time the detection of what comes. */
  async #untilQuiet(drill: Drill, signal: AbortSignal): Promise<void> {
    const { timeout } = this.#options.scenario.scenario.spec.steadyState;
    const limit = expiry(this.#options.clock, durationMs(timeout), () => new Error('timeout'));
    try {
      await drill.quiet(AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      signal.throwIfAborted();
      throw new RehearseError(
        `a detector fired before the bad deploy, for longer than ${timeout}: ${drill.firing().join('; ')}`,
        {
          exitCode: EXIT.refused,
          hint: 'the bad deploy was not injected: fix what the detector tells, or the detector',
          cause: error,
        },
      );
    } finally {
      limit.cancel();
    }
    signal.throwIfAborted();
  }

  async #deployDecoy(decoy: PreparedDecoy): Promise<void> {
    await this.#options.safety.confirm();
    await decoy.fault.inject(decoy.context, decoy.planned);
    this.#emit({
      type: 'decoy.deployed',
      object: decoy.target,
      summary: decoy.fault.summary,
      changes: decoy.planned.map(publicChange),
    });
  }

  #judge(): Omit<RehearsalResult, 'exitCode'> {
    const missed = missedObjectives(this.#options.scenario.scenario.spec.objectives, this.#moments);
    return missed.length === 0
      ? { outcome: 'met', reason: 'every objective was met' }
      : { outcome: 'missed', reason: missed.join('; ') };
  }

  #explain(error: unknown): Omit<RehearsalResult, 'exitCode'> {
    if (error instanceof DrillEnded) {
      if (error.outcome === 'interrupted') this.#emit({ type: 'run.interrupted', signal: error.message });
      return { outcome: error.outcome, reason: error.message };
    }
    const known = error instanceof RehearseError;
    const message = error instanceof Error ? error.message : String(error);
    if (!known) this.#options.log.warn({ error }, 'unexpected failure');
    this.#emit({ type: 'run.failed', message, ...(known && error.hint ? { remedy: error.hint } : {}) });
    return { outcome: known && error.exitCode === EXIT.refused ? 'refused' : 'error', reason: message };
  }

  /** @returns whether the target is as it was; true when nothing had been touched. */
  async #restore(reason: string): Promise<boolean> {
    if (!this.#mayChange) return true;
    const { safety, clock } = this.#options;
    const limit = expiry(clock, RESTORE_LIMIT_MS, () => new Error(`the restore took longer than ${RESTORE_LIMIT_MS / 1000} s`));
    const signal = AbortSignal.any([this.#options.abandon, limit.signal]);
    this.#emit({ type: 'restore.started', reason });
    let proven = false;
    try {
      const restored = await safety.restore(signal);
      proven = restored.proven;
      this.#emit({ type: 'restore.finished', proven, objects: restored.objects });
      for (const { object, action, equal, kept = [], note } of restored.objects) {
        const name = objectText(object);
        for (const { field, before, now, by } of kept)
          this.#emit({
            type: 'note',
            text: `kept what somebody else changed on ${name}: ${field} ${before} → ${now}${by === undefined ? '' : ` (${by})`}`,
          });
        if (note !== undefined) this.#emit({ type: 'note', text: `${name}: ${note}` });
        if (action === 'left' && !equal)
          this.#emit({ type: 'note', text: `${name} was left alone: somebody else changed what the drill changed` });
      }
      if (restored.removedRevisions.length > 0) {
        this.#emit({
          type: 'note',
          text: `removed from the workloads' history, so that no later undo goes back to them: ${restored.removedRevisions.join(', ')}`,
        });
      }
      // Not holding is told, and means that the restore is not proven.
      if (proven) await this.#steadyState('after', signal);
    } catch (error) {
      proven = false;
      this.#options.log.warn({ error }, 'restore failed');
      this.#emit({ type: 'note', text: `restore: ${error instanceof Error ? error.message : String(error)}` });
    } finally {
      limit.cancel();
    }
    try {
      await safety.release({ proven });
      this.#emit({ type: 'lease.released' });
    } catch (error) {
      this.#emit({ type: 'note', text: `the lease or the undo journal could not be removed: ${(error as Error).message}` });
    }
    return proven;
  }
}

interface PreparedDecoy extends Decoy {
  context: RoleContext;
  planned: PlannedChange[];
}

interface PreparedDrill {
  planned: PlannedChange[];
  decoys: PreparedDecoy[];
  drill: Drill;
}

const publicChange = ({ object, action, diff }: PlannedChange) => ({ object, action, diff });

/** Whether commands only look: while one waits for a rollout, what changes is somebody else's doing. */
function isReading(commands: string): boolean {
  const lines = commands.split('\n').filter(line => line.trim() !== '' && !line.trim().startsWith('#'));
  return lines.every(line =>
    /^\s*\$?\s*kubectl\b[^|;&]*\s(get|describe|logs|top|wait|rollout\s+(status|history))\b[^|;&]*$/.test(line),
  );
}
