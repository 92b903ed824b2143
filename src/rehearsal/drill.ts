/**
 * From t0 to t4: listens to the detectors, follows the runbook and recognises the moments.
 * The runbook (or, without one, the plain order of the phases) decides what is done; the moments are recognised from
 * what happens, whoever did it.
 */
import type { Activity, MomentName, ObjectRef, Suspect } from '../record/events.ts';
import { durationMs, type ScenarioSpec } from '../scenario/schema.ts';
import { ActivityLog } from './activity-log.ts';
import type { CheckGroup } from './check-group.ts';
import { expiry } from './expiry.ts';
import type { Moments } from './moments.ts';
import type {
  Candidate,
  Clock,
  Detector,
  DetectorSignal,
  Diagnosis,
  PlannedChange,
  Probe,
  ProbeSample,
  RoleContext,
  Rollback,
  Runbook,
  RunbookActions,
  TargetObserver,
} from './ports.ts';
import { isSame, RollbackPhase, StepFailed } from './rollback-phase.ts';

/** Below this the automatic diagnosis goes on looking instead of naming somebody. */
const CONFIDENT = 0.5;
const ASK_AGAIN_MS = 250;

export interface Hint {
  text: string;
  /** Points that it takes off the score. */
  cost: number;
}

export interface DrillOptions {
  spec: ScenarioSpec;
  context: RoleContext;
  target: ObjectRef;
  clock: Clock;
  roles: {
    detectors: readonly Detector[];
    diagnosis: Diagnosis;
    rollback: Rollback;
    probes: ReadonlyMap<string, Probe>;
    runbook: Runbook | undefined;
    show: RunbookActions['show'];
    candidates: RunbookActions['candidates'];
    hints: readonly Hint[];
  };
  observer: TargetObserver;
  moments: Moments;
  verification: CheckGroup;
  /** A person follows the runbook: the limits of the automatic ways do not hold for people. */
  practice: boolean;
  /** What fails names the target, which is to be found: people are not told. */
  blind: boolean;
  /** Before a workload other than the target is changed. */
  protect: (workload: ObjectRef) => Promise<void>;
  end: RunbookActions['end'];
  /** Ends the drill. */
  signal: AbortSignal;
  /** Ends the watches, after the restore. */
  watching: AbortSignal;
}

export class Drill implements RunbookActions {
  readonly #options: DrillOptions;
  readonly #firing = new Map<string, string>();
  /** Signals that arrived while the API server's answer to the injection was on its way. */
  readonly #early: { tMs: number; detector: string; found: DetectorSignal }[] = [];
  readonly #firstSlow = new Map<string, ProbeSample>();
  #badRevision: Promise<string> | undefined;
  #blamed: ObjectRef | undefined;
  #restored: Promise<void> | undefined;
  /** Nothing that is still to come belongs to the drill: the restore is not its recovery. */
  readonly #over = new AbortController();
  #hints = 0;
  readonly #activities: ActivityLog;
  readonly #rollback: RollbackPhase;
  #onCleared: () => void = () => {};

  constructor(options: DrillOptions) {
    this.#options = options;
    const { context, moments } = options;
    this.#activities = new ActivityLog({
      emit: event => context.emit(event),
      begun: () => moments.get('deployed') !== undefined,
      // While a rollback or the checks take their course, what a person does meanwhile costs nothing: it is not them who is waited for.
      byItself: () => this.#rollback.underWay || (moments.get('rolled-back') !== undefined && !moments.get('restored')),
    });
    this.#rollback = new RollbackPhase({
      ...options,
      rollback: options.roles.rollback,
      over: this.#over.signal,
      spend: activity => this.spend(activity),
      changed: () => this.#activities.tell(),
      done: () => {
        this.#restored ??= this.#watchRestored().catch(() => {});
      },
    });
  }

  /** What the detectors tell right now. */
  firing(): string[] {
    return [...this.#firing].map(([detector, message]) => `${detector}: ${message}`);
  }

  /** Resolves when no detector fires. Rejects with the signal's reason. */
  async quiet(signal: AbortSignal): Promise<void> {
    while (this.#firing.size > 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const abort = () => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        this.#onCleared = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
      });
    }
  }

  async startDetectors(): Promise<void> {
    const { context, watching, roles } = this.#options;
    await Promise.all(
      roles.detectors.map(detector =>
        detector.start(context, watching, {
          signal: found => this.#signal(detector, found),
          clear: message => {
            this.#firing.delete(detector.name);
            context.emit({ type: 'signal.cleared', detector: detector.name, message });
            this.#onCleared();
          },
        }),
      ),
    );
  }

  #signal(detector: Detector, found: DetectorSignal): void {
    const { context, moments } = this.#options;
    const tMs = context.tMs();
    this.#firing.set(detector.name, found.message);
    context.emit({ type: 'signal.raised', detector: detector.name, kind: detector.kind, ...found });
    if (moments.get('deployed')) this.#detected(tMs, detector.name, found);
    else this.#early.push({ tMs, detector: detector.name, found });
  }

  #detected(tMs: number, detector: string, found: DetectorSignal): void {
    this.#options.moments.reach('detected', tMs, detector, found.uncertaintyMs, found.message);
  }

  /** Everything is in place; nothing is deployed yet. */
  onCall(): void {
    const { context, roles, signal } = this.#options;
    roles.runbook?.onCall?.(context, this, signal);
  }

  /** Resolves with why t4 was not reached, or undefined when it was. Rejects when the drill was ended. */
  async run(planned: readonly PlannedChange[], sentTMs: number): Promise<string | undefined> {
    const { context, moments, observer, roles, signal, target, watching } = this.#options;
    this.spend('cluster');
    for (const { tMs, detector, found } of this.#early) if (tMs >= sentTMs) this.#detected(tMs, detector, found);
    this.#badRevision = observer.liveRevision(signal);
    this.#badRevision.catch(() => {});
    const before = planned.find(change => change.object.kind === target.kind && change.object.name === target.name)?.before;
    if (before) await observer.watchKnownGood(before, watching, equal => this.#rollback.knownGood(equal));
    try {
      if (roles.runbook) await roles.runbook.follow(context, this, signal);
      else await this.#plainOrder(signal);
      // A runbook that ends with the rollback still gets its verification: t4 is what the drill is about.
      if (moments.get('rolled-back') && !moments.get('restored')) await this.verify(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepFailed)) throw error;
      return this.#censored(error.message);
    } finally {
      this.#over.abort();
    }
    signal.throwIfAborted();
    return moments.get('restored') ? undefined : this.#censored('the runbook ended before the service was restored');
  }

  #censored(reason: string): string {
    const { moments } = this.#options;
    const missing = (['detected', 'diagnosed', 'rolled-back', 'restored'] as const).find(moment => !moments.get(moment));
    return missing ? `never ${missing.replace('-', ' ')}: ${reason}` : reason;
  }

  async #plainOrder(signal: AbortSignal): Promise<void> {
    await this.awaitDetection(signal);
    await this.diagnose(signal);
    await this.rollback(signal);
    await this.verify(signal);
  }

  /** impact: the first failed user-facing request after t0, when its user knew; for slowness, the first request over the limit, told once the service level broke. */
  sampled(probe: Probe, sample: ProbeSample): void {
    const { moments } = this.#options;
    const deployed = moments.get('deployed');
    const answeredTMs = sample.sentTMs + sample.latencyMs;
    if (!deployed || moments.get('impact') || answeredTMs < deployed.tMs) return;
    const impact = (tMs: number, detail: string) => moments.reach('impact', tMs, probe.name, probe.intervalMs, detail);
    if (!sample.ok) {
      impact(answeredTMs, `a request failed: ${sample.error ?? sample.status ?? 'no answer'}`);
      return;
    }
    const { latencyLimitMs } = probe;
    if (latencyLimitMs === undefined) return;
    if (sample.latencyMs > latencyLimitMs && !this.#firstSlow.has(probe.name)) this.#firstSlow.set(probe.name, sample);
    const slow = this.#firstSlow.get(probe.name);
    const level = probe.level();
    if (slow && level.judged && !level.ok)
      impact(slow.sentTMs + slow.latencyMs, `a request took ${Math.round(slow.latencyMs)} ms, limit ${latencyLimitMs} ms`);
  }

  // What the runbook's steps ask for.

  async awaitDetection(signal: AbortSignal): Promise<string> {
    const { clock, moments, practice, spec } = this.#options;
    // A person may still see it with their own eyes: only the whole drill is limited for them.
    const within = practice ? spec.limits.total : spec.limits.detection;
    const limit = expiry(clock, durationMs(within), () => new StepFailed(`no detector told within ${within}`));
    if (!moments.get('detected')) this.spend('cluster');
    try {
      const { by } = await moments.wait('detected', AbortSignal.any([signal, limit.signal]));
      return `detected by ${by}: ${this.#firing.get(by) ?? 'it has cleared since'}`;
    } finally {
      limit.cancel();
    }
  }

  async diagnose(signal: AbortSignal): Promise<string> {
    const { clock, context, moments, roles, spec, target } = this.#options;
    await this.awaitDetection(signal);
    this.spend('machine');
    const deadline = context.tMs() + durationMs(spec.diagnosis.timeout);
    await clock.sleep(durationMs(spec.diagnosis.settle), signal);
    const badRevision = await this.#badRevision;
    let answered = '';
    for (;;) {
      const suspects = await roles.diagnosis.answer();
      const [first] = suspects;
      const key = first ? `${first.workload.kind}/${first.workload.name}@${first.revision}` : '';
      const expired = context.tMs() >= deadline;
      if (first && key !== answered && (first.score >= CONFIDENT || expired)) {
        answered = key;
        const correct = isSame(first.workload, target) && first.revision === badRevision;
        const tMs = context.tMs();
        context.emit({ type: 'diagnosis.answered', by: 'automatic diagnosis', suspects, correct });
        if (correct) {
          this.#blamed = first.workload;
          moments.reach(
            'diagnosed',
            tMs,
            'automatic diagnosis',
            0,
            `${first.workload.kind}/${first.workload.name} revision ${first.revision}: ${first.change}`,
          );
          return [
            `${key} (${Math.round(first.score * 100)} %): ${first.change}`,
            ...first.reasons.map(reason => `- ${reason.text}`),
          ].join('\n');
        }
      }
      if (expired) {
        throw new StepFailed(
          first ? `the diagnosis named ${key}, which is not the cause` : `no suspect stood out within ${spec.diagnosis.timeout}`,
        );
      }
      await clock.sleep(ASK_AGAIN_MS, signal);
    }
  }

  rollback(signal: AbortSignal): Promise<string> {
    return this.#rollback.roll(this.#blamed, signal);
  }

  commandIssued(): void {
    this.#rollback.commandIssued();
  }

  awaitRollback(signal: AbortSignal): Promise<string> {
    return this.#rollback.await(signal);
  }

  /** t4 comes when the checks hold, whether or not somebody has come to the step that waits for it. */
  async #watchRestored(): Promise<void> {
    const { clock, context, moments, spec, verification } = this.#options;
    const window = await verification.held(durationMs(spec.verification.stableFor), {
      clock,
      tMs: context.tMs,
      signal: AbortSignal.any([this.#options.signal, this.#over.signal]),
      onChange: (ok, checks) => context.emit({ type: 'verification.changed', ok, checks }),
    });
    moments.reach('healthy-since', window.sinceTMs, 'verification', 0);
    moments.reach('restored', window.untilTMs, 'verification', 0, `every check held for ${spec.verification.stableFor}`);
  }

  async verify(signal: AbortSignal): Promise<string> {
    const { blind, clock, moments, spec, verification } = this.#options;
    if (moments.get('restored')) return 'already restored';
    this.spend('cluster');
    const within = spec.verification.timeout;
    const limit = expiry(clock, durationMs(within), () => new StepFailed(`not restored within ${within}`));
    try {
      await moments.wait('restored', AbortSignal.any([signal, limit.signal]));
      const { checks } = verification.now();
      return checks.map(check => `${check.name}: ${check.detail}`).join('\n');
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepFailed) || blind) throw error;
      const failing = verification.now().checks.filter(check => !check.ok);
      throw new StepFailed([error.message, ...failing.map(check => `${check.name}: ${check.detail}`)].join('; '));
    } finally {
      limit.cancel();
    }
  }

  suspect(): ObjectRef | undefined {
    return this.#blamed;
  }

  reached(moment: MomentName): boolean {
    return this.#options.moments.get(moment) !== undefined;
  }

  report(by: string, text: string): void {
    const { context, moments } = this.#options;
    if (moments.get('deployed')) moments.reach('detected', context.tMs(), by, 0, text || 'seen by a person');
  }

  candidates(): Promise<Candidate[]> {
    return this.#options.roles.candidates();
  }

  async nameCause(by: string, workload: ObjectRef, revision: string, why: string): Promise<{ correct: boolean }> {
    const { clock, context, moments, target } = this.#options;
    const tMs = context.tMs();
    const candidates = await this.candidates();
    const known = candidates.find(one => isSame(one.workload, workload))?.revisions.find(one => one.revision === revision);
    const correct = isSame(workload, target) && revision === (await this.#badRevision);
    const suspect: Suspect = {
      workload,
      revision,
      change: known?.change ?? '',
      changedTMs: tMs - (known ? clock.now().getTime() - new Date(known.changedAt).getTime() : 0),
      score: 1,
      reasons: [{ text: why || 'no reason given', weight: 1 }],
    };
    this.#blamed = workload;
    context.emit({ type: 'diagnosis.answered', by, suspects: [suspect], correct });
    if (correct) {
      this.report(by, why);
      moments.reach('diagnosed', tMs, by, 0, `${workload.kind}/${workload.name} revision ${revision}: ${suspect.change}`);
    }
    return { correct };
  }

  hint(by: string): Hint | undefined {
    const hint = this.#options.roles.hints[this.#hints];
    if (!hint) return undefined;
    this.#hints++;
    this.#options.context.emit({ type: 'hint.given', by, level: this.#hints, ...hint });
    return hint;
  }

  end(reason: string): void {
    this.#options.end(reason);
  }

  spend(activity: Activity, of?: { stepId?: string; detail?: string }): void {
    this.#activities.spend(activity, of);
  }

  show(what: Parameters<RunbookActions['show']>[0], signal: AbortSignal): Promise<string> {
    return this.#options.roles.show(what, signal);
  }
}
