import type { Scenario } from './schema.ts';

/** The scenario as people play it: their objectives and their time limit. The one given is not changed. */
export function forPeople(given: Scenario): Scenario {
  const scenario = structuredClone(given);
  const { spec } = scenario;
  spec.objectives = spec.practice.objectives ?? spec.objectives;
  spec.limits = { detection: spec.practice.limit, total: spec.practice.limit };
  return scenario;
}
