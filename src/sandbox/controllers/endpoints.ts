import { equal } from '../registry/json.ts';
import { type ControlLoop, type ControllerContext, isNamespaceTerminating, MANAGER, startControlLoop } from './control-loop.ts';
import { keyOf, splitKey } from './owner.ts';
import { isPodReady } from './pod-state.ts';
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

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const HEADLESS = 'service.kubernetes.io/headless';

/** Endpoints of every Service that selects pods (pkg/controller/endpoint). */
export function startEndpointsController(context: ControllerContext): ControlLoop {
  return startControlLoop({
    name: 'endpoints',
    context,
    sync: key => syncEndpoints(context, key),
    watches: {
      services: ({ object }, queue) => queue.add(keyOf(object)),
      pods: (event, queue) => wakeServicesOf(context, event, queue),
      endpoints: ({ type, object }, queue) => {
        if (type === 'DELETED') queue.add(keyOf(object));
      },
    },
  });
}

function syncEndpoints(context: ControllerContext, key: string): void {
  const { resources } = context;
  const { namespace, name } = splitKey(key);
  const service = resources.get<Service>('services', namespace, name);
  if (!service) {
    resources.delete('endpoints', namespace, name);
    return;
  }
  if (!hasManagedEndpoints(service)) return;
  const found = subsets(service, podsBehind(context, service, service.spec.publishNotReadyAddresses === true));
  const labels = {
    ...service.metadata.labels,
    ...(isHeadless(service) ? { [HEADLESS]: '' } : {}),
    [MANAGED_BY]: 'endpoint-controller',
  };
  const current = resources.get('endpoints', namespace, name);
  if (current && equal(current.subsets ?? [], found) && equal(current.metadata.labels, labels)) return;
  const content = found.length ? { subsets: found } : {};
  try {
    if (current) {
      const { subsets: _, ...rest } = current;
      resources.update({ ...rest, metadata: { ...current.metadata, labels }, ...content }, MANAGER);
    } else {
      resources.create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace, labels }, ...content }, MANAGER);
    }
  } catch (error) {
    if (!isNamespaceTerminating(error)) throw error;
  }
}

interface Address {
  ip: string;
  hostname?: string;
  nodeName?: string;
  targetRef: ReturnType<typeof podReference>;
}

/** Addresses of pods with the same ports go together, ready ones apart from others; sorted as RepackSubsets does. */
function subsets(service: Service, pods: Pod[]): Record<string, unknown>[] {
  const groups = new Map<string, { ports: Record<string, unknown>[]; addresses: Address[]; notReadyAddresses: Address[] }>();
  for (const pod of pods) {
    const ports = (service.spec.ports ?? []).flatMap(port => {
      const number = targetPort(pod, port);
      if (number === undefined) return [];
      const { name, protocol = 'TCP', appProtocol } = port;
      return [{ ...(name ? { name } : {}), port: number, protocol, ...(appProtocol ? { appProtocol } : {}) }];
    });
    if (ports.length === 0 && !((service.spec.ports ?? []).length === 0 && isHeadless(service))) continue;
    const id = JSON.stringify(ports);
    const group = groups.get(id) ?? { ports, addresses: [], notReadyAddresses: [] };
    groups.set(id, group);
    const isReady = service.spec.publishNotReadyAddresses === true || isPodReady(pod);
    (isReady ? group.addresses : group.notReadyAddresses).push(address(pod, service));
  }
  return [...groups.values()].map(({ ports, addresses, notReadyAddresses }) => ({
    ...(addresses.length ? { addresses: addresses.sort(byAddress) } : {}),
    ...(notReadyAddresses.length ? { notReadyAddresses: notReadyAddresses.sort(byAddress) } : {}),
    ...(ports.length ? { ports } : {}),
  }));
}

function address(pod: Pod, service: Service): Address {
  const hostname = hostnameOf(pod, service);
  return {
    ip: pod.status?.podIP ?? '',
    ...(hostname ? { hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: podReference(pod),
  };
}

const byAddress = (a: Address, b: Address): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);
