import { objectDiff } from '../cluster/diff.ts';
import { routingChanges } from '../cluster/services.ts';
import { refOf, shortName } from '../cluster/workloads.ts';
import type { ObjectRef } from '../record/events.ts';
import type { PlannedChange, RawObject, RoleContext } from '../rehearsal/ports.ts';
import type { FaultSpec } from '../scenario/schema.ts';
import { attempt, readTarget, refused } from './planned.ts';

type ServiceSpec = Extract<FaultSpec, { kind: 'service' }>;

interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
}

/** @throws RehearseError when the scenario names no Service. */
export function faultedService(spec: ServiceSpec, namespace: string): ObjectRef {
  if (spec.service === undefined)
    throw refused('a fault of kind service needs a `service`', 'name one, or give the first probe a service');
  return { apiVersion: 'v1', kind: 'Service', namespace, name: spec.service };
}

/** A Service that leads nowhere: its selector or a target port changed, as by a mistyped manifest. */
export async function planService(
  context: RoleContext,
  spec: ServiceSpec,
): Promise<{ changes: PlannedChange[]; summary: string }> {
  await readTarget(context);
  const ref = faultedService(spec, context.namespace);
  const before = await context.cluster.get(ref);
  if (!before)
    throw refused(
      `service/${ref.name} does not exist in namespace ${context.namespace}`,
      `\`kubectl -n ${context.namespace} get services\` lists what does`,
    );
  const selector = changedSelector(before, spec, context);
  const ports = changedPorts(before, spec);
  const patch = [
    { op: 'test', path: '/metadata/uid', value: before.metadata.uid },
    { op: 'test', path: '/spec/selector', value: before['spec'].selector },
    { op: 'test', path: '/spec/ports', value: before['spec'].ports },
    { op: 'replace', path: '/spec/selector', value: selector },
    { op: 'replace', path: '/spec/ports', value: ports },
  ];
  const object = refOf(before);
  const after = await attempt(object, () => context.cluster.patch(object, patch, 'json', { dryRun: true }));
  const changed = routingChanges(before, after);
  if (changed.length === 0)
    throw refused(
      `the fault changes nothing: ${shortName(object)} already is like this`,
      'was an earlier drill not restored? `rehearse restore` puts it back',
    );
  return {
    changes: [{ object, action: 'update', diff: objectDiff(before, after), before, after, patch }],
    summary: `service ${object.name}: ${changed.join(', ')}`,
  };
}

function changedSelector(service: RawObject, spec: ServiceSpec, context: RoleContext): Record<string, string> {
  const selector: Record<string, string> | undefined = service['spec']?.selector;
  if (!selector)
    throw refused(
      `service/${service.metadata.name} has no selector: its endpoints are kept by hand`,
      `name a Service that selects the pods of ${shortName(context.target)}`,
    );
  const changed = { ...selector };
  for (const [label, value] of Object.entries(spec.selector ?? {})) {
    if (value === null && !(label in changed))
      throw refused(`the selector of service/${service.metadata.name} has no label ${label} to remove`);
    if (value === null) delete changed[label];
    else changed[label] = value;
  }
  // Without one, the API server leaves the endpoints as they are: nothing would break.
  if (Object.keys(changed).length === 0)
    throw refused('the fault would leave the Service without a selector', 'set a label instead of removing the last one');
  return changed;
}

function changedPorts(service: RawObject, spec: ServiceSpec): ServicePort[] {
  const ports: ServicePort[] = structuredClone(service['spec']?.ports ?? []);
  const port = spec.port === undefined ? ports[0] : ports.find(({ name, port: number }) => [name, number].includes(spec.port));
  if (!port)
    throw refused(
      `service/${service.metadata.name} has no port ${spec.port ?? 'at all'}`,
      `it has: ${ports.map(({ name, port: number }) => name ?? number).join(', ')}`,
    );
  if (spec.targetPort !== undefined) port.targetPort = spec.targetPort;
  return ports;
}
