import { podTroubles } from '../cluster/pod-trouble.ts';
import { containerStatuses, controllerOf, selectorOf, shortName } from '../cluster/workloads.ts';
import type { Check, RawObject } from '../rehearsal/ports.ts';

/** A container that was started again must run this long before it counts as not restarting: back-offs between crashes are 10 s and more. */
const QUIET_MS = 10_000;

/** No container of the target's pods restarts or waits with an error. Restarts from before it started to watch do not count. */
export function createNoRestartsCheck(): Check {
  const name = 'no restarts';
  const pods = new Map<string, RawObject>();
  /** By pod uid and container: restarts seen, and run time of the last one. */
  const restarts = new Map<string, { count: number; atTMs: number }>();
  let tMs: () => number = () => 0;

  return {
    name,
    summary: 'no container of the target restarts or waits with an error',
    async start(context, signal, onChange) {
      const { cluster, clock, namespace, target } = context;
      tMs = () => context.tMs();
      const workload = await cluster.get(target);
      if (!workload) throw new Error(`${shortName(target)} does not exist`);
      let first = true;
      await cluster.watch(
        { apiVersion: 'v1', kind: 'Pod' },
        { namespace, labelSelector: selectorOf(workload), signal },
        (type, pod) => {
          const id = pod.metadata.uid ?? pod.metadata.name;
          if (type === 'DELETED') pods.delete(id);
          else pods.set(id, pod);
          for (const status of containerStatuses(pod)) {
            const key = `${id}/${status['name']}`;
            const count = Number(status['restartCount'] ?? 0);
            const before = restarts.get(key);
            if (count <= (before?.count ?? 0)) continue;
            restarts.set(key, { count, atTMs: first ? Number.NEGATIVE_INFINITY : tMs() });
            if (!first) clock.sleep(QUIET_MS, signal).then(onChange, () => {});
          }
          onChange();
        },
      );
      first = false;
    },
    now() {
      const problems: string[] = [];
      for (const [id, pod] of pods) {
        if (pod.metadata.deletionTimestamp || !controllerOf(pod)) continue;
        for (const trouble of podTroubles(pod, 0)) {
          if (trouble.kind === 'waiting' || trouble.kind === 'failed')
            problems.push(`pod ${pod.metadata.name}: ${trouble.message}`);
        }
        for (const status of containerStatuses(pod)) {
          const exit = status['state']?.terminated?.exitCode;
          if (exit) problems.push(`pod ${pod.metadata.name}: container ${status['name']} exited with ${exit}`);
          const last = restarts.get(`${id}/${status['name']}`);
          if (last && tMs() - last.atTMs < QUIET_MS)
            problems.push(
              `pod ${pod.metadata.name}: container ${status['name']} restarted ${((tMs() - last.atTMs) / 1000).toFixed(1)} s ago`,
            );
        }
      }
      if (pods.size === 0) return { name, ok: false, detail: 'the target has no pods', remedy: 'scale it up' };
      if (problems.length)
        return {
          name,
          ok: false,
          detail: problems.slice(0, 3).join('; '),
          remedy: 'see the logs of the previous container: `kubectl logs --previous`',
        };
      return { name, ok: true, detail: `no restarts in ${pods.size} pods` };
    },
  };
}
