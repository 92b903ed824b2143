import type { Container, ResourceFieldSelector } from 'kubernetes-types/core/v1.js';
import type { KubeObject } from '../registry/resources.ts';
import type { NodeFacts } from './environment.ts';
import { quantity } from './quantity.ts';

/** Labels or annotations as the downward API writes them into a file: `key="value"` lines, sorted. */
function mapText(map: Record<string, string> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** The value of a `fieldRef`; '' for a path that has none. */
export function fieldValue(path: string, pod: KubeObject, podIP: string, node: NodeFacts): string {
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (subscript) return pod.metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2] as string] ?? '';
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(pod.metadata.labels);
    case 'metadata.annotations':
      return mapText(pod.metadata.annotations);
    case 'spec.nodeName':
      return node.name;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return node.address;
    case 'status.podIP':
    case 'status.podIPs':
      return podIP;
    default:
      return '';
  }
}

/** The value of a `resourceFieldRef`: the request or limit in units of the divisor, rounded up; without a limit the node's capacity. */
export function resourceFieldValue(
  selector: ResourceFieldSelector,
  pod: KubeObject,
  container: Container,
  node: NodeFacts,
): string {
  const target: Container = selector.containerName
    ? (pod.spec.containers.find(({ name }: Container) => name === selector.containerName) ?? container)
    : container;
  const [kind, resource] = selector.resource.split('.') as ['limits' | 'requests', string];
  const declared = target.resources?.[kind]?.[resource];
  const capacity = resource === 'cpu' ? node.cpus : resource === 'memory' ? node.memoryBytes : 0;
  const value = declared === undefined ? (kind === 'limits' ? capacity : 0) : quantity(declared);
  const divisor = quantity(selector.divisor === undefined || String(selector.divisor) === '0' ? '1' : selector.divisor) || 1;
  return String(Math.ceil(value / divisor - 1e-9));
}
