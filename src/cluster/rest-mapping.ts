/** Which URL a kind has. Known kinds need no request; others are looked up in the server's discovery and remembered. */
import type { ObjectRef } from '../record/events.ts';
import { KubernetesError } from './kubernetes-error.ts';

export interface RestMapping {
  plural: string;
  namespaced: boolean;
}

const NAMESPACED = {
  v1: {
    ConfigMap: 'configmaps',
    Endpoints: 'endpoints',
    Event: 'events',
    Pod: 'pods',
    Secret: 'secrets',
    Service: 'services',
    ServiceAccount: 'serviceaccounts',
    PersistentVolumeClaim: 'persistentvolumeclaims',
  },
  'apps/v1': {
    ControllerRevision: 'controllerrevisions',
    DaemonSet: 'daemonsets',
    Deployment: 'deployments',
    ReplicaSet: 'replicasets',
    StatefulSet: 'statefulsets',
  },
  'autoscaling/v2': { HorizontalPodAutoscaler: 'horizontalpodautoscalers' },
  'batch/v1': { CronJob: 'cronjobs', Job: 'jobs' },
  'coordination.k8s.io/v1': { Lease: 'leases' },
  'discovery.k8s.io/v1': { EndpointSlice: 'endpointslices' },
  'policy/v1': { PodDisruptionBudget: 'poddisruptionbudgets' },
} as const;

const CLUSTER_WIDE = { v1: { Namespace: 'namespaces', Node: 'nodes' } } as const;

const known = new Map<string, RestMapping>();
for (const [namespaced, groups] of [
  [true, NAMESPACED],
  [false, CLUSTER_WIDE],
] as const) {
  for (const [apiVersion, kinds] of Object.entries(groups)) {
    for (const [kind, plural] of Object.entries(kinds as Record<string, string>))
      known.set(`${apiVersion}/${kind}`, { plural, namespaced });
  }
}

/** `/api/v1` or `/apis/group/version`. */
function apiRoot(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** @param discover gets the APIResourceList at a path. */
export function createRestMapper(
  discover: (path: string) => Promise<{ resources?: { name: string; kind: string; namespaced: boolean }[] }>,
) {
  const found = new Map<string, RestMapping>();
  return async ({ apiVersion, kind }: { apiVersion: string; kind: string }): Promise<RestMapping> => {
    const key = `${apiVersion}/${kind}`;
    const cached = known.get(key) ?? found.get(key);
    if (cached) return cached;
    const path = apiRoot(apiVersion);
    const { resources = [] } = await discover(path);
    const resource = resources.find(candidate => candidate.kind === kind && !candidate.name.includes('/'));
    if (!resource)
      throw new KubernetesError({
        status: 404,
        reason: 'NotFound',
        message: `the server has no kind ${kind} in ${apiVersion}`,
        method: 'GET',
        path,
        hint: '`kubectl api-resources` lists what there is',
      });
    const mapping = { plural: resource.name, namespaced: resource.namespaced };
    found.set(key, mapping);
    return mapping;
  };
}

/** Path of a collection, or of all namespaces' when `namespace` is left out. */
export function collectionPath(apiVersion: string, mapping: RestMapping, namespace: string | undefined): string {
  const scope = mapping.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${apiRoot(apiVersion)}${scope}/${mapping.plural}`;
}

export function objectPath(ref: ObjectRef, mapping: RestMapping): string {
  return `${collectionPath(ref.apiVersion, mapping, ref.namespace)}/${encodeURIComponent(ref.name)}`;
}
