import type { ScenarioSpec } from './schema.ts';

/** An abort condition in words. */
export function abortText(condition: ScenarioSpec['abort'][number]): string {
  return condition.kind === 'error-budget'
    ? `more than ${condition.requests} failed requests of probe ${condition.probe}`
    : `service level of probe ${condition.probe} broken for ${condition.for}`;
}
