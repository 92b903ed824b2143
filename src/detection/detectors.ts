/** What tells that something is wrong, by its `kind` in a scenario. */
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { Detector, Probe } from '../rehearsal/ports.ts';
import type { DetectorSpec } from '../scenario/schema.ts';
import { createConditionsDetector } from './conditions-detector.ts';
import { createProbeDetector } from './probe-detector.ts';

/** @throws RehearseError when it names a probe that the scenario does not have. */
export function createDetector(spec: DetectorSpec, probes: ReadonlyMap<string, Probe>): Detector {
  if (spec.kind === 'conditions') return createConditionsDetector(spec);
  const probe = probes.get(spec.probe);
  if (!probe)
    throw new RehearseError(`there is no probe "${spec.probe}"`, {
      exitCode: EXIT.usage,
      hint: `there are: ${[...probes.keys()].join(', ')}`,
    });
  return createProbeDetector(spec.name ?? spec.probe, probe);
}
