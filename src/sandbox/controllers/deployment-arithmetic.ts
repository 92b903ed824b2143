/** How many pods which ReplicaSet may have: the pure part of a rolling update (pkg/controller/deployment/util/deployment_util.go). */
import { scaledValue } from './int-or-percent.ts';
import type { Deployment, ReplicaSet } from './types.ts';

export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

export const replicasOf = (object: { spec: { replicas?: number } }): number => object.spec.replicas ?? 1;

const isRollingUpdate = (deployment: Deployment): boolean => deployment.spec.strategy?.type !== 'Recreate';

/** maxSurge is rounded up and maxUnavailable down; if both come to nothing, one pod may be unavailable. */
function resolveFenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec.strategy?.rollingUpdate ?? {};
  const desired = replicasOf(deployment);
  const surge = scaledValue(maxSurge, desired, true);
  const unavailable = scaledValue(maxUnavailable, desired, false);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export function maxUnavailable(deployment: Deployment): number {
  if (!isRollingUpdate(deployment) || replicasOf(deployment) === 0) return 0;
  return Math.min(resolveFenceposts(deployment).unavailable, replicasOf(deployment));
}

export const maxSurge = (deployment: Deployment): number =>
  isRollingUpdate(deployment) ? resolveFenceposts(deployment).surge : 0;

const sum = (replicaSets: (ReplicaSet | undefined)[], count: (replicaSet: ReplicaSet) => number | undefined): number =>
  replicaSets.reduce((total, replicaSet) => total + (replicaSet ? (count(replicaSet) ?? 0) : 0), 0);

export const desiredCount = (sets: (ReplicaSet | undefined)[]): number => sum(sets, replicasOf);
export const actualCount = (sets: (ReplicaSet | undefined)[]): number => sum(sets, set => set.status?.replicas);
export const readyCount = (sets: (ReplicaSet | undefined)[]): number => sum(sets, set => set.status?.readyReplicas);
export const availableCount = (sets: (ReplicaSet | undefined)[]): number => sum(sets, set => set.status?.availableReplicas);

export const active = (sets: (ReplicaSet | undefined)[]): ReplicaSet[] =>
  sets.filter((set): set is ReplicaSet => set !== undefined && replicasOf(set) > 0);

/** NewRSNewReplicas: the new ReplicaSet's size, as far as maxSurge lets it grow. */
export function newReplicaSetSize(deployment: Deployment, all: (ReplicaSet | undefined)[], newSize: number): number {
  const desired = replicasOf(deployment);
  if (!isRollingUpdate(deployment)) return desired;
  const room =
    desired + scaledValue(deployment.spec.strategy?.rollingUpdate?.maxSurge ?? '25%', desired, true) - desiredCount(all);
  return room <= 0 ? newSize : newSize + Math.min(room, desired - newSize);
}

/** How many old pods may go without fewer than the minimum being available; see the worked example in upstream's reconcileOldReplicaSets. */
export function maxScaledDown(deployment: Deployment, all: (ReplicaSet | undefined)[], newSet: ReplicaSet): number {
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment);
  const newUnavailable = replicasOf(newSet) - (newSet.status?.availableReplicas ?? 0);
  return desiredCount(all) - minAvailable - newUnavailable;
}

export function annotatedCount(set: ReplicaSet, annotation: string): number | undefined {
  const value = set.metadata.annotations?.[annotation];
  if (value === undefined || !/^[0-9]+$/.test(value)) return undefined;
  const count = Number(value);
  return count > 0x7fffffff ? undefined : count;
}

/** The new ReplicaSet has every pod that the Deployment wants, available, and both agree on the number. */
export const isSaturated = (deployment: Deployment, set: ReplicaSet | undefined): boolean =>
  set !== undefined &&
  replicasOf(set) === replicasOf(deployment) &&
  annotatedCount(set, DESIRED_REPLICAS) === replicasOf(deployment) &&
  (set.status?.availableReplicas ?? 0) === replicasOf(deployment);

/** Go rounds halves away from zero. */
const round = (value: number): number => (value < 0 ? -Math.floor(-value + 0.5) : Math.floor(value + 0.5));

function fraction(set: ReplicaSet, deployment: Deployment): number {
  if (replicasOf(deployment) === 0) return -replicasOf(set);
  const before = annotatedCount(set, MAX_REPLICAS) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return round((replicasOf(set) * (replicasOf(deployment) + maxSurge(deployment))) / before) - replicasOf(set);
}

/** GetReplicaSetProportion: this ReplicaSet's share of the pods to add (or, negative, to remove). */
function proportion(set: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  if (replicasOf(set) === 0 || toAdd === 0 || toAdd === added) return 0;
  const share = fraction(set, deployment);
  const allowed = toAdd - added;
  return toAdd > 0 ? Math.min(share, allowed) : Math.max(share, allowed);
}

export const byCreation = (a: ReplicaSet, b: ReplicaSet): number =>
  compare(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') || compare(a.metadata.name, b.metadata.name);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Sizes when a Deployment is scaled while several ReplicaSets have pods: shares in proportion, the rounding's rest goes to the largest
 * (upstream's `scale`, sync.go). Growing starts with the larger and newer, shrinking with the larger and older.
 */
export function proportionalSizes(deployment: Deployment, sets: ReplicaSet[]): { set: ReplicaSet; size: number }[] {
  const desired = replicasOf(deployment);
  const allowed = desired > 0 ? desired + maxSurge(deployment) : 0;
  const toAdd = allowed - desiredCount(sets);
  const ordered = [...sets];
  if (toAdd > 0) ordered.sort((a, b) => replicasOf(b) - replicasOf(a) || byCreation(b, a));
  if (toAdd < 0) ordered.sort((a, b) => replicasOf(b) - replicasOf(a) || byCreation(a, b));
  let added = 0;
  const sizes = ordered.map(set => {
    const share = toAdd === 0 ? 0 : proportion(set, deployment, toAdd, added);
    added += share;
    return { set, size: replicasOf(set) + share };
  });
  const first = sizes[0];
  if (first && toAdd !== 0) first.size = Math.max(0, first.size + toAdd - added);
  return sizes;
}
