import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { type ControlLoop, type ControllerContext, isNamespaceTerminating, MANAGER, startControlLoop } from './control-loop.ts';
import { controllerReference, keyOf, splitKey } from './owner.ts';
import { isPodReady, isPodTerminating } from './pod-state.ts';
import {
  hasManagedEndpoints,
  hostnameOf,
  isHeadless,
  podReference,
  podsBehind,
  targetPort,
  wakeServicesOf,
} from './service-endpoints.ts';
import type { Pod, Service } from './types.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const HEADLESS = 'service.kubernetes.io/headless';
const MANAGER_NAME = 'endpointslice-controller.k8s.io';
const MAX_ENDPOINTS = 100;

interface Endpoint {
  addresses: string[];
  conditions: { ready: boolean; serving: boolean; terminating: boolean };
  hostname?: string;
  nodeName?: string;
  targetRef: { uid: string };
}

interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints: Endpoint[];
  ports: Record<string, unknown>[];
}

/** EndpointSlices of every Service that selects pods, at most 100 endpoints each (staging/src/k8s.io/endpointslice). */
export function startEndpointSliceController(context: ControllerContext): ControlLoop {
  return startControlLoop({
    name: 'endpointslice',
    context,
    sync: key => syncSlices(context, key),
    watches: {
      services: ({ object }, queue) => queue.add(keyOf(object)),
      pods: (event, queue) => wakeServicesOf(context, event, queue),
      'endpointslices.discovery.k8s.io': ({ type, object }, queue) => {
        const service = object.metadata.labels?.[SERVICE_NAME];
        if (type === 'DELETED' && service && isOurs(object)) queue.add(`${object.metadata.namespace}/${service}`);
      },
    },
  });
}

const isOurs = (slice: KubeObject): boolean => slice.metadata.labels?.[MANAGED_BY] === MANAGER_NAME;

function syncSlices(context: ControllerContext, key: string): void {
  const { namespace, name } = splitKey(key);
  const service = context.resources.get<Service>('services', namespace, name);
  if (!service || service.metadata.deletionTimestamp !== undefined || !hasManagedEndpoints(service)) return;
  const existing = context.resources
    .list<EndpointSlice>('endpointslices.discovery.k8s.io', { namespace })
    .filter(slice => isOurs(slice) && slice.metadata.labels?.[SERVICE_NAME] === name);
  const plan = desired(service, podsBehind(context, service, true)).flatMap(({ ports, endpoints }) => {
    const same = existing.filter(
      slice => equal(slice.ports, ports) && slice.metadata.ownerReferences?.[0]?.uid === service.metadata.uid,
    );
    return fill(same, endpoints).map(part => ({ ports, ...part }));
  });
  const unused = new Set(existing.filter(slice => !plan.some(part => part.slice === slice)));
  const labels = sliceLabels(service);
  for (const { slice, ports, endpoints } of plan) {
    // As upstream, one that would be deleted is rather given new content than replaced.
    const [spare] = slice ? [] : unused;
    if (spare) unused.delete(spare);
    write(context, service, slice ?? spare, { ports, endpoints, labels });
  }
  for (const slice of unused) context.resources.delete('endpointslices.discovery.k8s.io', namespace, slice.metadata.name);
}

interface Part {
  slice: EndpointSlice | undefined;
  endpoints: Endpoint[];
}

/** Endpoints stay in the slice and place that they have; new ones go to the first slice with room. */
function fill(slices: EndpointSlice[], endpoints: Endpoint[]): Part[] {
  const waiting = new Map(endpoints.map(endpoint => [endpoint.targetRef.uid, endpoint]));
  const take = (uid: string): Endpoint[] => {
    const endpoint = waiting.get(uid);
    waiting.delete(uid);
    return endpoint ? [endpoint] : [];
  };
  const parts: Part[] = slices.map(slice => ({
    slice,
    endpoints: slice.endpoints.flatMap(endpoint => take(endpoint.targetRef?.uid)),
  }));
  for (const endpoint of waiting.values()) {
    let part = parts.find(each => each.endpoints.length < MAX_ENDPOINTS);
    if (!part) {
      part = { slice: undefined, endpoints: [] };
      parts.push(part);
    }
    part.endpoints.push(endpoint);
  }
  const used = parts.filter(part => part.endpoints.length > 0);
  return used.length > 0 ? used : [parts[0] ?? { slice: undefined, endpoints: [] }];
}

function write(
  context: ControllerContext,
  service: Service,
  slice: EndpointSlice | undefined,
  { ports, endpoints, labels }: { ports: Record<string, unknown>[]; endpoints: Endpoint[]; labels: Record<string, string> },
): void {
  const { resources } = context;
  try {
    if (slice) {
      if (equal(slice.endpoints, endpoints) && equal(slice.ports, ports) && equal(slice.metadata.labels, labels)) return;
      resources.update({ ...slice, metadata: { ...slice.metadata, labels }, endpoints, ports }, MANAGER);
      return;
    }
    resources.create<EndpointSlice>(
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: '',
          generateName: `${service.metadata.name}-`,
          namespace: service.metadata.namespace ?? '',
          labels,
          ownerReferences: [controllerReference(service)],
        },
        addressType: 'IPv4',
        endpoints,
        ports,
      },
      MANAGER,
    );
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
}

/** Endpoints by the ports that they have; without any, the one empty slice that every Service has. */
function desired(service: Service, pods: Pod[]): { ports: Record<string, unknown>[]; endpoints: Endpoint[] }[] {
  const groups = new Map<string, { ports: Record<string, unknown>[]; endpoints: Endpoint[] }>();
  for (const pod of pods) {
    const ports = (service.spec.ports ?? []).flatMap(port => {
      const number = targetPort(pod, port);
      const { name = '', protocol = 'TCP', appProtocol } = port;
      return number === undefined ? [] : [{ name, port: number, protocol, ...(appProtocol ? { appProtocol } : {}) }];
    });
    const id = JSON.stringify(ports);
    const group: { ports: Record<string, unknown>[]; endpoints: Endpoint[] } = groups.get(id) ?? { ports, endpoints: [] };
    groups.set(id, group);
    group.endpoints.push(endpoint(pod, service));
  }
  return groups.size ? [...groups.values()] : [{ ports: [], endpoints: [] }];
}

function endpoint(pod: Pod, service: Service): Endpoint {
  const serving = isPodReady(pod);
  const terminating = isPodTerminating(pod);
  const hostname = hostnameOf(pod, service);
  return {
    addresses: (pod.status?.podIPs ?? [{ ip: pod.status?.podIP ?? '' }]).map(({ ip }) => ip),
    conditions: { ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating), serving, terminating },
    ...(hostname ? { hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: podReference(pod),
  };
}

function sliceLabels(service: Service): Record<string, string> {
  const { [SERVICE_NAME]: _, [MANAGED_BY]: __, [HEADLESS]: ___, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
    [SERVICE_NAME]: service.metadata.name,
    [MANAGED_BY]: MANAGER_NAME,
  };
}
