import type { RawObject } from '../rehearsal/ports.ts';

export interface BadCondition {
  kind: 'deadline' | 'replicas';
  message: string;
  sourceAt?: string;
}

/** The conditions of a Deployment that say that its rollout fails. */
export function badConditions(workload: RawObject): BadCondition[] {
  const conditions: { type: string; status: string; reason?: string; message?: string; lastUpdateTime?: string }[] =
    workload['status']?.conditions ?? [];
  const found: BadCondition[] = [];
  const seen = Number(workload['status']?.observedGeneration ?? 0) >= (workload.metadata.generation ?? 0);
  for (const { type, status, reason, message, lastUpdateTime } of conditions) {
    const at = lastUpdateTime === undefined ? {} : { sourceAt: lastUpdateTime };
    if (type === 'Progressing' && status === 'False' && reason === 'ProgressDeadlineExceeded' && seen)
      found.push({ kind: 'deadline', message: `ProgressDeadlineExceeded: ${message}`, ...at });
    if (type === 'ReplicaFailure' && status === 'True')
      found.push({ kind: 'replicas', message: `ReplicaFailure, ${reason}: ${message}`, ...at });
  }
  return found;
}
