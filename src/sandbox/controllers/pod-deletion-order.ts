import { isPodActive, isPodReady, podCondition } from './pod-state.ts';
import { millis } from './timestamp.ts';
import type { Pod } from './types.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASES: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * The pods that a shrinking ReplicaSet deletes: those that do least good first (getPodsToDelete and ActivePodsWithRanks).
 * @param related pods of all ReplicaSets of the same Deployment; of two like pods the one on the fuller node goes first.
 */
export function podsToDelete(pods: Pod[], related: Pod[], count: number, now: number): Pod[] {
  if (count >= pods.length) return pods;
  const onNode = new Map<string, number>();
  for (const pod of related) {
    if (isPodActive(pod)) onNode.set(nodeOf(pod), (onNode.get(nodeOf(pod)) ?? 0) + 1);
  }
  const rank = (pod: Pod): number => onNode.get(nodeOf(pod)) ?? 0;
  return [...pods].sort((a, b) => compare(a, b, rank, now)).slice(0, count);
}

const nodeOf = (pod: Pod): string => pod.spec.nodeName ?? '';
const deletionCost = (pod: Pod): number => {
  const value = pod.metadata.annotations?.[DELETION_COST] ?? '';
  return /^[+-]?(0|[1-9][0-9]*)$/.test(value) ? Number(value) : 0;
};

/** Negative when `a` should go first. */
function compare(a: Pod, b: Pod, rank: (pod: Pod) => number, now: number): number {
  const steps: (() => number)[] = [
    () => Number(nodeOf(a) !== '') - Number(nodeOf(b) !== ''),
    () => (PHASES[a.status?.phase ?? ''] ?? 0) - (PHASES[b.status?.phase ?? ''] ?? 0),
    () => Number(isPodReady(a)) - Number(isPodReady(b)),
    () => deletionCost(a) - deletionCost(b),
    () => rank(b) - rank(a),
    () => (isPodReady(a) && isPodReady(b) ? newerFirst(readySince(a), readySince(b), a, b, now) : 0),
    () => maxRestarts(b) - maxRestarts(a),
    () => newerFirst(millis(a.metadata.creationTimestamp), millis(b.metadata.creationTimestamp), a, b, now),
  ];
  for (const step of steps) {
    const order = step();
    if (order !== 0) return order;
  }
  return 0;
}

const readySince = (pod: Pod): number => millis(podCondition(pod, 'Ready')?.lastTransitionTime);

/** Ages count on a logarithmic scale; of about the same age, the order is by uid, which is as good as random. */
function newerFirst(timeA: number, timeB: number, a: Pod, b: Pod, now: number): number {
  if (timeA === timeB) return 0;
  if (timeA === 0 || timeB === 0) return timeA === 0 ? -1 : 1;
  const difference = logarithmicAge(timeA, now) - logarithmicAge(timeB, now);
  if (difference !== 0) return difference;
  return (a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1;
}

const logarithmicAge = (time: number, now: number): number => (now > time ? Math.floor(Math.log2((now - time) * 1e6)) : -1);

function maxRestarts(pod: Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((max, status) => Math.max(max, status.restartCount ?? 0), 0);
}
