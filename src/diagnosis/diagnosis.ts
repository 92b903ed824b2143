import type { Diagnosis, Probe } from '../rehearsal/ports.ts';
import type { ScenarioSpec } from '../scenario/schema.ts';
import type { Observation } from './observation.ts';
import { createObserver, type Observer } from './observer.ts';
import { rankSuspects } from './rank.ts';

/**
 * Names what changed and explains the symptoms, from what the cluster shows and, when given, from when the probes' users began to suffer.
 * @param _spec when to ask is the engine's matter
 */
export function createDiagnosis(_spec: ScenarioSpec['diagnosis'], probes: ReadonlyMap<string, Probe> = new Map()): Diagnosis {
  let observer: Observer | undefined;
  /** Of the probes whose service level is broken now. */
  const impacts = new Map<string, NonNullable<Observation['impact']>>();
  return {
    kind: 'automatic',
    async start(context, signal) {
      observer = createObserver(context);
      for (const probe of probes.values()) {
        const end = probe.onChange(() => {
          const { ok, judged, detail } = probe.level();
          if (judged && ok) impacts.delete(probe.name);
          else if (judged && !impacts.has(probe.name))
            impacts.set(probe.name, { sinceTMs: context.tMs(), detail: `${probe.name}: ${detail}` });
        });
        signal.addEventListener('abort', end, { once: true });
      }
      await observer.start(signal);
    },
    async answer() {
      if (!observer) return [];
      await observer.refresh();
      const [first] = [...impacts.values()].sort((left, right) => left.sinceTMs - right.sinceTMs);
      return rankSuspects(observer.observe(first));
    },
  };
}
