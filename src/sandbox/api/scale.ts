import { invalid } from '../kinds/field-error.ts';
import type { ResourceType, ScalePaths } from '../kinds/resource-type.ts';
import { invalidObject } from '../registry/api-errors.ts';
import { at, isObject } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { formatSelector, type LabelSelector } from '../registry/selectors.ts';
import { StatusError } from '../registry/status-error.ts';

/** autoscaling/v1 Scale, the view of a workload that `kubectl scale` reads and writes. */
export function scaleOf(type: ResourceType, object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const paths = type.scale as ScalePaths;
  const selector = type.custom
    ? paths.labelSelector && at(object, paths.labelSelector)
    : formatSelector(object.spec?.selector as LabelSelector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as KubeObject['metadata'],
    spec: { replicas: at(object, paths.specReplicas) ?? 0 },
    status: { replicas: at(object, paths.statusReplicas) ?? 0, ...(selector ? { selector } : {}) },
  };
}

/** The workload with the replicas of a Scale. @throws StatusError Invalid, Conflict. */
export function withScale(type: ResourceType, object: KubeObject, given: unknown): KubeObject {
  const scale = given as KubeObject;
  if (!isObject(given) || (scale.kind !== undefined && scale.kind !== 'Scale')) {
    throw new StatusError(
      'BadRequest',
      `expected input object type to be Scale, but got ${isObject(given) ? scale.kind : typeof given}`,
    );
  }
  const replicas = scale.spec?.replicas ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0) {
    throw invalidObject({ plural: 'scales', group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [
      invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const draft = structuredClone(object);
  const keys = (type.scale as ScalePaths).specReplicas.split('.').filter(Boolean);
  let target: Record<string, unknown> = draft;
  for (const key of keys.slice(0, -1)) {
    target[key] ??= {};
    target = target[key] as Record<string, unknown>;
  }
  target[keys.at(-1) as string] = replicas;
  if (scale.metadata?.resourceVersion) draft.metadata.resourceVersion = scale.metadata.resourceVersion;
  else delete draft.metadata.resourceVersion;
  return draft;
}
