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
  /** Resolves when nothing happened for `quietMs`, at the earliest after `leastMs`, at the latest after twice that. */
  settle(leastMs: number, quietMs: number): Promise<void>;
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
    async settle(leastMs, quietMs) {
      const begin = performance.now();
      await pause(leastMs);
      while (performance.now() - last < quietMs && performance.now() - begin < leastMs * 2) await pause(100);
    },
    stop() {
      for (const controller of controllers) controller.abort();
    },
  };
}
