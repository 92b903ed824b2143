import { isReady } from '../cluster/workloads.ts';
import type { Cluster, RawObject } from '../rehearsal/ports.ts';
import { type MetricSample, parseMetrics } from './prometheus-text.ts';

const SCRAPE = 'prometheus.io/scrape';

/** Gets a pod's metrics through the API server, as its `prometheus.io/*` annotations say. Undefined when there are none or it does not answer. */
export function createScraper(options: { cluster: Cluster; namespace: string; signal: AbortSignal; timeoutMs: number }) {
  const { cluster, namespace, signal, timeoutMs } = options;
  return async (pod: RawObject): Promise<MetricSample[] | undefined> => {
    const annotations = pod.metadata.annotations ?? {};
    if (annotations[SCRAPE] !== 'true' || pod.metadata.deletionTimestamp || pod['status']?.phase !== 'Running' || !isReady(pod))
      return undefined;
    const port = annotations['prometheus.io/port'] ?? String(pod['spec']?.containers?.[0]?.ports?.[0]?.containerPort ?? '');
    if (!/^\d+$/.test(port)) return undefined;
    const path = annotations['prometheus.io/path'] ?? '/metrics';
    const url = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}:${port}/proxy${path.startsWith('/') ? '' : '/'}${path}`;
    try {
      const response = await cluster.request('GET', url, { headers: { Accept: 'text/plain' }, signal, timeoutMs });
      return response.status === 200 ? parseMetrics(response.body) : undefined;
    } catch {
      // A pod that does not answer is what probes and conditions tell; it has no figures.
      return undefined;
    }
  };
}
