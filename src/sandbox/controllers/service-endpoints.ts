/** What Endpoints and EndpointSlices have in common: which pods stand behind a Service, and on which ports. */
import { equal } from '../registry/json.ts';
import type { KubeObject, WatchEvent } from '../registry/resources.ts';
import type { ControllerContext } from './control-loop.ts';
import { hasLabels } from './label-selector.ts';
import { keyOf } from './owner.ts';
import { isPodReady, isPodTerminal, isPodTerminating } from './pod-state.ts';
import type { Pod, Service, ServicePort } from './types.ts';
import type { WorkQueue } from './work-queue.ts';

/** Such a Service gets endpoints from us; others bring their own. */
export const hasManagedEndpoints = (service: Service): boolean =>
  service.spec.type !== 'ExternalName' && service.spec.selector !== undefined;

export const isHeadless = (service: Service): boolean => service.spec.clusterIP === 'None' || !service.spec.clusterIP;

/** Pods that the Service selects, and that have an address (ShouldPodBeInEndpoints). */
export function podsBehind(context: ControllerContext, service: Service, includeTerminating: boolean): Pod[] {
  return context.resources
    .list<Pod>('pods', { namespace: service.metadata.namespace, labels: labels => hasLabels(labels, service.spec.selector) })
    .filter(pod => !isPodTerminal(pod) && pod.status?.podIP && (includeTerminating || !isPodTerminating(pod)));
}

/** The number behind targetPort; undefined when it is a name that the pod does not have (FindPort). */
export function targetPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  const sidecars = (pod.spec.initContainers ?? []).filter(
    (container: { restartPolicy?: string }) => container.restartPolicy === 'Always',
  );
  for (const container of [...(pod.spec.containers ?? []), ...sidecars]) {
    for (const each of container.ports ?? []) {
      if (each.name === target && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP')) return each.containerPort;
    }
  }
  return undefined;
}

/** The name under which the pod is known in the Service's domain. */
export const hostnameOf = (pod: Pod, service: Service): string | undefined =>
  pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;

/** Wakes the Services that a change of a pod concerns, as it was and as it is. */
export function wakeServicesOf(context: ControllerContext, { object, previous }: WatchEvent, queue: WorkQueue): void {
  const pod = object as Pod;
  const before = previous as Pod | undefined;
  const relabeled = before !== undefined && !equal(before.metadata.labels, pod.metadata.labels);
  const gone = !context.resources.get('pods', pod.metadata.namespace, pod.metadata.name);
  if (before && !gone && !relabeled && !hasEndpointChanged(before, pod)) return;
  for (const service of context.resources.list<Service>('services', { namespace: pod.metadata.namespace })) {
    if (!hasManagedEndpoints(service)) continue;
    const selector = service.spec.selector;
    if (hasLabels(pod.metadata.labels, selector) || (relabeled && hasLabels(before.metadata.labels, selector)))
      queue.add(keyOf(service));
  }
}

const hasEndpointChanged = (before: Pod, now: Pod): boolean =>
  before.metadata.deletionTimestamp !== now.metadata.deletionTimestamp ||
  isPodReady(before) !== isPodReady(now) ||
  isPodTerminal(before) !== isPodTerminal(now) ||
  !equal(before.status?.podIPs, now.status?.podIPs);

export const podReference = (pod: KubeObject) => ({
  kind: 'Pod',
  namespace: pod.metadata.namespace ?? '',
  name: pod.metadata.name,
  uid: pod.metadata.uid ?? '',
});
