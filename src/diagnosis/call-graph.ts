/** Which workload calls which service: from what their configuration names and from what they were seen calling. */
import type { RawObject } from '../rehearsal/ports.ts';
import type { Call } from './observation.ts';

const URL_HOST = /\b[a-z][a-z0-9+.-]*:\/\/(?:[^\s/@]*@)?([a-z0-9.-]+)(?::\d+)?/gi;
const HOST_PORT = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?):\d+$/i;

/** Names of hosts in a text: those of its URLs, or the text itself when it is host:port. */
export function hostsIn(text: string): string[] {
  const hosts = [...text.matchAll(URL_HOST)].map(match => match[1] as string);
  const alone = HOST_PORT.exec(text.trim());
  return [...new Set([...hosts, ...(alone ? [alone[1] as string] : [])].map(host => host.toLowerCase()))].filter(
    host => !/^[\d.]+$/.test(host) && host !== 'localhost',
  );
}

/** The service of this namespace that a host name means; undefined for a name outside of it. */
export function serviceName(host: string, namespace: string): string | undefined {
  const [service = '', ...rest] = host.toLowerCase().replace(/\.$/, '').split('.');
  const domain = rest.join('.');
  const inside = domain === '' || domain === namespace || domain === `${namespace}.svc` || domain.startsWith(`${namespace}.svc.`);
  return inside ? service : undefined;
}

/** Every text of a pod template that may name a service: environment, arguments, and the ConfigMaps that it uses. */
function textsOf(template: RawObject, configMaps: ReadonlyMap<string, RawObject>): string[] {
  const texts: string[] = [];
  const config = (name: string | undefined, key?: string) => {
    const data: Record<string, string> = configMaps.get(name ?? '')?.['data'] ?? {};
    texts.push(...(key === undefined ? Object.values(data) : [data[key] ?? '']));
  };
  for (const container of [...(template['spec']?.initContainers ?? []), ...(template['spec']?.containers ?? [])]) {
    texts.push(...(container.args ?? []), ...(container.command ?? []));
    for (const variable of container.env ?? []) {
      if (variable.value !== undefined) texts.push(variable.value);
      const reference = variable.valueFrom?.configMapKeyRef;
      if (reference) config(reference.name, reference.key);
    }
    for (const source of container.envFrom ?? []) config(source.configMapRef?.name);
  }
  for (const volume of template['spec']?.volumes ?? []) config(volume.configMap?.name);
  return texts;
}

export interface GraphNode {
  name: string;
  template: RawObject;
  /** Hosts that it was seen calling. */
  seen: readonly string[];
}

/**
 * The calls between workloads. A shared ConfigMap names the services of everybody, so what it names counts only for
 * workloads of which no call was seen; environment and seen calls always count.
 */
export function callGraph(
  nodes: readonly GraphNode[],
  services: readonly RawObject[],
  configMaps: ReadonlyMap<string, RawObject>,
  namespace: string,
): Call[] {
  const behind = new Map<string, string[]>();
  for (const service of services) {
    const selector: Record<string, string> = service['spec']?.selector ?? {};
    const entries = Object.entries(selector);
    behind.set(
      service.metadata.name,
      entries.length
        ? nodes
            .filter(node => entries.every(([key, value]) => node.template.metadata?.labels?.[key] === value))
            .map(node => node.name)
        : [],
    );
  }
  const calls = new Map<string, Call>();
  for (const node of nodes) {
    const own = textsOf(node.template, new Map());
    const texts = node.seen.length > 0 ? own : textsOf(node.template, configMaps);
    for (const host of new Set([...texts.flatMap(hostsIn), ...node.seen.map(target => target.split(':')[0] as string)])) {
      const service = serviceName(host, namespace);
      if (!service) continue;
      const to = behind.get(service) ?? [];
      if (to.includes(node.name)) continue;
      calls.set(`${node.name} ${service}`, { from: node.name, service, to, unresolved: !behind.has(service) });
    }
  }
  return [...calls.values()];
}

/** The workloads that `name` depends on, near and far, without itself. */
export function dependenciesOf(name: string, calls: readonly Call[]): Set<string> {
  const found = new Set<string>();
  const visit = (from: string) => {
    for (const call of calls) {
      if (call.from !== from) continue;
      for (const to of call.to) {
        if (found.has(to) || to === name) continue;
        found.add(to);
        visit(to);
      }
    }
  };
  visit(name);
  return found;
}
