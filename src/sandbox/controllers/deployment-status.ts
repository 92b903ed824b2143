/** What a Deployment's status says, from its ReplicaSets: pure (pkg/controller/deployment/{sync,progress}.go). */
import { conditionOf, withCondition, withoutCondition } from './conditions.ts';
import { actualCount, availableCount, desiredCount, maxUnavailable, readyCount, replicasOf } from './deployment-arithmetic.ts';
import { millis, timestamp } from './timestamp.ts';
import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from './types.ts';

const NO_LIMIT = 0x7fffffff;

export const hasProgressDeadline = (deployment: Deployment): boolean =>
  deployment.spec.progressDeadlineSeconds !== undefined && deployment.spec.progressDeadlineSeconds !== NO_LIMIT;

export const hasHistoryLimit = (deployment: Deployment): boolean =>
  deployment.spec.revisionHistoryLimit !== undefined && deployment.spec.revisionHistoryLimit !== NO_LIMIT;

export const deploymentCondition = (
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
  now: number,
): Condition => ({ type, status, reason, message, lastUpdateTime: timestamp(now), lastTransitionTime: timestamp(now) });

export const progressing = (deployment: Deployment): Condition | undefined =>
  conditionOf(deployment.status?.conditions, 'Progressing');

type Counts = Omit<DeploymentStatus, 'conditions'>;

/** All of the wanted pods are new and available, no old one is left, and that was judged by the newest generation. */
export const isComplete = (deployment: Deployment, status: Counts): boolean =>
  (status.updatedReplicas ?? 0) === replicasOf(deployment) &&
  (status.replicas ?? 0) === replicasOf(deployment) &&
  (status.availableReplicas ?? 0) === replicasOf(deployment) &&
  (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0);

/** More new pods, fewer old ones, or more of them ready or available than the stored status says. */
function hasProgressed(before: Counts, now: Counts): boolean {
  const old = (status: Counts): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: Deployment, condition: Condition | undefined, now: number): boolean {
  if (!hasProgressDeadline(deployment) || !condition || condition.reason === 'NewReplicaSetAvailable') return false;
  if (condition.reason === 'ProgressDeadlineExceeded') return true;
  return millis(condition.lastUpdateTime) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 < now;
}

/** Counts and the Available condition (calculateStatus). */
export function calculateStatus(
  deployment: Deployment,
  all: (ReplicaSet | undefined)[],
  newSet: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const available = availableCount(all);
  const isAvailable = available >= replicasOf(deployment) - maxUnavailable(deployment);
  const availability = isAvailable
    ? deploymentCondition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
    : deploymentCondition(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        now,
      );
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: actualCount(all),
    updatedReplicas: actualCount([newSet]),
    readyReplicas: readyCount(all),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, desiredCount(all) - available),
    ...(deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    conditions: withCondition(deployment.status?.conditions ?? [], availability),
  };
}

/** The status during a rollout: `calculateStatus`, and what is known of its progress (syncRolloutStatus). */
export function rolloutStatus(
  deployment: Deployment,
  all: (ReplicaSet | undefined)[],
  newSet: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const status = calculateStatus(deployment, all, newSet, now);
  let conditions = status.conditions ?? [];
  const current = progressing(deployment);
  if (!hasProgressDeadline(deployment)) conditions = withoutCondition(conditions, 'Progressing');
  const isDone = status.replicas === status.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (hasProgressDeadline(deployment) && !isDone) {
    const subject = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
    const say = (value: Condition['status'], reason: string, what: string): Condition =>
      deploymentCondition('Progressing', value, reason, `${subject} ${what}`, now);
    if (isComplete(deployment, status)) {
      conditions = withCondition(conditions, say('True', 'NewReplicaSetAvailable', 'has successfully progressed.'));
    } else if (hasProgressed(deployment.status ?? {}, status)) {
      // With the same reason too: each step of progress renews lastUpdateTime, from which the deadline counts.
      const next = say('True', 'ReplicaSetUpdated', 'is progressing.');
      if (current?.status === 'True' && current.lastTransitionTime !== undefined)
        next.lastTransitionTime = current.lastTransitionTime;
      conditions = [...withoutCondition(conditions, 'Progressing'), next];
    } else if (hasTimedOut(deployment, conditionOf(conditions, 'Progressing'), now)) {
      conditions = withCondition(conditions, say('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'));
    }
  }
  const failure = replicaFailure(all, newSet);
  conditions = failure ? withCondition(conditions, failure) : withoutCondition(conditions, 'ReplicaFailure');
  return { ...status, conditions };
}

/** The ReplicaFailure condition of the new ReplicaSet, or else of any other. */
function replicaFailure(all: (ReplicaSet | undefined)[], newSet: ReplicaSet | undefined): Condition | undefined {
  for (const set of [newSet, ...all]) {
    const condition = conditionOf(set?.status?.conditions, 'ReplicaFailure');
    if (!condition) continue;
    const { type, status, reason = '', message = '', lastTransitionTime = '' } = condition;
    return { type, status, reason, message, lastTransitionTime, lastUpdateTime: lastTransitionTime };
  }
  return undefined;
}

/**
 * ms until a stuck rollout must be looked at again for its deadline; 0 for now, undefined for never (requeueStuckDeployment).
 * A second is added, as upstream does against skew: its condition shows at the deadline plus up to 1 s.
 */
export function progressCheckDelay(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const current = progressing(deployment);
  if (!hasProgressDeadline(deployment) || !current) return undefined;
  if (isComplete(deployment, status) || current.reason === 'ProgressDeadlineExceeded') return undefined;
  const after = millis(current.lastUpdateTime) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000 - now;
  return after < 1000 ? 0 : after + 1000;
}

/** As stored: Go's `omitempty` leaves zeros out. */
export function storedStatus(status: DeploymentStatus): DeploymentStatus {
  const { conditions, ...counts } = status;
  const stored: DeploymentStatus = Object.fromEntries(
    Object.entries(counts).filter(([key, value]) => value !== 0 || key === 'collisionCount'),
  );
  if (conditions?.length) stored.conditions = conditions;
  return stored;
}
