/** What a Job's pods tell: counted and uncounted ends, back-off (pkg/controller/job/{job_controller,backoff_utils,tracking_utils}.go). */
import { isPodTerminating, podCondition } from './pod-state.ts';
import { millis } from './timestamp.ts';
import type { Condition, Job, Pod } from './types.ts';

/** Holds a finished pod until the Job's status has counted it. */
export const TRACKING_FINALIZER = 'batch.kubernetes.io/job-tracking';

const FIRST_BACKOFF_MS = 10_000;
const LONGEST_BACKOFF_MS = 600_000;

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(TRACKING_FINALIZER) === true;

export const onlyReplacesFailed = (job: Job): boolean => job.spec.podReplacementPolicy === 'Failed';

/** A pod that was deleted counts as failed too, unless only pods that have wholly ended are replaced. */
export const hasFailed = (pod: Pod, job: Job): boolean =>
  pod.status?.phase === 'Failed' || (!onlyReplacesFailed(job) && isPodTerminating(pod) && pod.status?.phase !== 'Succeeded');

export const isFinished = (job: Job): boolean =>
  (job.status?.conditions ?? []).some(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True');

export interface Backoff {
  failures: number;
  /** ms since the epoch. */
  lastFailure: number | undefined;
}

export const NO_FAILURE: Backoff = { failures: 0, lastFailure: undefined };

/** Failures after the last success, from the pods that ended since the last count. */
export function nextBackoff(before: Backoff, succeeded: Pod[], failed: Pod[]): Backoff {
  const failures = failed.map(finishedAt).sort((a, b) => a - b);
  if (succeeded.length === 0) {
    if (failures.length === 0) return before;
    return { failures: before.failures + failures.length, lastFailure: failures.at(-1) };
  }
  const lastSuccess = Math.max(...succeeded.map(finishedAt));
  const since = failures.filter(time => time > lastSuccess);
  return { failures: since.length, lastFailure: since.at(-1) };
}

/** ms until the next pod may be started: 10 s, 20 s, 40 s… up to 10 min after the last failure. */
export function remainingBackoff({ failures, lastFailure }: Backoff, now: number): number {
  if (failures === 0 || lastFailure === undefined) return 0;
  const delay = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), LONGEST_BACKOFF_MS);
  const elapsed = now - lastFailure;
  return elapsed < 0 ? delay : Math.max(0, delay - elapsed);
}

function finishedAt(pod: Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(status => millis(status.state?.terminated?.finishedAt));
  if (ends.length > 0 && ends.every(end => end > 0)) return Math.max(...ends);
  const ready = podCondition(pod, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return millis(ready.lastTransitionTime);
  if (pod.metadata.deletionTimestamp) {
    return millis(pod.metadata.deletionTimestamp) - (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  }
  return millis(pod.metadata.creationTimestamp);
}

/** Restarts of live pods, with restartPolicy OnFailure, count against backoffLimit as well. */
export function restartsPastLimit(job: Job, pods: Pod[]): boolean {
  if (job.spec.template.spec.restartPolicy !== 'OnFailure') return false;
  const live = pods.filter(pod => pod.status?.phase === 'Running' || pod.status?.phase === 'Pending');
  const statuses = live.flatMap(pod => [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]);
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const limit = job.spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** ensureJobConditionStatus: adds or changes; a condition that would be False is not added. */
export function ensureCondition(conditions: Condition[], next: Condition): { conditions: Condition[]; changed: boolean } {
  const current = conditions.find(({ type }) => type === next.type);
  if (!current)
    return next.status === 'False' ? { conditions, changed: false } : { conditions: [...conditions, next], changed: true };
  const { status, reason, message } = current;
  if (status === next.status && reason === next.reason && message === next.message) return { conditions, changed: false };
  return { conditions: conditions.map(each => (each === current ? next : each)), changed: true };
}
