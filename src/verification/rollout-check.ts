import { rolloutStatus } from '../cluster/rollout.ts';
import { controllerOf, isReady, revisionHashOf, selectorOf, shortName } from '../cluster/workloads.ts';
import type { Check, RawObject } from '../rehearsal/ports.ts';

/** The target's rollout is complete, and each of its pods is ready: with no readiness probe and minReadySeconds 0 the status alone tells little. */
export function createRolloutCheck(): Check {
  const name = 'rollout complete';
  let workload: RawObject | undefined;
  let target = 'the target';
  const pods = new Map<string, RawObject>();
  return {
    name,
    summary: 'as kubectl rollout status judges it, and every pod is ready',
    async start(context, signal, onChange) {
      const { cluster, namespace } = context;
      target = shortName(context.target);
      await cluster.watch(
        context.target,
        { namespace, fieldSelector: `metadata.name=${context.target.name}`, signal },
        (type, object) => {
          workload = type === 'DELETED' ? undefined : object;
          onChange();
        },
      );
      const labelSelector = workload ? selectorOf(workload) : '';
      if (!labelSelector) return;
      await cluster.watch({ apiVersion: 'v1', kind: 'Pod' }, { namespace, labelSelector, signal }, (type, pod) => {
        if (type === 'DELETED') pods.delete(pod.metadata.name);
        else pods.set(pod.metadata.name, pod);
        onChange();
      });
    },
    now() {
      if (!workload) return { name, ok: false, detail: `${target} does not exist`, remedy: 'deploy it' };
      const status = rolloutStatus(workload);
      const remedy = `\`kubectl -n ${workload.metadata.namespace} describe ${target}\` and its pods tell what holds it up`;
      if (status.state !== 'done') return { name, ok: false, detail: status.message, remedy };
      const live = [...pods.values()].filter(pod => !pod.metadata.deletionTimestamp && controllerOf(pod));
      const waiting = live.filter(pod => !isReady(pod));
      if (waiting.length)
        return {
          name,
          ok: false,
          detail: `${waiting.length} of ${live.length} pods not ready: ${waiting.map(pod => pod.metadata.name).join(', ')}`,
          remedy,
        };
      const revisions = new Set(live.map(revisionHashOf)).size;
      return {
        name,
        ok: true,
        detail: `${status.message}; ${live.length} pods ready${revisions > 1 ? ` of ${revisions} revisions` : ''}`,
      };
    },
  };
}
