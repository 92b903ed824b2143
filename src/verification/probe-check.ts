import type { Check, Probe } from '../rehearsal/ports.ts';

/** A probe's service level holds. With too few answers to judge, it does not. */
export function createProbeCheck(probe: Probe): Check {
  const name = `probe ${probe.name}`;
  return {
    name,
    summary: probe.summary,
    async start(_context, signal, onChange) {
      signal.addEventListener('abort', probe.onChange(onChange), { once: true });
    },
    now() {
      const { ok, judged, detail } = probe.level();
      return {
        name,
        ok: ok && judged,
        detail,
        ...(ok && judged
          ? {}
          : {
              remedy: judged
                ? 'see what the service answers: its logs, and those of what it calls'
                : 'wait, or send requests more often',
            }),
      };
    },
  };
}
