/** What the status of one pod says is wrong with it. Pure; the observed order of states is in the Kubernetes documentation on the pod lifecycle. */
import type { RawObject } from '../rehearsal/ports.ts';
import { containerStatuses, isReady } from './workloads.ts';

export interface Trouble {
  /** The same trouble of the same pod keeps its key; a worse count changes `level`. */
  key: string;
  kind: 'waiting' | 'crash' | 'oom' | 'failed' | 'unschedulable' | 'unready' | 'deadline' | 'replicas';
  message: string;
  /** Grows when it gets worse: number of restarts. */
  level: number;
  /** The source's own timestamp. */
  sourceAt?: string;
  /** For troubles that only time makes: ms that it must last to count. */
  afterMs: number;
}

const BAD_WAITING = new Set([
  'CrashLoopBackOff',
  'ImagePullBackOff',
  'ErrImagePull',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
  'InvalidImageName',
  'RunContainerError',
  'PostStartHookError',
  'PreCreateHookError',
]);

/** A scheduler that finds no node may find one a moment later, when an old pod is gone: it must last this long. */
const UNSCHEDULABLE_AFTER_MS = 1000;

/** @param unreadyForMs a pod that is not ready for so long, without another reason, is in trouble. */
export function podTroubles(pod: RawObject, unreadyForMs: number): Trouble[] {
  // A pod that is being ended on purpose may exit with any code.
  if (pod.metadata.deletionTimestamp) return [];
  const { phase, reason, message, conditions = [] } = pod['status'] ?? {};
  const troubles: Trouble[] = [];
  for (const status of containerStatuses(pod)) troubles.push(...containerTroubles(status));
  if (phase === 'Failed' && troubles.length === 0)
    troubles.push({
      key: 'failed',
      kind: 'failed',
      level: 0,
      afterMs: 0,
      message: `failed${reason ? `: ${reason}` : ''}${message ? `, ${message}` : ''}`,
    });
  const scheduled = conditions.find((condition: { type: string }) => condition.type === 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable')
    troubles.push({
      key: 'unschedulable',
      kind: 'unschedulable',
      level: 0,
      afterMs: UNSCHEDULABLE_AFTER_MS,
      message: `Unschedulable: ${scheduled.message ?? 'no node takes it'}`,
      ...(scheduled.lastTransitionTime ? { sourceAt: scheduled.lastTransitionTime } : {}),
    });
  if (troubles.length === 0 && !isReady(pod) && phase !== 'Succeeded') {
    const ready = conditions.find((condition: { type: string }) => condition.type === 'Ready');
    troubles.push({
      key: 'unready',
      kind: 'unready',
      level: 0,
      afterMs: unreadyForMs,
      message: `not ready for ${unreadyForMs / 1000} s${ready?.message ? `: ${ready.message}` : ''}`,
      ...(ready?.lastTransitionTime ? { sourceAt: ready.lastTransitionTime } : {}),
    });
  }
  return troubles;
}

function containerTroubles(status: RawObject): Trouble[] {
  const name = status['name'];
  const { waiting, terminated } = status['state'] ?? {};
  const last = terminated ?? status['lastState']?.terminated;
  const restarts = Number(status['restartCount'] ?? 0);
  const found: Trouble[] = [];
  // The exit that the container is in now, or the last one if it was started again.
  const crashes = restarts + (terminated && terminated.exitCode !== 0 ? 1 : 0);
  if (last && crashes > 0) {
    const oom = last.reason === 'OOMKilled';
    found.push({
      key: `${name}/${oom ? 'oom' : 'crash'}`,
      kind: oom ? 'oom' : 'crash',
      level: crashes,
      afterMs: 0,
      message: oom
        ? `container ${name} OOMKilled: it used more memory than its limit`
        : `container ${name} exited with ${last.exitCode}${last.reason && last.reason !== 'Error' ? ` (${last.reason})` : ''}`,
      ...(last.finishedAt ? { sourceAt: last.finishedAt } : {}),
    });
  }
  if (waiting && BAD_WAITING.has(waiting.reason))
    found.push({
      key: `${name}/waiting/${waiting.reason}`,
      kind: 'waiting',
      level: 0,
      afterMs: 0,
      message: `container ${name} ${waiting.reason}${waiting.message ? `: ${waiting.message}` : ''}`,
    });
  return found;
}
