import type { Container, Probe } from 'kubernetes-types/core/v1.js';
import type { SandboxClock } from '../registry/resources.ts';
import type { PodEvent } from './image-manager.ts';
import type { ContainerInstance } from './pod-runtime.ts';
import { type ProbeTarget, runProbe } from './probe.ts';
import { type ProbeType, ProbeWorker } from './probe-worker.ts';

export interface ContainerProbesOptions {
  clock: SandboxClock;
  restartPolicy: string | undefined;
  target: ProbeTarget;
  event: PodEvent;
  /** `started` or `ready` of the instance changed. */
  onChange(): void;
  /** The container must be restarted; the message is the Killing event's. */
  onFatal(message: string): void;
}

/** The probes of one container run; they keep `started` and `ready` of the instance. */
export class ContainerProbes {
  readonly #workers = new Map<ProbeType, ProbeWorker>();

  constructor(container: Container, instance: ContainerInstance, options: ContainerProbesOptions) {
    const add = (type: ProbeType, probe: Probe | undefined, onResult: (success: boolean) => void) => {
      if (!probe) return;
      const worker = new ProbeWorker({
        type,
        probe,
        clock: options.clock,
        startedAt: instance.startedAt,
        run: () => runProbe(probe, options.target),
        mayProbe: () => type === 'Startup' || instance.started,
        onFailedAttempt: message => {
          if (instance.state === 'running') options.event('Warning', 'Unhealthy', `${type} probe failed: ${message}`);
        },
        onResult: success => {
          if (instance.state === 'running') onResult(success);
        },
      });
      this.#workers.set(type, worker);
    };
    const fatal = (type: string) => options.onFatal(`Container ${container.name} failed ${type} probe, will be restarted`);
    add('Startup', container.startupProbe, success => {
      if (!success) return fatal('startup');
      instance.started = true;
      options.onChange();
      this.#workers.get('Readiness')?.trigger();
    });
    add('Readiness', container.readinessProbe, success => {
      instance.ready = success;
      options.onChange();
    });
    add('Liveness', container.livenessProbe, success => {
      if (!success) fatal('liveness');
    });
  }

  /** The program listens: what only waits for that need not wait for its period. */
  listening(): void {
    for (const type of ['Startup', 'Readiness'] as const) this.#workers.get(type)?.trigger();
  }

  /** The pod is ending: nothing restarts its containers, readiness goes on being told. */
  stopRestarting(): void {
    this.#workers.get('Startup')?.stop();
    this.#workers.get('Liveness')?.stop();
  }

  stop(): void {
    for (const worker of this.#workers.values()) worker.stop();
  }
}
