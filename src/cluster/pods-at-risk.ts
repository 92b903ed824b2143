import type { Cluster, RawObject } from '../rehearsal/ports.ts';
import { controllerOf, isReady, selectorOf } from './workloads.ts';

export interface PodsAtRisk {
  pods: { name: string; ready: boolean; node: string | undefined }[];
  /** How many of them a rollout takes away before their successors are ready, in words with figures. */
  atOnce: string;
}

/** The pods that a bad deploy of a workload replaces, and how fast: as its update strategy says. */
export async function podsAtRisk(cluster: Cluster, workload: RawObject): Promise<PodsAtRisk> {
  const { namespace } = workload.metadata;
  const { items } = await cluster.list(
    { apiVersion: 'v1', kind: 'Pod' },
    { ...(namespace === undefined ? {} : { namespace }), labelSelector: selectorOf(workload) },
  );
  const pods = items.filter(pod => controllerOf(pod) && !pod.metadata.deletionTimestamp);
  return {
    pods: pods.map(pod => ({ name: pod.metadata.name, ready: isReady(pod), node: pod['spec']?.nodeName })),
    atOnce: pace(workload, pods.length),
  };
}

function pace(workload: RawObject, pods: number): string {
  const spec = workload['spec'] ?? {};
  if (workload.kind === 'StatefulSet') {
    const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
    return `one after the other, the highest ordinal first${partition > 0 ? `, down to ordinal ${partition}` : ''}; the first that is broken stops it`;
  }
  const strategy = workload.kind === 'DaemonSet' ? spec.updateStrategy : spec.strategy;
  if (strategy?.type === 'Recreate') return `all ${pods} at once (strategy Recreate)`;
  const unavailable = strategy?.rollingUpdate?.maxUnavailable ?? (workload.kind === 'DaemonSet' ? 1 : '25%');
  const surge = strategy?.rollingUpdate?.maxSurge ?? (workload.kind === 'DaemonSet' ? 0 : '25%');
  const replicas = workload.kind === 'DaemonSet' ? pods : Number(spec.replicas ?? 1);
  const mayGo = Math.max(scaled(unavailable, replicas, Math.floor), scaled(surge, replicas, Math.ceil) === 0 ? 1 : 0);
  return mayGo === 0
    ? `none before a new one is ready (maxUnavailable ${unavailable} of ${replicas} is 0)`
    : `${mayGo} before new ones are ready (maxUnavailable ${unavailable} of ${replicas})`;
}

/** A share of a workload's replicas is rounded down where pods go, up where they come. Source: k8s.io/kubectl deployment util ResolveFenceposts. */
function scaled(value: number | string, replicas: number, round: (share: number) => number): number {
  return typeof value === 'number' ? value : round((Number(value.replace('%', '')) / 100) * replicas);
}
