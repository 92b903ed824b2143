import type { ObjectRef } from '../record/events.ts';
import type { Clock, Cluster } from '../rehearsal/ports.ts';
import { untilSettled } from './rollout.ts';
import { shortName } from './workloads.ts';

/** Waits until a workload's rollout is complete. @throws Error when it failed; the signal's reason when aborted first. */
export async function settle(cluster: Cluster, clock: Clock, workload: ObjectRef, signal: AbortSignal): Promise<void> {
  const { state, message } = await untilSettled(cluster, clock, workload, signal);
  if (state === 'failed') throw new Error(`${shortName(workload)} has not settled: ${message}`);
}
