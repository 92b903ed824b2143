import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { claim } from './claim.ts';
import { conditionOf, withoutCondition } from './conditions.ts';
import {
  type ControlLoop,
  type ControllerContext,
  isNamespaceTerminating,
  messageOf,
  startControlLoop,
  storeStatus,
} from './control-loop.ts';
import { replicasOf } from './deployment-arithmetic.ts';
import { hasLabels, selects } from './label-selector.ts';
import { controllerOf, keyOf, splitKey } from './owner.ts';
import { createPod, deletePod, podFromTemplate, slowStart } from './pod-control.ts';
import { podsToDelete } from './pod-deletion-order.ts';
import { isPodActive, isPodAvailable, isPodReady, nextAvailabilityCheck } from './pod-state.ts';
import { timestamp } from './timestamp.ts';
import type { Condition, Pod, ReplicaSet, ReplicaSetStatus } from './types.ts';
import type { WorkQueue } from './work-queue.ts';

const SOURCE = { component: 'replicaset-controller' };
/** Pods created or deleted in one sync at most. */
const BURST = 500;

/** ReplicaSets: keeps as many active pods as wanted (pkg/controller/replicaset/replica_set.go). */
export function startReplicaSetController(context: ControllerContext): ControlLoop {
  return startControlLoop({
    name: 'replicaset',
    context,
    sync: (key, queue) => syncReplicaSet(context, key, queue),
    watches: {
      'replicasets.apps': ({ object }, queue) => queue.add(keyOf(object)),
      pods: ({ type, object, previous }, queue) => {
        const before = previous && controllerOf(previous);
        const after = controllerOf(object);
        if (before && before.uid !== after?.uid) wake(context, before, object, queue);
        if (after) return wake(context, after, object, queue);
        if (type === 'DELETED' || (previous && !before && equal(previous.metadata.labels, object.metadata.labels))) return;
        for (const set of context.resources.list<ReplicaSet>('replicasets.apps', { namespace: object.metadata.namespace })) {
          if (selects(set.spec.selector, object.metadata.labels)) queue.add(keyOf(set));
        }
      },
    },
  });
}

function wake(
  context: ControllerContext,
  owner: { kind: string; name: string; uid: string },
  pod: KubeObject,
  queue: WorkQueue,
): void {
  if (owner.kind !== 'ReplicaSet') return;
  const set = context.resources.get('replicasets.apps', pod.metadata.namespace, owner.name);
  if (set?.metadata.uid === owner.uid) queue.add(keyOf(set));
}

function syncReplicaSet(context: ControllerContext, key: string, queue: WorkQueue): void {
  const { namespace, name } = splitKey(key);
  const set = context.resources.get<ReplicaSet>('replicasets.apps', namespace, name);
  if (!set) return;
  const pods = claim(context.resources, 'pods', set, context.pods.candidates(set).filter(isPodActive));
  const failure = set.metadata.deletionTimestamp === undefined ? manageReplicas(context, set, pods) : undefined;
  const now = context.clock.now();
  // From the pods as they were before: those just created show in the next sync, as with upstream's cache.
  const status = calculateStatus(set, pods, failure, now);
  const { observedGeneration, ...known } = set.status ?? { replicas: 0 };
  if (!equal(known, status) || observedGeneration !== set.metadata.generation) {
    const { conditions, ...counts } = status;
    const stored = { ...counts, observedGeneration: set.metadata.generation ?? 0, ...(conditions ? { conditions } : {}) };
    storeStatus(context, 'replicasets.apps', set, stored);
  }
  if (failure) throw failure.error;
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  if (minReadySeconds > 0 && (status.readyReplicas ?? 0) !== (status.availableReplicas ?? 0)) {
    queue.addAfter(key, nextAvailabilityCheck(pods, minReadySeconds, now) ?? minReadySeconds * 1000);
  }
}

interface Failure {
  reason: 'FailedCreate' | 'FailedDelete';
  error: unknown;
}

function manageReplicas(context: ControllerContext, set: ReplicaSet, pods: Pod[]): Failure | undefined {
  const missing = replicasOf(set) - pods.length;
  if (missing > 0) {
    const { error } = slowStart(Math.min(missing, BURST), () => {
      try {
        createPod(context, podFromTemplate(set.spec.template, set), set, SOURCE);
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error;
      }
    });
    return error === undefined ? undefined : { reason: 'FailedCreate', error };
  }
  if (missing < 0) {
    const errors: unknown[] = [];
    for (const pod of podsToDelete(pods, relatedPods(context, set), Math.min(-missing, BURST), context.clock.now())) {
      try {
        deletePod(context, pod, set, SOURCE);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) return { reason: 'FailedDelete', error: errors[0] };
  }
  return undefined;
}

/** Pods of every ReplicaSet of the same owner. */
function relatedPods(context: ControllerContext, set: ReplicaSet): Pod[] {
  const owner = controllerOf(set);
  const sets = owner ? context.replicaSets.ownedBy(owner.uid) : [set];
  return sets.flatMap(each => context.pods.ownedBy(each.metadata.uid));
}

/** Counts as stored: Go's `omitempty` leaves zeros out, but for `replicas`. */
function calculateStatus(
  set: ReplicaSet,
  pods: Pod[],
  failure: Failure | undefined,
  now: number,
): Omit<ReplicaSetStatus, 'observedGeneration'> {
  const ready = pods.filter(isPodReady);
  const labeled = pods.filter(pod => hasLabels(pod.metadata.labels, set.spec.template.metadata?.labels)).length;
  const available = ready.filter(pod => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length;
  const conditions = failureConditions(set.status?.conditions ?? [], failure, now);
  return {
    replicas: pods.length,
    ...(labeled ? { fullyLabeledReplicas: labeled } : {}),
    ...(ready.length ? { readyReplicas: ready.length } : {}),
    ...(available ? { availableReplicas: available } : {}),
    ...(conditions.length ? { conditions } : {}),
  };
}

function failureConditions(conditions: Condition[], failure: Failure | undefined, now: number): Condition[] {
  const current = conditionOf(conditions, 'ReplicaFailure');
  if (!failure) return withoutCondition(conditions, 'ReplicaFailure');
  if (current) return conditions;
  const { reason, error } = failure;
  return [
    ...conditions,
    { type: 'ReplicaFailure', status: 'True', lastTransitionTime: timestamp(now), reason, message: messageOf(error) },
  ];
}
