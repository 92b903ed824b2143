/** Which ReplicaSet grows or shrinks next: rolling update, Recreate and plain scaling (pkg/controller/deployment/{rolling,recreate,sync}.go). */
import {
  active,
  actualCount,
  availableCount,
  byCreation,
  desiredCount,
  isSaturated,
  maxScaledDown,
  maxUnavailable,
  newReplicaSetSize,
  proportionalSizes,
  replicasOf,
} from './deployment-arithmetic.ts';
import { setReplicasAnnotations } from './deployment-revisions.ts';
import { isComplete } from './deployment-status.ts';
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from './types.ts';

export interface ReplicaSets {
  newSet: ReplicaSet | undefined;
  oldSets: ReplicaSet[];
}

/** One sync of one Deployment: its working copy and the effects that it may have. */
export interface DeploymentSync {
  deployment: Deployment;
  /** What the Deployment owns, as of the start of the sync. */
  sets(): ReplicaSet[];
  podsOf(set: ReplicaSet): Pod[];
  now(): number;
  syncRevision(create: boolean): ReplicaSets;
  resize(set: ReplicaSet, size: number): { draft: ReplicaSet; write(): ReplicaSet };
  /** Records the event. */
  scaled(set: ReplicaSet, from: number, to: number): void;
  /** Deletes old ReplicaSets beyond revisionHistoryLimit. */
  cleanUp(oldSets: ReplicaSet[]): void;
  /** Writes the working copy's status, its annotations with it, as upstream's status strategy allows. */
  storeStatus(): void;
  writeStatus(status: DeploymentStatus): void;
  writeRolloutStatus(all: (ReplicaSet | undefined)[], newSet: ReplicaSet | undefined): void;
}

/** scaleReplicaSet: writes size and annotations if either differs. */
function resize(sync: DeploymentSync, set: ReplicaSet, size: number): { scaled: boolean; set: ReplicaSet } {
  const from = replicasOf(set);
  const { draft, write } = sync.resize(set, size);
  const annotationsChanged = setReplicasAnnotations(draft, sync.deployment);
  if (from === size && !annotationsChanged) return { scaled: false, set };
  const written = write();
  if (from === size) return { scaled: false, set: written };
  sync.scaled(written, from, size);
  return { scaled: true, set: written };
}

/** scaleReplicaSetAndRecordEvent: as `resize`, but leaves one that has the size already alone, annotations too. */
const resizeIfNeeded = (sync: DeploymentSync, set: ReplicaSet, size: number): { scaled: boolean; set: ReplicaSet } =>
  replicasOf(set) === size ? { scaled: false, set } : resize(sync, set, size);

export function rolloutRolling(sync: DeploymentSync): void {
  const { deployment } = sync;
  const { newSet, oldSets } = sync.syncRevision(true);
  if (!newSet) return;
  const all = [...oldSets, newSet];
  const scaled = reconcileNew(sync, all, newSet) || reconcileOld(sync, all, active(oldSets), newSet);
  if (!scaled && isComplete(deployment, deployment.status ?? {})) sync.cleanUp(oldSets);
  sync.writeRolloutStatus(all, newSet);
}

function reconcileNew(sync: DeploymentSync, all: ReplicaSet[], newSet: ReplicaSet): boolean {
  const desired = replicasOf(sync.deployment);
  const size = replicasOf(newSet);
  if (size === desired) return false;
  if (size > desired) return resizeIfNeeded(sync, newSet, desired).scaled;
  return resizeIfNeeded(sync, newSet, newReplicaSetSize(sync.deployment, all, size)).scaled;
}

function reconcileOld(sync: DeploymentSync, all: ReplicaSet[], oldSets: ReplicaSet[], newSet: ReplicaSet): boolean {
  if (desiredCount(oldSets) === 0) return false;
  const allowed = maxScaledDown(sync.deployment, all, newSet);
  if (allowed <= 0) return false;
  const cleaned = cleanUpUnhealthy(sync, oldSets, allowed);
  return cleaned !== undefined && cleaned.count + scaleDownOld(sync, cleaned.sets, newSet) > 0;
}

/**
 * Old pods that are not available go first: they do no good and would block the rollout. undefined, and nothing further in this sync, when a
 * ReplicaSet still counts more available pods than it was last scaled to: it has not caught up yet.
 */
function cleanUpUnhealthy(
  sync: DeploymentSync,
  oldSets: ReplicaSet[],
  allowed: number,
): { sets: ReplicaSet[]; count: number } | undefined {
  let count = 0;
  const sets = [...oldSets].sort(byCreation);
  for (const [index, set] of sets.entries()) {
    const size = replicasOf(set);
    const available = set.status?.availableReplicas ?? 0;
    if (count >= allowed) break;
    if (size === 0 || size === available) continue;
    const less = Math.min(allowed - count, size - available);
    if (less < 0) return undefined;
    sets[index] = resizeIfNeeded(sync, set, size - less).set;
    count += less;
  }
  return { sets, count };
}

function scaleDownOld(sync: DeploymentSync, oldSets: ReplicaSet[], newSet: ReplicaSet): number {
  const { deployment } = sync;
  const spare = availableCount([...oldSets, newSet]) - (replicasOf(deployment) - maxUnavailable(deployment));
  if (spare <= 0) return 0;
  let count = 0;
  for (const set of oldSets) {
    if (count >= spare) break;
    const size = replicasOf(set);
    if (size === 0) continue;
    const less = Math.min(size, spare - count);
    resizeIfNeeded(sync, set, size - less);
    count += less;
  }
  return count;
}

export function rolloutRecreate(sync: DeploymentSync): void {
  const { deployment } = sync;
  let { newSet, oldSets } = sync.syncRevision(false);
  const sets = [...oldSets];
  let scaledDown = false;
  for (const set of active(oldSets)) {
    if (resizeIfNeeded(sync, set, 0).scaled) scaledDown = true;
  }
  if (scaledDown || oldPodsRunning(sync, newSet, sets)) {
    sync.writeRolloutStatus([...sets, newSet], newSet);
    return;
  }
  if (!newSet) ({ newSet, oldSets } = sync.syncRevision(true));
  if (!newSet) return;
  resizeIfNeeded(sync, newSet, replicasOf(deployment));
  if (isComplete(deployment, deployment.status ?? {})) sync.cleanUp(oldSets);
  sync.writeRolloutStatus([...oldSets, newSet], newSet);
}

/** Recreate starts nothing new while an old pod may still run. */
function oldPodsRunning(sync: DeploymentSync, newSet: ReplicaSet | undefined, oldSets: ReplicaSet[]): boolean {
  if (actualCount(oldSets) > 0) return true;
  return sync
    .sets()
    .filter(set => set.metadata.uid !== newSet?.metadata.uid)
    .some(set => sync.podsOf(set).some(pod => pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded'));
}

/** Scaling, apart from any rollout: one active ReplicaSet takes all, several share in proportion. */
export function scale(sync: DeploymentSync, newSet: ReplicaSet | undefined, oldSets: ReplicaSet[]): void {
  const { deployment } = sync;
  const desired = replicasOf(deployment);
  const only = activeOrLatest(newSet, oldSets);
  if (only) {
    resizeIfNeeded(sync, only, desired);
  } else if (isSaturated(deployment, newSet)) {
    for (const old of active(oldSets)) resizeIfNeeded(sync, old, 0);
  } else if (deployment.spec.strategy?.type !== 'Recreate') {
    for (const { set, size } of proportionalSizes(deployment, active([...oldSets, newSet]))) resize(sync, set, size);
  }
}

/** The only ReplicaSet with pods; without any, the newest; undefined when several have pods. */
function activeOrLatest(newSet: ReplicaSet | undefined, oldSets: ReplicaSet[]): ReplicaSet | undefined {
  const newestFirst = [...oldSets].sort((a, b) => byCreation(b, a));
  const withPods = active([...newestFirst, newSet]);
  if (withPods.length === 0) return newSet ?? newestFirst[0];
  return withPods.length === 1 ? withPods[0] : undefined;
}
