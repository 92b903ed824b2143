import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { claim } from './claim.ts';
import {
  type ControlLoop,
  type ControllerContext,
  isReason,
  MANAGER,
  messageOf,
  startControlLoop,
  storeStatus,
} from './control-loop.ts';
import {
  createRevision,
  deleteRevision,
  hasSameData,
  listRevisions,
  renumber,
  revisionData,
  templateOf,
} from './controller-revisions.ts';
import { replicasOf } from './deployment-arithmetic.ts';
import { selects } from './label-selector.ts';
import { controllerOf, keyOf, splitKey } from './owner.ts';
import { isPodAvailable, isPodTerminal, isPodTerminating } from './pod-state.ts';
import {
  draftPod,
  identityMatches,
  isCreated,
  isMember,
  isRunningAndReady,
  isUnavailable,
  ordinalOf,
  restoreIdentity,
  revisionOf,
  startOrdinal,
} from './statefulset-pods.ts';
import type { ControllerRevision, Pod, StatefulSet, StatefulSetStatus } from './types.ts';

const SOURCE = { component: 'statefulset-controller' };

/**
 * StatefulSets: pods with names that stay, made and replaced in order (pkg/controller/statefulset). With OrderedReady a pod that never gets
 * ready stops everything, a rollback too, until somebody deletes it (kubernetes#67250); that is upstream's behaviour and is kept.
 */
export function startStatefulSetController(context: ControllerContext): ControlLoop {
  return startControlLoop({
    name: 'statefulset',
    context,
    sync: (key, queue) => {
      const set = syncStatefulSet(context, key);
      const minReadySeconds = set?.spec.minReadySeconds ?? 0;
      if (set && minReadySeconds > 0 && (set.status?.availableReplicas ?? 0) !== replicasOf(set))
        queue.addAfter(key, minReadySeconds * 1000);
    },
    watches: {
      'statefulsets.apps': ({ object }, queue) => queue.add(keyOf(object)),
      pods: ({ object, previous }, queue) => {
        for (const owner of [controllerOf(object), previous && controllerOf(previous)]) {
          if (owner?.kind === 'StatefulSet') queue.add(`${object.metadata.namespace}/${owner.name}`);
        }
        if (controllerOf(object)) return;
        for (const set of context.resources.list<StatefulSet>('statefulsets.apps', { namespace: object.metadata.namespace })) {
          if (selects(set.spec.selector, object.metadata.labels)) queue.add(keyOf(set));
        }
      },
    },
  });
}

/** What one sync works with. */
interface Sync {
  context: ControllerContext;
  set: StatefulSet;
  current: ControllerRevision;
  update: ControllerRevision;
  now: number;
  isOrdered: boolean;
}

function syncStatefulSet(context: ControllerContext, key: string): StatefulSet | undefined {
  const { resources, clock } = context;
  const { namespace, name } = splitKey(key);
  const set = resources.get<StatefulSet>('statefulsets.apps', namespace, name);
  if (!set) return undefined;
  const revisions = listRevisions(context, set);
  const pods = claim(resources, 'pods', set, context.pods.candidates(set), pod => isMember(set, pod));
  const { current, update, collisionCount } = pickRevisions(context, set, revisions);
  const sync: Sync = { context, set, current, update, now: clock.now(), isOrdered: set.spec.podManagementPolicy !== 'Parallel' };
  const { status, error } = reconcile(sync, pods, collisionCount);
  writeStatus(context, set, status);
  if (error !== undefined) throw error;
  truncateHistory(sync, pods, revisions);
  return resources.get<StatefulSet>('statefulsets.apps', namespace, name);
}

/** The revision that pods are being brought to, and the one they had before. */
function pickRevisions(
  context: ControllerContext,
  set: StatefulSet,
  revisions: ControllerRevision[],
): { current: ControllerRevision; update: ControllerRevision; collisionCount: number } {
  const latest = revisions.at(-1);
  const next = (latest?.revision ?? 0) + 1;
  const same = revisions.filter(revision => hasSameData(revision, { data: revisionData(set) })).at(-1);
  let collisionCount = set.status?.collisionCount ?? 0;
  let update: ControllerRevision;
  if (same && latest && hasSameData(latest, same)) update = latest;
  else if (same) update = renumber(context, same, next);
  else ({ revision: update, collisionCount } = createRevision(context, set, next, collisionCount));
  const current = revisions.find(revision => revision.metadata.name === set.status?.currentRevision) ?? update;
  return { current, update, collisionCount };
}

function truncateHistory({ context, set, current, update }: Sync, pods: Pod[], revisions: ControllerRevision[]): void {
  const live = new Set([current.metadata.name, update.metadata.name, ...pods.map(revisionOf)]);
  const old = revisions.filter(revision => !live.has(revision.metadata.name));
  for (const revision of old.slice(0, Math.max(0, old.length - (set.spec.revisionHistoryLimit ?? 10))))
    deleteRevision(context, revision);
}

interface Outcome {
  status: StatefulSetStatus;
  error?: unknown;
}

/** Upstream's updateStatefulSet: one step towards the wanted pods; in order, a step waits for the pod before it. */
function reconcile(sync: Sync, pods: Pod[], collisionCount: number): Outcome {
  const { set, current, update, now } = sync;
  const start = startOrdinal(set);
  const count = replicasOf(set);
  const minReady = set.spec.minReadySeconds ?? 0;
  const isWanted = (pod: Pod): boolean => ordinalOf(pod) >= start && ordinalOf(pod) < start + count;
  const byOrdinal = new Map(pods.filter(isWanted).map(pod => [ordinalOf(pod), pod]));
  const replicas = Array.from({ length: count }, (_, index) => byOrdinal.get(start + index) ?? draft(sync, start + index));
  const condemned = pods.filter(pod => ordinalOf(pod) >= 0 && !isWanted(pod)).sort((a, b) => ordinalOf(b) - ordinalOf(a));
  const firstUnavailable = [...replicas, ...[...condemned].reverse()].find(pod => isUnavailable(pod, minReady, now));
  const status = (): StatefulSetStatus => ({
    observedGeneration: set.metadata.generation ?? 0,
    currentRevision: current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount,
    ...countPods(sync, [...replicas, ...condemned]),
  });
  if (set.metadata.deletionTimestamp !== undefined) return { status: { ...status(), ...countPods(sync, pods) } };
  try {
    if (eachInTurn(sync, replicas, pod => processReplica(sync, pod))) return { status: status() };
    if (eachInTurn(sync, condemned, pod => processCondemned(sync, pod, firstUnavailable))) return { status: status() };
  } catch (error) {
    return { status: status(), error };
  }
  if (set.spec.updateStrategy?.type === 'OnDelete') return { status: status() };
  return rollingUpdate(sync, replicas, status());
}

/** From the highest ordinal down to the partition: deletes the first pod of another revision, waits for each that is not available. */
function rollingUpdate(sync: Sync, replicas: Pod[], status: StatefulSetStatus): Outcome {
  const { set, update, now } = sync;
  const partition = set.spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (const pod of replicas.slice(partition).reverse()) {
    if (revisionOf(pod) !== update.metadata.name && !isPodTerminating(pod)) {
      const before = status.currentReplicas ?? 0;
      try {
        deletePod(sync, pod);
      } catch (error) {
        if (!isReason(error, 'NotFound')) return { status, error };
      }
      return { status: { ...status, currentReplicas: before - 1 } };
    }
    if (isUnavailable(pod, set.spec.minReadySeconds ?? 0, now)) break;
  }
  return { status };
}

/** Runs `step` on each; in order, the first that asks to wait ends it. @returns whether to end this sync here. */
function eachInTurn({ isOrdered }: Sync, pods: Pod[], step: (pod: Pod) => boolean): boolean {
  for (const pod of pods) if (step(pod) && isOrdered) return true;
  return false;
}

/** @returns whether to wait before the next one is looked at. */
function processReplica(sync: Sync, pod: Pod): boolean {
  const { set, isOrdered, now } = sync;
  if (isPodTerminal(pod)) {
    if (!isPodTerminating(pod)) deletePod(sync, pod);
    return true;
  }
  if (!isCreated(pod)) {
    createPod(sync, pod);
    if (isOrdered) return true;
    return false;
  }
  if (isOrdered) {
    if (isPodTerminating(pod) || !isRunningAndReady(pod) || !isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now)) return true;
  }
  if (!identityMatches(set, pod)) updatePod(sync, pod);
  return false;
}

function processCondemned(sync: Sync, pod: Pod, firstUnavailable: Pod | undefined): boolean {
  const { set, isOrdered, now } = sync;
  if (isPodTerminating(pod)) return isOrdered;
  const isHealthy = isRunningAndReady(pod) && isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now);
  if (isOrdered && !isHealthy && pod !== firstUnavailable) return true;
  deletePod(sync, pod);
  return true;
}

/** A missing pod: of the current revision below the partition, else of the new one. */
function draft({ set, current, update }: Sync, ordinal: number): Pod {
  const { type, rollingUpdate: rolling } = set.spec.updateStrategy ?? {};
  const start = startOrdinal(set);
  const isOld =
    (type === 'RollingUpdate' && rolling === undefined && ordinal < start + (set.status?.currentReplicas ?? 0)) ||
    (rolling !== undefined && ordinal < start + (rolling.partition ?? 0));
  const revision = isOld ? current : update;
  return draftPod(set, templateOf(revision), ordinal, revision.metadata.name);
}

function countPods({ set, current, update, now }: Sync, pods: Pod[]) {
  const created = pods.filter(isCreated);
  const ready = pods.filter(isRunningAndReady);
  const staying = created.filter(pod => !isPodTerminating(pod));
  return {
    replicas: created.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter(pod => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length,
    currentReplicas: staying.filter(pod => revisionOf(pod) === current.metadata.name).length,
    updatedReplicas: staying.filter(pod => revisionOf(pod) === update.metadata.name).length,
  };
}

/** With every pod updated and ready, the new revision becomes the current one (completeRollingUpdate). */
function writeStatus(context: ControllerContext, set: StatefulSet, status: StatefulSetStatus): void {
  const isDone =
    set.spec.updateStrategy?.type === 'RollingUpdate' &&
    status.updatedReplicas === replicasOf(set) &&
    status.readyReplicas === replicasOf(set) &&
    status.replicas === replicasOf(set);
  const next: StatefulSetStatus = {
    ...status,
    ...(isDone ? { currentReplicas: status.updatedReplicas ?? 0, currentRevision: status.updateRevision ?? '' } : {}),
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
  };
  const kept = ['replicas', 'availableReplicas', 'collisionCount', 'observedGeneration'];
  const stored = Object.fromEntries(Object.entries(next).filter(([key, value]) => value !== 0 || kept.includes(key)));
  if (equal(set.status, stored)) return;
  storeStatus(context, 'statefulsets.apps', set, stored);
}

function record({ context, set }: Sync, verb: 'Create' | 'Update' | 'Delete', pod: Pod, error?: unknown): void {
  const text = `${verb.toLowerCase()} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
  if (error === undefined) context.recordEvent(set, 'Normal', `Successful${verb}`, `${text} successful`, SOURCE);
  else context.recordEvent(set, 'Warning', `Failed${verb}`, `${text} failed error: ${messageOf(error)}`, SOURCE);
}

function attempt(sync: Sync, verb: 'Create' | 'Update' | 'Delete', pod: Pod, run: () => KubeObject | undefined): void {
  try {
    run();
  } catch (error) {
    if (verb === 'Create' && isReason(error, 'AlreadyExists')) throw error;
    record(sync, verb, pod, error);
    throw error;
  }
  record(sync, verb, pod);
}

const createPod = (sync: Sync, pod: Pod): void => attempt(sync, 'Create', pod, () => sync.context.resources.create(pod, MANAGER));

const deletePod = (sync: Sync, pod: Pod): void =>
  attempt(sync, 'Delete', pod, () => sync.context.resources.delete('pods', pod.metadata.namespace, pod.metadata.name));

const updatePod = (sync: Sync, pod: Pod): void =>
  attempt(sync, 'Update', pod, () =>
    sync.context.resources.modify<Pod>('pods', pod.metadata.namespace, pod.metadata.name, restoreIdentity, MANAGER),
  );
