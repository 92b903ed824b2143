/** What of a namespace can be rehearsed, and how its users seem to reach it. */
import type { TargetConfig } from '../../cluster/config.ts';
import { shortName, WORKLOAD_KINDS } from '../../cluster/workloads.ts';
import type { Cluster, RawObject } from '../../rehearsal/ports.ts';

export interface FoundWorkload {
  /** How rehearse.yaml calls it. */
  name: string;
  workload: string;
  containers: string[];
  probe: TargetConfig['probe'];
  /** Where the path of the probe is from, for people. */
  probeSource: string | undefined;
}

interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
  protocol?: string;
}

/** Workloads that run, Deployments first, each with a Service that selects its pods. Reads only. */
export async function findWorkloads(cluster: Cluster, namespace: string): Promise<FoundWorkload[]> {
  const [services, ...lists] = await Promise.all([
    cluster.list({ apiVersion: 'v1', kind: 'Service' }, { namespace }),
    ...WORKLOAD_KINDS.map(kind => cluster.list({ apiVersion: 'apps/v1', kind }, { namespace })),
  ]);
  const workloads = lists
    .flatMap(list => list.items)
    .filter(workload => workload.kind === 'DaemonSet' || (workload['spec']?.replicas ?? 1) > 0);
  const names = workloads.map(workload => workload.metadata.name);
  return workloads.map(workload => {
    const { name } = workload.metadata;
    const alone = names.filter(other => other === name).length === 1;
    // A target's name is a DNS label; a workload's may have dots.
    const label = `${name}${alone ? '' : `-${workload.kind.toLowerCase()}`}`.replaceAll('.', '-').slice(0, 63);
    return {
      name: label,
      workload: shortName({ kind: workload.kind, name }),
      containers: (workload['spec'].template.spec.containers as { name: string }[]).map(container => container.name),
      ...probeOf(workload, services.items),
    };
  });
}

function probeOf(workload: RawObject, services: readonly RawObject[]): Pick<FoundWorkload, 'probe' | 'probeSource'> {
  const labels: Record<string, string> = workload['spec'].template.metadata?.labels ?? {};
  const selects = (service: RawObject) => {
    const selector = Object.entries(service['spec']?.selector ?? {});
    return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
  };
  // A Service with an address of its own is what users are given; a headless one serves peers.
  const found = services.filter(selects).sort((left, right) => headless(left) - headless(right))[0];
  const ports: ServicePort[] = (found?.['spec']?.ports ?? []).filter((port: ServicePort) => (port.protocol ?? 'TCP') === 'TCP');
  const port = ports.find(({ name, port: number }) => name?.startsWith('http') || number === 80) ?? ports[0];
  if (!found || !port) return { probe: undefined, probeSource: undefined };
  const asked = pathOf(workload, port.targetPort ?? port.port);
  return {
    probe: { service: found.metadata.name, port: port.name ?? port.port, path: asked?.path ?? '/', expectStatus: 200 },
    probeSource: asked?.source,
  };
}

const headless = (service: RawObject) => Number(service['spec']?.clusterIP === 'None');

interface Container {
  ports?: { name?: string; containerPort: number }[];
  readinessProbe?: { httpGet?: { path?: string; port: number | string } };
  livenessProbe?: { httpGet?: { path?: string; port: number | string } };
}

/** The path that the kubelet asks on the same port: the one that is known to be answered. */
function pathOf(workload: RawObject, targetPort: number | string): { path: string; source: string } | undefined {
  for (const container of workload['spec'].template.spec.containers as Container[]) {
    const number = (port: number | string) =>
      typeof port === 'number' ? port : container.ports?.find(({ name }) => name === port)?.containerPort;
    for (const source of ['readinessProbe', 'livenessProbe'] as const) {
      const asked = container[source]?.httpGet;
      if (asked && number(asked.port) !== undefined && number(asked.port) === number(targetPort))
        return { path: asked.path ?? '/', source };
    }
  }
  return undefined;
}
