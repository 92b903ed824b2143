import type { KubeObject, ResourceName, Resources } from '../registry/resources.ts';
import { controllerOf } from './owner.ts';

/** An index over one resource: what each controller owns, and what in a namespace nobody does. Kept by a watch, so a look-up costs what it returns. */
export class Dependents<T extends KubeObject> {
  readonly #byOwner = new Map<string, Map<string, T>>();
  readonly #orphans = new Map<string, Map<string, T>>();
  readonly stop: () => void;

  constructor(resources: Resources, resource: ResourceName) {
    this.stop = resources.watch(resource, ({ type, object, previous }) => {
      if (previous) this.#remove(previous);
      this.#remove(object);
      if (type !== 'DELETED') this.#put(object as T);
    });
  }

  /** What the controller with this uid owns, and what its namespace holds without a controller: what it may adopt or must release. */
  candidates(owner: KubeObject): T[] {
    return [...this.ownedBy(owner.metadata.uid), ...this.orphans(owner.metadata.namespace)];
  }

  ownedBy(uid: string | undefined): T[] {
    return [...(this.#byOwner.get(uid ?? '')?.values() ?? [])];
  }

  orphans(namespace: string | undefined): T[] {
    return [...(this.#orphans.get(namespace ?? '')?.values() ?? [])];
  }

  #bucket(object: KubeObject): [Map<string, Map<string, T>>, string] {
    const owner = controllerOf(object);
    return owner ? [this.#byOwner, owner.uid] : [this.#orphans, object.metadata.namespace ?? ''];
  }

  #put(object: T): void {
    const [map, key] = this.#bucket(object);
    let bucket = map.get(key);
    if (!bucket) {
      bucket = new Map();
      map.set(key, bucket);
    }
    bucket.set(object.metadata.uid ?? '', object);
  }

  #remove(object: KubeObject): void {
    const [map, key] = this.#bucket(object);
    const bucket = map.get(key);
    bucket?.delete(object.metadata.uid ?? '');
    if (bucket?.size === 0) map.delete(key);
  }
}
