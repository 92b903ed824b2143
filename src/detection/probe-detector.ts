import type { Detector, Probe } from '../rehearsal/ports.ts';

/** Tells when a probe's service level is broken, and when it holds again. */
export function createProbeDetector(name: string, probe: Probe): Detector {
  return {
    name,
    kind: 'probe',
    summary: probe.summary,
    async start(_context, signal, on) {
      let broken = false;
      const look = () => {
        const { ok, judged, detail } = probe.level();
        if (!judged || broken !== ok) return;
        broken = !ok;
        if (broken) on.signal({ message: `${probe.name}: ${detail}`, uncertaintyMs: probe.intervalMs });
        else on.clear(`${probe.name}: ${detail}`);
      };
      const end = probe.onChange(look);
      signal.addEventListener('abort', end, { once: true });
      look();
    },
  };
}
