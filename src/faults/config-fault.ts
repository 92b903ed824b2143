import { createHash } from 'node:crypto';
import { objectDiff } from '../cluster/diff.ts';
import { shortName } from '../cluster/workloads.ts';
import type { PlannedChange, RawObject, RoleContext } from '../rehearsal/ports.ts';
import type { FaultSpec } from '../scenario/schema.ts';
import { planTemplate, readTarget, refused } from './planned.ts';

type ConfigSpec = Extract<FaultSpec, { kind: 'config' }>;

/**
 * A changed copy of a ConfigMap, named by a hash of its content as kustomize names them, and the workload pointed at it.
 * The original stays, so a rollback of the workload alone undoes the whole deploy.
 */
export async function planConfig(context: RoleContext, spec: ConfigSpec): Promise<{ changes: PlannedChange[]; summary: string }> {
  const workload = await readTarget(context);
  const source = { apiVersion: 'v1', kind: 'ConfigMap', namespace: context.namespace, name: spec.configMap };
  const original = await context.cluster.get(source);
  if (!original) throw refused(`configmap ${spec.configMap} does not exist in namespace ${context.namespace}`);
  const copy = changedCopy(original, spec);
  const template = structuredClone(workload['spec'].template) as RawObject;
  const references = pointTo(template, spec.configMap, copy.metadata.name);
  if (!references)
    throw refused(
      `${shortName(context.target)} does not use configmap ${spec.configMap}`,
      'name one that its volumes, env or envFrom refer to',
    );
  const created = await context.cluster.create(copy, { dryRun: true });
  const changes: PlannedChange[] = [
    {
      object: { ...source, name: copy.metadata.name },
      action: 'create',
      // Read against the original: what a reviewer wants to know is what differs in the content.
      diff: objectDiff({ ...original, metadata: { ...original.metadata, name: copy.metadata.name } }, created),
      before: undefined,
      after: created,
      create: copy,
    },
    await planTemplate(context, workload, template, `kubectl apply --filename=${context.target.name}.yaml`),
  ];
  const told = Object.entries(spec.data).map(([key, value]) => (value === null ? `${key} removed` : `${key} changed`));
  return {
    changes,
    summary: `configmap of ${context.target.name}: ${spec.configMap} → ${copy.metadata.name} (${told.join(', ')})`,
  };
}

function changedCopy(original: RawObject, spec: ConfigSpec): RawObject {
  const data: Record<string, string> = { ...original['data'] };
  for (const [key, value] of Object.entries(spec.data)) {
    if (value === null && !(key in data))
      throw refused(`configmap ${spec.configMap} has no key ${key} to remove`, `it has: ${Object.keys(data).join(', ')}`);
    if (value === null) delete data[key];
    else data[key] = value;
  }
  const hash = createHash('sha256')
    .update(JSON.stringify(Object.entries(data).sort()))
    .digest('hex')
    .slice(0, 10);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `${spec.configMap}-${hash}`,
      ...(original.metadata.namespace === undefined ? {} : { namespace: original.metadata.namespace }),
      ...(original.metadata.labels ? { labels: original.metadata.labels } : {}),
    },
    data,
    ...(original['binaryData'] ? { binaryData: original['binaryData'] } : {}),
  };
}

/** Points every reference of the template to another ConfigMap; returns how many there were. */
function pointTo(template: RawObject, from: string, to: string): number {
  let count = 0;
  const point = (reference: { name?: string } | undefined) => {
    if (reference?.name !== from) return;
    reference.name = to;
    count++;
  };
  for (const volume of template['spec'].volumes ?? []) {
    point(volume.configMap);
    for (const source of volume.projected?.sources ?? []) point(source.configMap);
  }
  for (const container of [...(template['spec'].initContainers ?? []), ...(template['spec'].containers ?? [])]) {
    for (const source of container.envFrom ?? []) point(source.configMapRef);
    for (const variable of container.env ?? []) point(variable.valueFrom?.configMapKeyRef);
  }
  return count;
}
