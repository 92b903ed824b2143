/** What a pod's status says (pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go). */
import { millis } from './timestamp.ts';
import type { Condition, Pod } from './types.ts';

export const podCondition = (pod: Pod, type: string): Condition | undefined =>
  pod.status?.conditions?.find(condition => condition.type === type);

export const isPodReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True';

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  if (!isPodReady(pod)) return false;
  if (minReadySeconds === 0) return true;
  const since = millis(podCondition(pod, 'Ready')?.lastTransitionTime);
  return since > 0 && since + minReadySeconds * 1000 <= now;
}

/** ms until the first ready pod that is not yet available will be; undefined when there is none. */
export function nextAvailabilityCheck(pods: Pod[], minReadySeconds: number, now: number): number | undefined {
  const waits = pods
    .filter(pod => isPodReady(pod) && !isPodAvailable(pod, minReadySeconds, now))
    .map(pod => millis(podCondition(pod, 'Ready')?.lastTransitionTime) + minReadySeconds * 1000 - now);
  return waits.length ? Math.min(...waits) : undefined;
}

export const isPodTerminal = (pod: Pod): boolean => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';

export const isPodTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Neither finished nor on its way out. */
export const isPodActive = (pod: Pod): boolean => !isPodTerminal(pod) && !isPodTerminating(pod);
