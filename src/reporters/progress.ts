/** What a live screen shows, built up event by event. Pure: it holds no clock and no screen. */
import type { EventOf, MomentName, PhaseName, RehearsalEvent, Suspect } from '../record/events.ts';
import { phaseName } from '../record/events.ts';
import { harmlessLine } from '../record/harmless-text.ts';

export interface PhaseProgress {
  name: PhaseName;
  startTMs: number | undefined;
  endTMs: number | undefined;
  objectiveMs: number | undefined;
}

export interface StepProgress {
  id: string;
  number: number;
  title: string;
  does: string;
  owner: string | undefined;
  expectedMs: number | undefined;
  startTMs: number;
  outcome: EventOf<'runbook.step.finished'>['outcome'] | undefined;
  durationMs: number | undefined;
}

export interface SignalProgress {
  detector: string;
  message: string;
  tMs: number;
  cleared: boolean;
}

interface Sample {
  tMs: number;
  ok: boolean;
  latencyMs: number;
}

/** Enough for a minute of samples at the usual 100 ms. */
const SAMPLES_KEPT = 1200;
const MOMENT_PHASES: [PhaseName, MomentName, MomentName][] = [
  ['detection', 'deployed', 'detected'],
  ['diagnosis', 'detected', 'diagnosed'],
  ['rollback', 'diagnosed', 'rolled-back'],
  ['verification', 'rolled-back', 'restored'],
];

export class Progress {
  started: EventOf<'run.started'> | undefined;
  plan: EventOf<'plan.made'> | undefined;
  readonly moments = new Map<MomentName, number>();
  /** Who or what told first. */
  detectedBy: string | undefined;
  readonly signals: SignalProgress[] = [];
  step: StepProgress | undefined;
  suspect: { suspect: Suspect; correct: boolean } | undefined;
  verification: { ok: boolean; failing: string } | undefined;
  /** What the run is busy with outside of t0 to t4. */
  activity = 'preparing';
  readonly #samples = new Map<string, Sample[]>();
  #steps = 0;

  apply(event: RehearsalEvent): void {
    switch (event.type) {
      case 'run.started':
        this.started = event;
        break;
      case 'plan.made':
        this.plan = event;
        break;
      case 'guard.checked':
        this.activity = 'checking that the target is healthy before the drill';
        break;
      case 'steady-state.checked':
        this.activity = event.when === 'before' ? 'preparing the bad deploy' : 'cleaning up';
        break;
      case 'fault.injected':
        this.activity = '';
        break;
      case 'moment.reached':
        if (!this.moments.has(event.moment)) this.moments.set(event.moment, event.momentTMs);
        if (event.moment === 'detected') this.detectedBy ??= event.by;
        break;
      case 'signal.raised': {
        const known = this.signals.findIndex(one => one.detector === event.detector);
        const message = harmlessLine(event.message);
        if (known >= 0) this.signals.splice(known, 1);
        this.signals.push({ detector: event.detector, message, tMs: event.tMs, cleared: false });
        break;
      }
      case 'signal.cleared': {
        const known = this.signals.find(one => one.detector === event.detector);
        if (known) known.cleared = true;
        break;
      }
      case 'diagnosis.answered': {
        const [suspect] = event.suspects;
        if (suspect) this.suspect = { suspect, correct: event.correct };
        break;
      }
      case 'runbook.step.started':
        this.step = {
          id: event.stepId,
          number: ++this.#steps,
          title: harmlessLine(event.title),
          does: event.does,
          owner: event.owner,
          expectedMs: event.expectedMs,
          startTMs: event.tMs,
          outcome: undefined,
          durationMs: undefined,
        };
        break;
      case 'runbook.step.finished':
        if (this.step?.id === event.stepId) {
          this.step.outcome = event.outcome;
          this.step.durationMs = event.durationMs;
        }
        break;
      case 'verification.changed': {
        const failing = event.checks.filter(check => !check.ok).map(check => `${check.name}: ${check.detail}`);
        this.verification = { ok: event.ok, failing: harmlessLine(failing.join('; ')) };
        break;
      }
      case 'probe.sampled':
        this.#sampled(event);
        break;
      case 'restore.started':
        this.activity = 'restoring the target and proving it';
        break;
      case 'restore.finished':
        this.activity = 'checking that the target is healthy again';
        break;
      case 'run.interrupted':
        this.activity = 'interrupted: restoring the target';
        break;
      default:
        break;
    }
  }

  #sampled(event: EventOf<'probe.sampled'>): void {
    const samples = this.#samples.get(event.probe) ?? [];
    this.#samples.set(event.probe, samples);
    // An answer is known when it came, not when it was asked for.
    samples.push({ tMs: event.sentTMs + event.latencyMs, ok: event.ok, latencyMs: event.latencyMs });
    if (samples.length > SAMPLES_KEPT) samples.splice(0, samples.length - SAMPLES_KEPT);
  }

  phases(): PhaseProgress[] {
    const objectives = this.started?.objectives ?? {};
    return phaseName.options.map(name => {
      const [, from, to] = MOMENT_PHASES.find(([phase]) => phase === name) as [PhaseName, MomentName, MomentName];
      const end = this.moments.get(to);
      const start = this.moments.get(from);
      // A rollback before (or without) a diagnosis starts with its command, as in the record.
      const issued = name === 'rollback' ? this.moments.get('rollback-issued') : undefined;
      const early = start !== undefined && end !== undefined && start > end;
      return { name, startTMs: early || start === undefined ? issued : start, endTMs: end, objectiveMs: objectives[name] };
    });
  }

  probes(): string[] {
    return [...this.#samples.keys()];
  }

  /** Service level of a probe over the `windowMs` before `tMs`; undefined without a request in it. */
  level(probe: string, tMs: number, windowMs: number): { errorRate: number; p95Ms: number; requests: number } | undefined {
    const inside = (this.#samples.get(probe) ?? []).filter(sample => sample.tMs > tMs - windowMs && sample.tMs <= tMs);
    if (inside.length === 0) return undefined;
    const latencies = inside.map(sample => sample.latencyMs).sort((a, b) => a - b);
    return {
      errorRate: inside.filter(sample => !sample.ok).length / inside.length,
      // Nearest rank.
      p95Ms: latencies[Math.ceil(0.95 * latencies.length) - 1] ?? 0,
      requests: inside.length,
    };
  }
}
