import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { claim } from './claim.ts';
import { withCondition } from './conditions.ts';
import {
  type ControlLoop,
  type ControllerContext,
  isNamespaceTerminating,
  isReason,
  MANAGER,
  messageOf,
  STATUS,
  startControlLoop,
} from './control-loop.ts';
import { active, annotatedCount, DESIRED_REPLICAS, newReplicaSetSize, replicasOf } from './deployment-arithmetic.ts';
import { byRevision, maxRevision, REVISION, setRevisionAnnotations, splitReplicaSets } from './deployment-revisions.ts';
import { type DeploymentSync, rolloutRecreate, rolloutRolling, scale } from './deployment-rollout.ts';
import {
  calculateStatus,
  deploymentCondition,
  hasHistoryLimit,
  hasProgressDeadline,
  progressCheckDelay,
  progressing,
  rolloutStatus,
  storedStatus,
} from './deployment-status.ts';
import { isEmptySelector, selects } from './label-selector.ts';
import { controllerOf, controllerReference, keyOf, splitKey } from './owner.ts';
import { podTemplateHash } from './pod-template-hash.ts';
import { sameTemplate } from './template-equality.ts';
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from './types.ts';
import type { WorkQueue } from './work-queue.ts';

const SOURCE = { component: 'deployment-controller' };
const MAX_RETRIES = 15;
const MAX_NAME_LENGTH = 253;

/**
 * Deployments: rolls out, scales, keeps revisions and conditions. A port of pkg/controller/deployment, write by write: one that conflicts
 * with this sync's own earlier write is retried as upstream does, because an observer sees that as two steps.
 */
export function startDeploymentController(context: ControllerContext): ControlLoop {
  const { resources } = context;
  const wakeOwner = (object: KubeObject, queue: WorkQueue): void => {
    const owner = controllerOf(object);
    if (owner) {
      if (owner.kind === 'Deployment') queue.add(`${object.metadata.namespace}/${owner.name}`);
      return;
    }
    for (const deployment of resources.list<Deployment>('deployments.apps', { namespace: object.metadata.namespace })) {
      if (selects(deployment.spec.selector, object.metadata.labels)) queue.add(keyOf(deployment));
    }
  };
  return startControlLoop({
    name: 'deployment',
    context,
    maxRetries: MAX_RETRIES,
    sync: (key, queue) => syncDeployment(context, key, queue),
    watches: {
      'deployments.apps': ({ object }, queue) => queue.add(keyOf(object)),
      'replicasets.apps': ({ object, previous }, queue) => {
        if (previous && controllerOf(previous)?.uid !== controllerOf(object)?.uid) wakeOwner(previous, queue);
        wakeOwner(object, queue);
      },
      pods: ({ type, object }, queue) => {
        if (type === 'DELETED') wakeRecreate(context, object, queue);
      },
    },
  });
}

/** A Recreate rollout goes on when the last old pod is gone. */
function wakeRecreate(context: ControllerContext, pod: KubeObject, queue: WorkQueue): void {
  const owner = controllerOf(pod);
  if (owner?.kind !== 'ReplicaSet') return;
  const set = context.resources.get<ReplicaSet>('replicasets.apps', pod.metadata.namespace, owner.name);
  const setOwner = set && controllerOf(set);
  if (setOwner?.kind !== 'Deployment') return;
  const deployment = context.resources.get<Deployment>('deployments.apps', pod.metadata.namespace, setOwner.name);
  if (deployment?.spec.strategy?.type !== 'Recreate') return;
  const sets = context.replicaSets.ownedBy(deployment.metadata.uid);
  if (sets.every(each => context.pods.ownedBy(each.metadata.uid).length === 0)) queue.add(keyOf(deployment));
}

function syncDeployment(context: ControllerContext, key: string, queue: WorkQueue): void {
  const { namespace, name } = splitKey(key);
  const stored = context.resources.get<Deployment>('deployments.apps', namespace, name);
  if (!stored) return;
  const deployment = structuredClone(stored);
  if (isEmptySelector(deployment.spec.selector)) {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    context.recordEvent(deployment, 'Warning', 'SelectingAll', message, SOURCE);
    return;
  }
  const sets = claim(context.resources, 'replicasets.apps', deployment, context.replicaSets.candidates(deployment));
  const sync = prepare(context, deployment, sets, queue);
  if (deployment.metadata.deletionTimestamp !== undefined) {
    const { newSet, oldSets } = sync.syncRevision(false);
    sync.writeStatus(calculateStatus(deployment, [...oldSets, newSet], newSet, context.clock.now()));
    return;
  }
  checkPaused(sync);
  if (deployment.spec.paused || isScaling(sync)) scaleOnly(sync);
  else if (deployment.spec.strategy?.type === 'Recreate') rolloutRecreate(sync);
  else rolloutRolling(sync);
}

/** The steps of a sync that every strategy uses, on one working copy of the Deployment. */
function prepare(context: ControllerContext, deployment: Deployment, sets: ReplicaSet[], queue: WorkQueue): DeploymentSync {
  const { resources, clock } = context;
  const writeDeploymentStatus = (): void => {
    resources.update({ ...deployment, status: storedStatus(deployment.status ?? {}) }, STATUS);
  };
  const sync: DeploymentSync = {
    deployment,
    podsOf: set => context.pods.ownedBy(set.metadata.uid) as Pod[],
    sets: () => sets,
    storeStatus: writeDeploymentStatus,
    now: () => clock.now(),
    syncRevision: create => syncRevision(context, sync, create),
    resize(set, size) {
      const draft = structuredClone(set);
      draft.spec.replicas = size;
      return { draft, write: () => resources.update(draft, MANAGER) };
    },
    scaled(set, from, to) {
      const text = `Scaled ${from < to ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`;
      context.recordEvent(deployment, 'Normal', 'ScalingReplicaSet', text, SOURCE);
    },
    cleanUp(oldSets) {
      if (!hasHistoryLimit(deployment)) return;
      const alive = oldSets.filter(set => set.metadata.deletionTimestamp === undefined);
      const excess = alive.length - (deployment.spec.revisionHistoryLimit ?? 0);
      if (excess <= 0) return;
      for (const set of [...alive].sort(byRevision).slice(0, excess)) {
        const isUnseen = (set.metadata.generation ?? 0) > (set.status?.observedGeneration ?? 0);
        if ((set.status?.replicas ?? 0) !== 0 || replicasOf(set) !== 0 || isUnseen) continue;
        resources.delete('replicasets.apps', set.metadata.namespace, set.metadata.name, { propagationPolicy: 'Background' });
      }
    },
    writeStatus(status) {
      if (equal(storedStatus(deployment.status ?? {}), storedStatus(status))) return;
      deployment.status = status;
      writeDeploymentStatus();
    },
    writeRolloutStatus(all, newSet) {
      const status = rolloutStatus(deployment, all, newSet, clock.now());
      if (!equal(storedStatus(deployment.status ?? {}), storedStatus(status))) return sync.writeStatus(status);
      const delay = progressCheckDelay(deployment, status, clock.now());
      if (delay === 0) queue.addRateLimited(keyOf(deployment));
      else if (delay !== undefined) queue.addAfter(keyOf(deployment), delay);
    },
  };
  return sync;
}

function checkPaused({ deployment, storeStatus, now }: DeploymentSync): void {
  if (!hasProgressDeadline(deployment)) return;
  const condition = progressing(deployment);
  if (condition?.reason === 'ProgressDeadlineExceeded') return;
  const saysPaused = condition?.reason === 'DeploymentPaused';
  if ((deployment.spec.paused ?? false) === saysPaused) return;
  const next = deployment.spec.paused
    ? deploymentCondition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', now())
    : deploymentCondition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now());
  setConditions(deployment, withCondition(deployment.status?.conditions ?? [], next));
  storeStatus();
}

const setConditions = (deployment: Deployment, conditions: NonNullable<DeploymentStatus['conditions']>): void => {
  deployment.status = { ...deployment.status, conditions };
};

/** Some ReplicaSet was last sized for another number of replicas than the Deployment has now. */
function isScaling(sync: DeploymentSync): boolean {
  const { newSet, oldSets } = sync.syncRevision(false);
  return active([...oldSets, newSet]).some(set => {
    const desired = annotatedCount(set, DESIRED_REPLICAS);
    return desired !== undefined && desired !== replicasOf(sync.deployment);
  });
}

function scaleOnly(sync: DeploymentSync): void {
  const { newSet, oldSets } = sync.syncRevision(false);
  scale(sync, newSet, oldSets);
  if (sync.deployment.spec.paused) sync.cleanUp(oldSets);
  sync.writeStatus(calculateStatus(sync.deployment, [...oldSets, newSet], newSet, sync.now()));
}

/** getAllReplicaSetsAndSyncRevision: finds (or creates) the ReplicaSet of the template and brings revision annotations up to date. */
function syncRevision(
  context: ControllerContext,
  sync: DeploymentSync,
  create: boolean,
): { newSet: ReplicaSet | undefined; oldSets: ReplicaSet[] } {
  const { deployment } = sync;
  const { newSet: existing, oldSets } = splitReplicaSets(deployment, sync.sets());
  const revision = maxRevision(oldSets) + 1;
  if (!existing) return { newSet: create ? createReplicaSet(context, sync, oldSets, revision) : undefined, oldSets };

  const draft = structuredClone(existing);
  const annotationsChanged = setRevisionAnnotations(deployment, draft, revision, true);
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  if (annotationsChanged || (draft.spec.minReadySeconds ?? 0) !== minReadySeconds) {
    if (minReadySeconds === 0) delete draft.spec.minReadySeconds;
    else draft.spec.minReadySeconds = minReadySeconds;
    return { newSet: context.resources.update(draft, MANAGER), oldSets };
  }
  let needsUpdate = setDeploymentRevision(deployment, draft.metadata.annotations?.[REVISION] ?? '');
  if (hasProgressDeadline(deployment) && !progressing(deployment)) {
    const message = `Found new replica set "${draft.metadata.name}"`;
    const condition = deploymentCondition('Progressing', 'True', 'FoundNewReplicaSet', message, sync.now());
    setConditions(deployment, withCondition(deployment.status?.conditions ?? [], condition));
    needsUpdate = true;
  }
  if (needsUpdate) sync.storeStatus();
  return { newSet: draft, oldSets };
}

function setDeploymentRevision(deployment: Deployment, revision: string): boolean {
  deployment.metadata.annotations ??= {};
  if (deployment.metadata.annotations[REVISION] === revision) return false;
  deployment.metadata.annotations[REVISION] = revision;
  return true;
}

function createReplicaSet(context: ControllerContext, sync: DeploymentSync, oldSets: ReplicaSet[], revision: number): ReplicaSet {
  const { deployment } = sync;
  const { resources } = context;
  const hash = podTemplateHash(deployment.spec.template, deployment.status?.collisionCount);
  const labels = { ...deployment.spec.template.metadata?.labels, 'pod-template-hash': hash };
  const { selector } = deployment.spec;
  const draft: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name.slice(0, MAX_NAME_LENGTH - 1 - hash.length)}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels,
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: 0,
      ...(deployment.spec.minReadySeconds ? { minReadySeconds: deployment.spec.minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, 'pod-template-hash': hash } },
      template: { ...structuredClone(deployment.spec.template), metadata: { ...deployment.spec.template.metadata, labels } },
    },
  };
  const size = newReplicaSetSize(deployment, [...oldSets, draft], 0);
  draft.spec.replicas = size;
  setRevisionAnnotations(deployment, draft, revision, false);

  let created: ReplicaSet;
  let existed = false;
  try {
    created = resources.create(draft, MANAGER);
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) {
      created = adoptOrCountCollision(context, sync, draft, error);
      existed = true;
    } else {
      if (!isNamespaceTerminating(error)) reportCreateFailure(context, sync, draft, error);
      throw error;
    }
  }
  if (!existed && size > 0) {
    const text = `Scaled up replica set ${created.metadata.name} from 0 to ${size}`;
    context.recordEvent(deployment, 'Normal', 'ScalingReplicaSet', text, SOURCE);
  }
  let needsUpdate = setDeploymentRevision(deployment, String(revision));
  if (!existed && hasProgressDeadline(deployment)) {
    const message = `Created new replica set "${created.metadata.name}"`;
    const condition = deploymentCondition('Progressing', 'True', 'NewReplicaSetCreated', message, sync.now());
    setConditions(deployment, withCondition(deployment.status?.conditions ?? [], condition));
    needsUpdate = true;
  }
  if (needsUpdate) sync.storeStatus();
  return created;
}

/** The name is taken: by our own ReplicaSet of this very template, or by another template with the same hash; then the next sync hashes differently. */
function adoptOrCountCollision(context: ControllerContext, sync: DeploymentSync, draft: ReplicaSet, error: unknown): ReplicaSet {
  const { deployment } = sync;
  const other = context.resources.get<ReplicaSet>('replicasets.apps', draft.metadata.namespace, draft.metadata.name);
  if (!other) throw error;
  if (controllerOf(other)?.uid === deployment.metadata.uid && sameTemplate(deployment.spec.template, other.spec.template))
    return other;
  deployment.status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
  sync.storeStatus();
  throw error;
}

function reportCreateFailure(context: ControllerContext, sync: DeploymentSync, draft: ReplicaSet, error: unknown): void {
  const { deployment } = sync;
  const message = `Failed to create new replica set "${draft.metadata.name}": ${messageOf(error)}`;
  if (hasProgressDeadline(deployment)) {
    const condition = deploymentCondition('Progressing', 'False', 'ReplicaSetCreateError', message, sync.now());
    setConditions(deployment, withCondition(deployment.status?.conditions ?? [], condition));
    try {
      sync.storeStatus();
    } catch {
      // The creation's own error, which is thrown next, matters more.
    }
  }
  context.recordEvent(deployment, 'Warning', 'ReplicaSetCreateError', message, SOURCE);
}
