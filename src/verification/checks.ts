/** What must hold, by its `kind` in a scenario: steady state and verification use the same. */
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { Check, Probe } from '../rehearsal/ports.ts';
import type { CheckSpec } from '../scenario/schema.ts';
import { createNoRestartsCheck } from './no-restarts-check.ts';
import { createProbeCheck } from './probe-check.ts';
import { createRolloutCheck } from './rollout-check.ts';

/** @throws RehearseError when it names a probe that the scenario does not have. */
export function createCheck(spec: CheckSpec, probes: ReadonlyMap<string, Probe>): Check {
  switch (spec.kind) {
    case 'rollout-complete':
      return createRolloutCheck();
    case 'no-restarts':
      return createNoRestartsCheck();
    case 'probe': {
      const probe = probes.get(spec.probe);
      if (!probe)
        throw new RehearseError(`there is no probe "${spec.probe}"`, {
          exitCode: EXIT.usage,
          hint: `there are: ${[...probes.keys()].join(', ')}`,
        });
      return createProbeCheck(probe);
    }
  }
}
