import type { KubeObject, ResourceName, Resources } from '../registry/resources.ts';
import { selects } from './label-selector.ts';
import { controllerOf, controllerReference } from './owner.ts';
import type { LabelSelector } from './types.ts';

/**
 * What belongs to the controller: keeps what it owns and matches, adopts matching orphans, releases what no longer matches
 * (pkg/controller/controller_ref_manager.go). `also` narrows adoption further, as a StatefulSet does by name.
 */
export function claim<T extends KubeObject>(
  resources: Resources,
  resource: ResourceName,
  owner: KubeObject & { spec: { selector?: LabelSelector } },
  candidates: T[],
  also: (object: T) => boolean = () => true,
): T[] {
  const claimed: T[] = [];
  const { uid, deletionTimestamp } = owner.metadata;
  for (const object of candidates) {
    const current = controllerOf(object);
    const matches = selects(owner.spec.selector, object.metadata.labels) && also(object);
    if (current) {
      if (current.uid !== uid) continue;
      if (matches) claimed.push(object);
      else if (deletionTimestamp === undefined) release(resources, resource, object, uid);
      continue;
    }
    if (deletionTimestamp !== undefined || !matches || object.metadata.deletionTimestamp !== undefined) continue;
    const adopted = adopt(resources, resource, object, owner);
    if (adopted) claimed.push(adopted);
  }
  return claimed;
}

function release(resources: Resources, resource: ResourceName, object: KubeObject, uid: string | undefined): void {
  resources.modify(
    resource,
    object.metadata.namespace,
    object.metadata.name,
    draft => {
      const rest = (draft.metadata.ownerReferences ?? []).filter(reference => reference.uid !== uid);
      if (rest.length) draft.metadata.ownerReferences = rest;
      else delete draft.metadata.ownerReferences;
    },
    { fieldManager: 'kube-controller-manager' },
  );
}

function adopt<T extends KubeObject>(resources: Resources, resource: ResourceName, object: T, owner: KubeObject): T | undefined {
  return resources.modify<T>(
    resource,
    object.metadata.namespace,
    object.metadata.name,
    draft => {
      draft.metadata.ownerReferences = [...(draft.metadata.ownerReferences ?? []), controllerReference(owner)];
    },
    { fieldManager: 'kube-controller-manager' },
  );
}
