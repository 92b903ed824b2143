import type { Condition } from './types.ts';

export const conditionOf = (conditions: Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find(condition => condition.type === type);

export const withoutCondition = (conditions: Condition[], type: string): Condition[] =>
  conditions.filter(condition => condition.type !== type);

/**
 * Adds or replaces, at the end of the list. A condition of the same status and reason stays as it is; while the status is the same,
 * lastTransitionTime is kept (SetDeploymentCondition, deployment_util.go).
 */
export function withCondition(conditions: Condition[], condition: Condition): Condition[] {
  const current = conditionOf(conditions, condition.type);
  if (current && current.status === condition.status && current.reason === condition.reason) return conditions;
  const next =
    current && current.status === condition.status && current.lastTransitionTime !== undefined
      ? { ...condition, lastTransitionTime: current.lastTransitionTime }
      : condition;
  return [...withoutCondition(conditions, condition.type), next];
}
