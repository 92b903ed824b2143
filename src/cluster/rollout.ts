/** Whether a workload's rollout is done, and how to wait for it. */
import type { ObjectRef } from '../record/events.ts';
import type { Clock, Cluster, RawObject } from '../rehearsal/ports.ts';
import { controllerOf, isReady, revisionHashOf, selectorOf } from './workloads.ts';

// biome-ignore lint/suspicious/noExplicitAny: the wire format is open
type Fields = Record<string, any>;

export interface RolloutStatus {
  state: 'done' | 'progressing' | 'failed';
  message: string;
}

/**
 * Whether a rollout is done, in kubectl's words and order of rules.
 * Source: k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go.
 */
export function rolloutStatus(workload: RawObject): RolloutStatus {
  const spec: Fields = workload['spec'] ?? {};
  const status: Fields = workload['status'] ?? {};
  const name = `"${workload.metadata.name}"`;
  const progressing = (message: string): RolloutStatus => ({ state: 'progressing', message });
  const done = (message: string): RolloutStatus => ({ state: 'done', message });
  const strategy = spec['updateStrategy']?.type;
  const count = (field: string) => Number(status[field] ?? 0);
  if (workload.kind !== 'Deployment' && strategy === 'OnDelete')
    return { state: 'failed', message: `rollout status is only available for the RollingUpdate strategy, ${name} has OnDelete` };
  if ((workload.metadata.generation ?? 0) > count('observedGeneration'))
    return progressing('waiting for the spec update to be observed');

  if (workload.kind === 'Deployment') {
    const replicas = Number(spec['replicas'] ?? 1);
    const deadline = (status['conditions'] ?? []).find((condition: { type: string }) => condition.type === 'Progressing');
    if (deadline?.reason === 'ProgressDeadlineExceeded')
      return { state: 'failed', message: `deployment ${name} exceeded its progress deadline` };
    if (count('updatedReplicas') < replicas)
      return progressing(`${count('updatedReplicas')} out of ${replicas} new replicas have been updated`);
    if (count('replicas') > count('updatedReplicas'))
      return progressing(`${count('replicas') - count('updatedReplicas')} old replicas are pending termination`);
    if (count('availableReplicas') < count('updatedReplicas'))
      return progressing(`${count('availableReplicas')} of ${count('updatedReplicas')} updated replicas are available`);
    return done(`deployment ${name} successfully rolled out`);
  }

  if (workload.kind === 'StatefulSet') {
    const replicas = Number(spec['replicas'] ?? 1);
    const partition = Number(spec['updateStrategy']?.rollingUpdate?.partition ?? 0);
    if (count('readyReplicas') < replicas)
      return progressing(`waiting for ${replicas - count('readyReplicas')} pods to be ready`);
    if (partition > 0) {
      if (count('updatedReplicas') < replicas - partition)
        return progressing(
          `partitioned roll out: ${count('updatedReplicas')} out of ${replicas - partition} new pods have been updated`,
        );
      return done(`partitioned roll out complete: ${count('updatedReplicas')} new pods have been updated`);
    }
    if (status['updateRevision'] !== status['currentRevision'])
      return progressing(`${count('updatedReplicas')} pods at revision ${status['updateRevision']}`);
    return done(`statefulset rolling update complete: ${count('currentReplicas')} pods at revision ${status['currentRevision']}`);
  }

  const desired = count('desiredNumberScheduled');
  if (count('updatedNumberScheduled') < desired)
    return progressing(`${count('updatedNumberScheduled')} out of ${desired} new pods have been updated`);
  if (count('numberAvailable') < desired)
    return progressing(`${count('numberAvailable')} of ${desired} updated pods are available`);
  return done(`daemon set ${name} successfully rolled out`);
}

/**
 * Waits, by watch, until a rollout is done or has failed, and frees a StatefulSet whose broken pod holds it up (`freeStuckPods`).
 * @throws the signal's reason when aborted; an error when the workload is deleted.
 */
export async function untilSettled(
  cluster: Cluster,
  clock: Clock,
  workload: ObjectRef,
  signal: AbortSignal,
  onFreed: (pods: string[]) => void = () => {},
): Promise<RolloutStatus> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const scope = AbortSignal.any([signal, ended.signal]);
  const { namespace } = workload;
  try {
    return await new Promise<RolloutStatus>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      let latest: RawObject | undefined;
      const look = () => {
        if (!latest) return;
        const status = rolloutStatus(latest);
        if (status.state !== 'progressing') resolve(status);
        else if (latest.kind === 'StatefulSet') freeStuckPods(cluster, latest).then(pods => pods.length && onFreed(pods), reject);
      };
      cluster
        .watch(
          workload,
          { ...(namespace === undefined ? {} : { namespace }), fieldSelector: `metadata.name=${workload.name}`, signal: scope },
          (type, object) => {
            if (type === 'DELETED') reject(new Error(`${workload.kind} ${workload.name} was deleted`));
            latest = object;
            look();
          },
        )
        .then(() => (latest ? undefined : reject(new Error(`${workload.kind} ${workload.name} does not exist`))), reject);
      // The broken pod of a StatefulSet changes nothing in the StatefulSet itself: look again a little later.
      if (workload.kind === 'StatefulSet') {
        (async () => {
          for (;;) {
            await clock.sleep(1000, scope);
            look();
          }
        })().catch(() => {});
      }
    });
  } finally {
    ended.abort();
  }
}

/**
 * A StatefulSet's rolling update waits for a broken pod of the old revision to become ready, which it never will (kubernetes#67250).
 * Deletes pods that are not ready and of another revision than the one asked for; returns their names.
 */
async function freeStuckPods(cluster: Cluster, statefulSet: RawObject): Promise<string[]> {
  const update = statefulSet['status']?.updateRevision;
  const observed = Number(statefulSet['status']?.observedGeneration ?? 0) >= (statefulSet.metadata.generation ?? 0);
  if (!observed || !update || statefulSet['spec'].podManagementPolicy === 'Parallel') return [];
  const { namespace } = statefulSet.metadata;
  const { items } = await cluster.list(
    { apiVersion: 'v1', kind: 'Pod' },
    { ...(namespace === undefined ? {} : { namespace }), labelSelector: selectorOf(statefulSet) },
  );
  const stuck = items.filter(
    pod =>
      controllerOf(pod)?.uid === statefulSet.metadata.uid &&
      !pod.metadata.deletionTimestamp &&
      !isReady(pod) &&
      revisionHashOf(pod) !== update,
  );
  for (const pod of stuck) {
    const { name, uid } = pod.metadata;
    await cluster.delete(
      { apiVersion: 'v1', kind: 'Pod', ...(namespace === undefined ? {} : { namespace }), name },
      uid === undefined ? {} : { uid },
    );
  }
  return stuck.map(pod => pod.metadata.name);
}
