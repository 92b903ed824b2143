import { equal } from '../registry/json.ts';
import { claim } from './claim.ts';
import { conditionOf } from './conditions.ts';
import {
  type ControlLoop,
  type ControllerContext,
  isNamespaceTerminating,
  isReason,
  MANAGER,
  STATUS,
  startControlLoop,
} from './control-loop.ts';
import {
  type Backoff,
  ensureCondition,
  hasFailed,
  isFinished,
  isTracked,
  NO_FAILURE,
  nextBackoff,
  onlyReplacesFailed,
  remainingBackoff,
  restartsPastLimit,
  TRACKING_FINALIZER,
} from './job-pods.ts';
import { controllerOf, keyOf, splitKey } from './owner.ts';
import { createPod, deletePod, podFromTemplate, slowStart } from './pod-control.ts';
import { podsToDelete } from './pod-deletion-order.ts';
import { isPodActive, isPodReady, isPodTerminal, isPodTerminating } from './pod-state.ts';
import { millis, timestamp } from './timestamp.ts';
import type { Condition, Job, JobStatus, Pod } from './types.ts';
import type { WorkQueue } from './work-queue.ts';

const SOURCE = { component: 'job-controller' };
/** Changes of pods and of the status are gathered for so long, ms (SyncJobBatchPeriod). */
const BATCH_MS = 1_000;
const BURST = 500;

/** Jobs: runs pods until enough have succeeded or too many have failed (pkg/controller/job). Indexed completion is not kept apart. */
export function startJobController(context: ControllerContext): ControlLoop {
  const backoffs = new Map<string, Backoff>();
  return startControlLoop({
    name: 'job',
    context,
    sync: (key, queue) => new JobSync(context, backoffs, key, queue).run(),
    watches: {
      'jobs.batch': ({ type, object, previous }, queue) => {
        if (type === 'MODIFIED' && isFinished(object as Job)) return;
        if (type === 'MODIFIED' && previous?.metadata.generation === object.metadata.generation)
          queue.addAfter(keyOf(object), BATCH_MS);
        else queue.add(keyOf(object));
        if (type === 'DELETED') releasePods(context, object as Job);
      },
      pods: ({ object, previous }, queue) => {
        for (const owner of [controllerOf(object), previous && controllerOf(previous)]) {
          if (owner?.kind === 'Job') queue.addAfter(`${object.metadata.namespace}/${owner.name}`, BATCH_MS);
        }
      },
    },
  });
}

/** Pods of a Job that is gone are counted by nobody: nothing may hold them. */
function releasePods(context: ControllerContext, job: Job): void {
  setImmediate(() => {
    for (const pod of context.pods.ownedBy(job.metadata.uid)) removeFinalizer(context, pod);
  });
}

function removeFinalizer(context: ControllerContext, pod: Pod): void {
  if (!isTracked(pod)) return;
  const { namespace, name } = pod.metadata;
  context.resources.modify<Pod>(
    'pods',
    namespace,
    name,
    draft => {
      const rest = (draft.metadata.finalizers ?? []).filter(each => each !== TRACKING_FINALIZER);
      if (rest.length) draft.metadata.finalizers = rest;
      else delete draft.metadata.finalizers;
    },
    MANAGER,
  );
}

/** One sync of one Job. */
class JobSync {
  readonly #context: ControllerContext;
  readonly #backoffs: Map<string, Backoff>;
  readonly #key: string;
  readonly #queue: WorkQueue;
  readonly #now: number;

  constructor(context: ControllerContext, backoffs: Map<string, Backoff>, key: string, queue: WorkQueue) {
    this.#context = context;
    this.#backoffs = backoffs;
    this.#key = key;
    this.#queue = queue;
    this.#now = context.clock.now();
  }

  run(): void {
    const { resources } = this.#context;
    const { namespace, name } = splitKey(this.#key);
    const stored = resources.get<Job>('jobs.batch', namespace, name);
    if (!stored || isFinished(stored)) {
      this.#backoffs.delete(this.#key);
      return;
    }
    const job = structuredClone(stored);
    const status: JobStatus = { ...job.status, uncountedTerminatedPods: job.status?.uncountedTerminatedPods ?? {} };
    const pods = claim(resources, 'pods', job, this.#context.pods.candidates(job));
    const active = pods.filter(isPodActive);
    const terminating = pods.filter(pod => isPodTerminating(pod) && !isPodTerminal(pod)).length;
    const uncounted = new Set([
      ...(status.uncountedTerminatedPods?.succeeded ?? []),
      ...(status.uncountedTerminatedPods?.failed ?? []),
    ]);
    const fresh = pods.filter(pod => isTracked(pod) && !uncounted.has(pod.metadata.uid ?? ''));
    const succeededNow = fresh.filter(pod => pod.status?.phase === 'Succeeded');
    const failedNow = fresh.filter(pod => hasFailed(pod, job));
    const succeeded = (status.succeeded ?? 0) + succeededNow.length + (status.uncountedTerminatedPods?.succeeded?.length ?? 0);
    const failed = (status.failed ?? 0) + failedNow.length + (status.uncountedTerminatedPods?.failed?.length ?? 0);
    const backoff = nextBackoff(this.#backoffs.get(this.#key) ?? NO_FAILURE, succeededNow, failedNow);
    if (status.startTime === undefined && !job.spec.suspend) status.startTime = timestamp(this.#now);

    const counts = { active: active.length, ready: active.filter(isPodReady).length, terminating };
    let finish = this.#finishing(job, status, pods, failed);
    let changed = false;
    let error: unknown;
    if (finish) {
      this.#remove(job, active, counts);
    } else {
      if (job.metadata.deletionTimestamp === undefined) {
        error = this.#manage(job, active, counts, succeeded, backoff);
        changed = this.#recordSuspension(job, status);
      }
      const { completions } = job.spec;
      const isComplete =
        completions === undefined ? succeeded > 0 && counts.active === 0 : succeeded >= completions && counts.active === 0;
      if (isComplete)
        finish = this.#condition('SuccessCriteriaMet', 'CompletionsReached', 'Reached expected number of succeeded pods');
    }
    const needsWrite =
      changed ||
      counts.active !== (status.active ?? 0) ||
      counts.ready !== status.ready ||
      counts.terminating !== status.terminating;
    this.#track(job, { ...status, ...counts }, { pods, finish, backoff, needsWrite, uncounted });
    if (error !== undefined) throw error;
  }

  #condition(type: string, reason: string, message: string, status: Condition['status'] = 'True'): Condition {
    const time = timestamp(this.#now);
    return { type, status, lastProbeTime: time, lastTransitionTime: time, reason, message };
  }

  /** Why the Job is to end now, if it is. */
  #finishing(job: Job, status: JobStatus, pods: Pod[], failed: number): Condition | undefined {
    const met = conditionOf(status.conditions, 'SuccessCriteriaMet');
    if (met?.status === 'True') return met;
    const target = conditionOf(status.conditions, 'FailureTarget');
    if (target?.status === 'True') return this.#condition('Failed', target.reason ?? '', target.message ?? '');
    if (failed > (job.spec.backoffLimit ?? 6) || restartsPastLimit(job, pods)) {
      return this.#condition('FailureTarget', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit');
    }
    const limit = job.spec.activeDeadlineSeconds;
    if (limit === undefined || job.spec.suspend || status.startTime === undefined) return undefined;
    const left = millis(status.startTime) + limit * 1000 - this.#now;
    if (left <= 0) return this.#condition('FailureTarget', 'DeadlineExceeded', 'Job was active longer than specified deadline');
    this.#queue.addAfter(this.#key, left);
    return undefined;
  }

  #recordSuspension(job: Job, status: JobStatus): boolean {
    const next = job.spec.suspend
      ? this.#condition('Suspended', 'JobSuspended', 'Job suspended')
      : this.#condition('Suspended', 'JobResumed', 'Job resumed', 'False');
    const { conditions, changed } = ensureCondition(status.conditions ?? [], next);
    if (!changed) return false;
    status.conditions = conditions;
    const reason = job.spec.suspend ? 'Suspended' : 'Resumed';
    this.#context.recordEvent(job, 'Normal', reason, next.message ?? '', SOURCE);
    if (!job.spec.suspend) status.startTime = timestamp(this.#now);
    return true;
  }

  /** Starts and deletes pods, and keeps `counts` in step. @returns what to throw after the status is written. */
  #manage(job: Job, active: Pod[], counts: Counts, succeeded: number, backoff: Backoff): unknown {
    if (job.spec.suspend) {
      this.#remove(job, active, counts, true);
      return undefined;
    }
    const { completions, parallelism = 1 } = job.spec;
    const wanted =
      completions === undefined
        ? succeeded > 0
          ? active.length
          : parallelism
        : Math.max(0, Math.min(completions - succeeded, parallelism));
    if (active.length > wanted) {
      const surplus = podsToDelete(active, [], active.length - wanted, this.#now).slice(0, BURST);
      this.#remove(job, surplus, counts, true);
      return undefined;
    }
    const missing = Math.min(wanted - active.length - (onlyReplacesFailed(job) ? counts.terminating : 0), BURST);
    if (missing <= 0) return undefined;
    const wait = remainingBackoff(backoff, this.#now);
    if (wait > 0) {
      this.#queue.addAfter(this.#key, Math.max(wait, BATCH_MS));
      counts.active = 0;
      return undefined;
    }
    const { successes, error } = slowStart(missing, () => {
      const pod = podFromTemplate(job.spec.template, job);
      pod.metadata.finalizers = [...new Set([...(pod.metadata.finalizers ?? []), TRACKING_FINALIZER])];
      try {
        createPod(this.#context, pod, job, SOURCE);
      } catch (failure) {
        if (!isNamespaceTerminating(failure)) throw failure;
      }
    });
    counts.active += successes;
    return error;
  }

  #remove(job: Job, pods: Pod[], counts: Counts, uncounted = false): void {
    for (const pod of pods) {
      if (uncounted) removeFinalizer(this.#context, pod);
      deletePod(this.#context, pod, job, SOURCE);
      counts.active--;
      counts.terminating++;
      if (isPodReady(pod)) counts.ready--;
    }
  }

  /** Counts ended pods in two writes, so that none is counted twice or lost: into `uncounted`, then, without finalizers, into the counters. */
  #track(
    job: Job,
    status: JobStatus,
    {
      pods,
      finish,
      backoff,
      needsWrite,
      uncounted,
    }: { pods: Pod[]; finish: Condition | undefined; backoff: Backoff; needsWrite: boolean; uncounted: Set<string> },
  ): void {
    const list = {
      succeeded: [...(status.uncountedTerminatedPods?.succeeded ?? [])],
      failed: [...(status.uncountedTerminatedPods?.failed ?? [])],
    };
    const toRelease: Pod[] = [];
    let dirty = needsWrite;
    for (const pod of pods.filter(isTracked)) {
      const uid = pod.metadata.uid ?? '';
      const isDone = pod.status?.phase === 'Succeeded';
      if (!isDone && !hasFailed(pod, job) && !finish && job.metadata.deletionTimestamp === undefined) continue;
      toRelease.push(pod);
      if (uncounted.has(uid)) continue;
      if (isDone) list.succeeded.push(uid);
      else if (hasFailed(pod, job) || (finish && finish.type !== 'SuccessCriteriaMet')) list.failed.push(uid);
      else continue;
      dirty = true;
    }
    let conditions = status.conditions ?? [];
    let last = finish;
    if (finish?.type === 'FailureTarget') {
      conditions = [...conditions, finish];
      last = this.#condition('Failed', finish.reason ?? '', finish.message ?? '');
      dirty = true;
    } else if (finish?.type === 'SuccessCriteriaMet') {
      if (!conditionOf(conditions, 'SuccessCriteriaMet')) {
        conditions = [...conditions, finish];
        dirty = true;
      }
      last = this.#condition('Complete', finish.reason ?? '', finish.message ?? '');
    }
    let current: Job = job;
    let next: JobStatus = { ...status, conditions, uncountedTerminatedPods: compact(list) };
    if (dirty) {
      current = this.#write(current, next);
      this.#backoffs.set(this.#key, backoff);
    }
    for (const pod of toRelease) removeFinalizer(this.#context, pod);
    const counted = list.succeeded.length + list.failed.length > 0;
    next = {
      ...next,
      succeeded: (next.succeeded ?? 0) + list.succeeded.length,
      failed: (next.failed ?? 0) + list.failed.length,
      uncountedTerminatedPods: {},
    };
    const isFinal = last !== undefined && (next.terminating ?? 0) === 0;
    if (isFinal) {
      next.conditions = ensureCondition(conditions, last as Condition).conditions;
      if (last?.type === 'Complete') next.completionTime = timestamp(this.#now);
    }
    if (!counted && !isFinal) return;
    this.#write(current, next);
    if (isFinal) this.#recordFinish(job, next, last as Condition);
  }

  #recordFinish(job: Job, status: JobStatus, condition: Condition): void {
    const { recordEvent } = this.#context;
    if (condition.type === 'Complete') {
      if (job.spec.completions !== undefined && (status.succeeded ?? 0) > job.spec.completions) {
        const message = 'Too many succeeded pods running after completion count reached';
        recordEvent(job, 'Warning', 'TooManySucceededPods', message, SOURCE);
      }
      recordEvent(job, 'Normal', 'Completed', 'Job completed', SOURCE);
    } else recordEvent(job, 'Warning', condition.reason ?? '', condition.message ?? '', SOURCE);
  }

  #write(job: Job, status: JobStatus): Job {
    const { active, succeeded, failed, conditions, ...rest } = status;
    const stored: JobStatus = {
      ...(conditions?.length ? { conditions } : {}),
      ...rest,
      ...(active ? { active } : {}),
      ...(succeeded ? { succeeded } : {}),
      ...(failed ? { failed } : {}),
    };
    if (equal(job.status, stored)) return job;
    return this.#context.resources.update<Job>({ ...job, status: stored }, STATUS);
  }
}

interface Counts {
  active: number;
  ready: number;
  terminating: number;
}

const compact = (list: Record<string, string[]>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(list).filter(([, uids]) => uids.length > 0));

/** Deletes Jobs `ttlSecondsAfterFinished` after their end (pkg/controller/ttlafterfinished). */
export function startTtlController(context: ControllerContext): ControlLoop {
  return startControlLoop({
    name: 'ttl-after-finished',
    context,
    watches: {
      'jobs.batch': ({ type, object }, queue) => {
        if (type !== 'DELETED' && (object as Job).spec.ttlSecondsAfterFinished !== undefined) queue.add(keyOf(object));
      },
    },
    sync: (key, queue) => {
      const { namespace, name } = splitKey(key);
      const job = context.resources.get<Job>('jobs.batch', namespace, name);
      const ttl = job?.spec.ttlSecondsAfterFinished;
      if (!job || ttl === undefined || !isFinished(job) || job.metadata.deletionTimestamp !== undefined) return;
      const end = job.status?.conditions?.find(
        ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
      );
      const left = millis(end?.lastTransitionTime) + ttl * 1000 - context.clock.now();
      if (left > 0) {
        queue.addAfter(key, left);
        return;
      }
      try {
        const preconditions = job.metadata.uid ? { uid: job.metadata.uid } : {};
        context.resources.delete('jobs.batch', namespace, name, { propagationPolicy: 'Foreground', preconditions });
      } catch (error) {
        if (!isReason(error, 'Conflict')) throw error;
      }
    },
  });
}
