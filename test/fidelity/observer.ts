/** Watches a namespace of any cluster from outside, and records what changes. */
import { type KubeConfig, Watch } from '@kubernetes/client-node';

const PATHS = [
  'apis/apps/v1/namespaces/NS/deployments',
  'apis/apps/v1/namespaces/NS/replicasets',
  'apis/apps/v1/namespaces/NS/statefulsets',
  'apis/apps/v1/namespaces/NS/daemonsets',
  'apis/batch/v1/namespaces/NS/jobs',
  'api/v1/namespaces/NS/pods',
  'api/v1/namespaces/NS/events',
  'apis/discovery.k8s.io/v1/namespaces/NS/endpointslices',
];

/** Longest wait for a change to complete, ms. */
const PATIENCE_MS = 120_000;

// biome-ignore lint/suspicious/noExplicitAny: any object of the API
export type Observed = any;

export interface Sighting {
  /** ms since the observer started, by its own monotonic clock. */
  at: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: Observed;
}

export interface Observer {
  sightings: Sighting[];
  /** ms since the observer started. */
  now(): number;
  /**
   * Resolves when nothing new happened for `quietMs`, at the earliest after `leastMs`; with `complete` not before every workload has what it
   * wants and no pod is coming or going. After two minutes it gives up waiting, and the story shows what is missing.
   */
  settle(options: { leastMs: number; quietMs: number; complete: boolean }): Promise<void>;
  stop(): void;
}

export async function observe(config: KubeConfig, namespace: string): Promise<Observer> {
  const sightings: Sighting[] = [];
  const start = performance.now();
  let last = start;
  const watch = new Watch(config);
  const controllers = await Promise.all(
    PATHS.map(path =>
      watch.watch(
        `/${path.replace('NS', namespace)}`,
        {},
        (type: string, object: Observed) => {
          if (type === 'BOOKMARK') return;
          last = performance.now();
          sightings.push({ at: last - start, type: type as Sighting['type'], object });
        },
        () => {},
      ),
    ),
  );
  const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
  return {
    sightings,
    now: () => performance.now() - start,
    async settle({ leastMs, quietMs, complete }) {
      const begin = performance.now();
      await pause(leastMs);
      while (performance.now() - begin < PATIENCE_MS) {
        const isQuiet = performance.now() - last >= quietMs;
        if (complete ? isQuiet && isComplete(sightings) : isQuiet || performance.now() - begin > leastMs * 2) return;
        await pause(100);
      }
    },
    stop() {
      for (const controller of controllers) controller.abort();
    },
  };
}

/** Every workload has what it wants, and every pod is there to stay. */
function isComplete(sightings: Sighting[]): boolean {
  const live = new Map<string, Observed>();
  for (const { type, object } of sightings) {
    const key = `${object.kind}/${object.metadata.name}`;
    if (type === 'DELETED') live.delete(key);
    else live.set(key, object);
  }
  return [...live.values()].every(object => {
    const { spec = {}, status = {}, metadata } = object;
    if (object.kind === 'Pod') {
      const isReady = (status.conditions ?? []).some((each: Observed) => each.type === 'Ready' && each.status === 'True');
      return !metadata.deletionTimestamp && (isReady || status.phase === 'Succeeded' || status.phase === 'Failed');
    }
    if (object.kind === 'Job')
      return (status.conditions ?? []).some((each: Observed) => each.type === 'Complete' || each.type === 'Failed');
    if (!object.apiVersion.startsWith('apps/')) return true;
    if ((status.observedGeneration ?? 0) < metadata.generation) return false;
    if (object.kind === 'DaemonSet')
      return status.numberAvailable === status.desiredNumberScheduled && status.updatedNumberScheduled > 0;
    if (object.kind !== 'Deployment' && object.kind !== 'StatefulSet') return true;
    const counts = [status.replicas, status.availableReplicas, ...(object.kind === 'Deployment' ? [status.updatedReplicas] : [])];
    return counts.every(count => (count ?? 0) === spec.replicas);
  });
}
