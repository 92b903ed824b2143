import type { Probe } from 'kubernetes-types/core/v1.js';
import type { SandboxClock } from '../registry/resources.ts';
import type { ProbeOutcome } from './probe.ts';

export type ProbeType = 'Startup' | 'Readiness' | 'Liveness';

export interface ProbeWorkerOptions {
  type: ProbeType;
  probe: Probe;
  clock: SandboxClock;
  /** When the container was started, ms since the epoch. */
  startedAt: number;
  run(): Promise<ProbeOutcome>;
  /** Whether it may probe now: readiness and liveness wait for the startup probe. */
  mayProbe(): boolean;
  /** A failed attempt, whether or not the threshold is reached: the Unhealthy event. */
  onFailedAttempt(message: string): void;
  /** The result changed: thresholds are reached. */
  onResult(success: boolean): void;
}

/**
 * One probe of one container run (pkg/kubelet/prober/worker.go). The first attempt comes with the first call of trigger() or at the
 * latest after FIRST_ATTEMPT_MS, then one each period: upstream probes when its relisting, each second, finds the container
 * running; we know the moment at which the program begins to listen.
 */
export class ProbeWorker {
  static readonly FIRST_ATTEMPT_MS = 1000;
  readonly #options: ProbeWorkerOptions;
  #cancel: (() => void) | undefined;
  #begun = false;
  #stopped = false;
  #busy = false;
  #run = { success: false, count: 0 };
  #result: boolean | undefined;

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
    const initialDelayMs = (options.probe.initialDelaySeconds ?? 0) * 1000;
    const wait =
      initialDelayMs > 0 ? Math.max(0, options.startedAt + initialDelayMs - options.clock.now()) : ProbeWorker.FIRST_ATTEMPT_MS;
    this.#cancel = options.clock.after(wait, () => this.#tick());
    // Liveness counts as passing and readiness as failing until a probe says otherwise.
    if (options.type === 'Liveness') this.#result = true;
    if (options.type === 'Readiness') this.#result = false;
  }

  /** Probe now if no attempt was made yet and no initial delay is set; or, with `again`, in any case. */
  trigger(again = false): void {
    if (this.#stopped || this.#busy) return;
    const delayed = this.#options.startedAt + (this.#options.probe.initialDelaySeconds ?? 0) * 1000 > this.#options.clock.now();
    if (delayed || (this.#begun && !again)) return;
    this.#tick();
  }

  #tick(): void {
    this.#cancel?.();
    if (this.#stopped) return;
    const { clock, probe } = this.#options;
    this.#cancel = clock.after((probe.periodSeconds ?? 10) * 1000, () => this.#tick());
    if (this.#busy || !this.#options.mayProbe()) return;
    this.#begun = true;
    this.#busy = true;
    void this.#options.run().then(outcome => {
      this.#busy = false;
      if (!this.#stopped) this.#note(outcome);
    });
  }

  #note(outcome: ProbeOutcome): void {
    const { type, probe } = this.#options;
    if (!outcome.ok) this.#options.onFailedAttempt(outcome.message);
    this.#run =
      this.#run.success === outcome.ok ? { success: outcome.ok, count: this.#run.count + 1 } : { success: outcome.ok, count: 1 };
    const threshold = outcome.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (this.#run.count < threshold) return;
    const changed = this.#result !== outcome.ok;
    this.#result = outcome.ok;
    // The container is about to be restarted (onHold upstream), or has started and needs no more startup probes.
    if ((!outcome.ok && type !== 'Readiness') || (outcome.ok && type === 'Startup')) this.stop();
    if (changed) this.#options.onResult(outcome.ok);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
