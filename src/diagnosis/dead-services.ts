import type { RawObject } from '../rehearsal/ports.ts';

interface Port {
  name?: string;
  port: number;
  targetPort?: number | string;
}

interface ContainerPort {
  name?: string;
  containerPort: number;
}

/** Services that lead nowhere, with why: a selector that no pod has, or a port that none of the selected pods declares. */
export function deadServices(services: readonly RawObject[], pods: readonly RawObject[]): Map<string, string> {
  const dead = new Map<string, string>();
  for (const service of services) {
    const { selector, ports = [], type } = service['spec'] ?? {};
    // Without a selector somebody else keeps its endpoints; with an external name it needs none.
    if (!selector || Object.keys(selector).length === 0 || type === 'ExternalName') continue;
    const selected = pods.filter(
      pod =>
        !pod.metadata.deletionTimestamp && Object.entries(selector).every(([key, value]) => pod.metadata.labels?.[key] === value),
    );
    const why =
      selected.length === 0 ? `no pod has the labels that it selects (${labels(selector)})` : wrongPort(ports, selected);
    if (why) dead.set(service.metadata.name, why);
  }
  return dead;
}

const labels = (selector: Record<string, string>) =>
  Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** Ports need not be declared: pods that declare none tell nothing. */
function wrongPort(ports: readonly Port[], pods: readonly RawObject[]): string | undefined {
  const declared = pods.flatMap(pod =>
    (pod['spec']?.containers ?? []).flatMap((container: { ports?: ContainerPort[] }) => container.ports ?? []),
  ) as ContainerPort[];
  if (declared.length === 0) return undefined;
  const wrong = ports.find(({ port, targetPort = port }) =>
    typeof targetPort === 'number'
      ? !declared.some(({ containerPort }) => containerPort === targetPort)
      : !declared.some(({ name }) => name === targetPort),
  );
  return wrong ? `its port ${wrong.port} leads to port ${wrong.targetPort ?? wrong.port}, which its pods do not have` : undefined;
}
