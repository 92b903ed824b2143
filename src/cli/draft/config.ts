import { stringify } from 'yaml';
import type { FoundWorkload } from './workloads.ts';

/** `rehearse.yaml` with the opt-in of one namespace and a target for each workload. */
export function draftConfig(
  place: { context: string; server: string; namespace: string },
  workloads: readonly FoundWorkload[],
): string {
  const { context, server, namespace } = place;
  const value = (data: unknown) => stringify(data, { lineWidth: 0 }).trimEnd();
  return `${[
    '# Where drills may run, and the workloads that scenarios can be bound to: rehearse run SCENARIO --target NAME',
    'apiVersion: rehearse.dev/v1',
    'kind: Config',
    '',
    '# Everything that is not named here is refused. An admin of the namespace opts in as well:',
    `#   kubectl label namespace ${namespace} rehearse.dev/staging=true`,
    value({ staging: [{ context, server, namespaces: [namespace] }] }),
    '',
    'targets:',
    ...workloads.flatMap(found => target(found, context, namespace, value)),
  ].join('\n')}\n`;
}

function target(found: FoundWorkload, context: string, namespace: string, value: (data: unknown) => string): string[] {
  const { name, workload, containers, probe, probeSource } = found;
  const lines = value({
    [name]: { context, namespace, workload, ...(containers.length > 1 ? { container: containers[0] } : {}) },
  }).split('\n');
  if (containers.length > 1) lines.push(`  # its other containers: ${containers.slice(1).join(', ')}`);
  if (probe) {
    lines.push(
      probeSource === undefined
        ? '  # CHANGE ME: a path that users ask for and that is answered with 200.'
        : `  # The path is that of its ${probeSource}; better is one that users ask for, with all that stands behind it.`,
      ...value({ probe: { service: probe.service, port: probe.port, path: probe.path } })
        .split('\n')
        .map(line => `  ${line}`),
    );
  } else {
    lines.push('  # No Service leads to it: only what Kubernetes shows of it tells that it is broken.');
  }
  return lines.map(line => `  ${line}`);
}
