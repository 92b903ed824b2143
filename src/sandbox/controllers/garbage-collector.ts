import { createKindTable, type KindTable } from '../kinds/index.ts';
import type { DeleteOptions, KubeObject, OwnerReference, ResourceName, Resources } from '../registry/resources.ts';
import { type ControlLoop, type ControllerContext, isReason, MANAGER } from './control-loop.ts';
import { WorkQueue } from './work-queue.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
/** Events are never owned and there are many of them. */
const IGNORED = new Set(['events']);

const DEFINITIONS = 'customresourcedefinitions.apiextensions.k8s.io';

interface Node {
  resource: ResourceName;
  object: KubeObject;
}

const both = (first: (() => void) | undefined, second: () => void) => (): void => {
  first?.();
  second();
};

/** The kinds that there are: a registry tells its own, with what CustomResourceDefinitions added. */
export function kindsOf(resources: Resources): KindTable {
  return (resources as Partial<{ types: KindTable }>).types ?? createKindTable();
}

/**
 * Deletes what nobody owns any more: background, foreground and orphaning deletion by owner references, which name owners by uid
 * (pkg/controller/garbagecollector).
 */
export function startGarbageCollector(context: ControllerContext): ControlLoop {
  const { resources, clock } = context;
  const nodes = new Map<string, Node>();
  const dependents = new Map<string, Set<string>>();
  const kinds = kindsOf(resources);

  const owners = (object: KubeObject): OwnerReference[] => object.metadata.ownerReferences ?? [];
  const isBeingDeleted = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;
  const hasFinalizer = (object: KubeObject, name: string): boolean => object.metadata.finalizers?.includes(name) === true;
  const waitsForDependents = (object: KubeObject): boolean => isBeingDeleted(object) && hasFinalizer(object, FOREGROUND);
  const dependentsOf = (uid: string): Node[] => [...(dependents.get(uid) ?? [])].flatMap(each => nodes.get(each) ?? []);

  const queue = new WorkQueue({
    clock,
    sync,
    onError(uid, error) {
      if (isReason(error, 'Conflict') || isReason(error, 'NotFound')) return;
      context.log('garbage collector: sync failed', { uid, error: String(error) });
    },
  });

  function link(object: KubeObject, uid: string): void {
    for (const owner of owners(object)) {
      const known = dependents.get(owner.uid);
      if (known) known.add(uid);
      else dependents.set(owner.uid, new Set([uid]));
    }
  }

  function unlink(object: KubeObject, uid: string): void {
    for (const owner of owners(object)) {
      const known = dependents.get(owner.uid);
      known?.delete(uid);
      if (known?.size === 0) dependents.delete(owner.uid);
    }
  }

  /** An owner that waits for this one may go now. */
  function wakeWaitingOwners(object: KubeObject): void {
    for (const { uid } of owners(object)) {
      const owner = nodes.get(uid);
      if (owner && waitsForDependents(owner.object)) queue.add(uid);
    }
  }

  function observe(resource: ResourceName): () => void {
    return resources.watch(resource, ({ type, object, previous }) => {
      const uid = object.metadata.uid ?? '';
      if (previous) unlink(previous, uid);
      if (type === 'DELETED') {
        nodes.delete(uid);
        unlink(object, uid);
        for (const dependent of dependents.get(uid) ?? []) queue.add(dependent);
        wakeWaitingOwners(object);
        return;
      }
      nodes.set(uid, { resource, object });
      link(object, uid);
      if (isBeingDeleted(object)) queue.add(uid);
      else if (owners(object).some(owner => !nodes.has(owner.uid))) queue.add(uid);
      if (previous) wakeWaitingOwners(previous);
    });
  }

  function sync(uid: string): void {
    const node = nodes.get(uid);
    if (!node) return;
    if (isBeingDeleted(node.object)) {
      if (hasFinalizer(node.object, ORPHAN)) orphanDependents(node);
      else if (hasFinalizer(node.object, FOREGROUND)) deleteDependents(node);
      return;
    }
    collect(node);
  }

  function orphanDependents(node: Node): void {
    for (const dependent of dependentsOf(node.object.metadata.uid ?? ''))
      removeOwners(dependent, new Set([node.object.metadata.uid ?? '']));
    removeFinalizer(node, ORPHAN);
  }

  /** Foreground: an owner goes after the dependents that block it. */
  function deleteDependents(node: Node): void {
    const uid = node.object.metadata.uid ?? '';
    const blocking = dependentsOf(uid).filter(({ object }) =>
      owners(object).some(owner => owner.uid === uid && owner.blockOwnerDeletion),
    );
    for (const { object } of dependentsOf(uid)) if (!isBeingDeleted(object)) queue.add(object.metadata.uid ?? '');
    if (blocking.length === 0) removeFinalizer(node, FOREGROUND);
  }

  /** attemptToDeleteItem: an object goes when none of its owners stays. */
  function collect(node: Node): void {
    const references = owners(node.object);
    if (references.length === 0) return;
    const waiting = references.filter(owner => {
      const known = nodes.get(owner.uid);
      return known !== undefined && waitsForDependents(known.object);
    });
    const absent = references.filter(owner => !nodes.has(owner.uid));
    if (absent.some(owner => !isServed(owner))) return;
    if (references.length > waiting.length + absent.length) {
      if (waiting.length + absent.length > 0) removeOwners(node, new Set([...waiting, ...absent].map(owner => owner.uid)));
      return;
    }
    const hasDependents = dependentsOf(node.object.metadata.uid ?? '').length > 0;
    if (waiting.length > 0 && hasDependents) remove(node, 'Foreground');
    else
      remove(
        node,
        hasFinalizer(node.object, ORPHAN) ? 'Orphan' : hasFinalizer(node.object, FOREGROUND) ? 'Foreground' : 'Background',
      );
  }

  /** An owner of a kind that is not served here cannot be known to be gone. */
  const isServed = (owner: OwnerReference): boolean => kinds.byKind(owner.apiVersion, owner.kind) !== undefined;

  function remove({ resource, object }: Node, propagationPolicy: NonNullable<DeleteOptions['propagationPolicy']>): void {
    const { namespace, name, uid } = object.metadata;
    resources.delete(resource, namespace, name, { propagationPolicy, ...(uid ? { preconditions: { uid } } : {}) });
  }

  function removeOwners({ resource, object }: Node, uids: Set<string>): void {
    const { namespace, name, uid } = object.metadata;
    resources.modify(
      resource,
      namespace,
      name,
      draft => {
        if (draft.metadata.uid !== uid) return false;
        const rest = owners(draft).filter(owner => !uids.has(owner.uid));
        if (rest.length) draft.metadata.ownerReferences = rest;
        else delete draft.metadata.ownerReferences;
        return undefined;
      },
      MANAGER,
    );
  }

  function removeFinalizer({ resource, object }: Node, finalizer: string): void {
    const { namespace, name } = object.metadata;
    resources.modify(
      resource,
      namespace,
      name,
      draft => {
        const rest = (draft.metadata.finalizers ?? []).filter(each => each !== finalizer);
        if (rest.length) draft.metadata.finalizers = rest;
        else delete draft.metadata.finalizers;
      },
      MANAGER,
    );
  }

  const ends = new Map<ResourceName, () => void>();
  let isStopped = false;
  function observeAll(): void {
    if (isStopped) return;
    for (const { resource, createOnly } of kinds.all()) {
      if (!createOnly && !IGNORED.has(resource) && !ends.has(resource)) ends.set(resource, observe(resource));
    }
  }
  observeAll();
  // A definition brings a kind; when this hears of it the kind is there already, or comes before the next turn.
  ends.set(
    DEFINITIONS,
    both(
      ends.get(DEFINITIONS),
      resources.watch(DEFINITIONS, () => setImmediate(observeAll)),
    ),
  );
  return {
    stop() {
      isStopped = true;
      for (const end of ends.values()) end();
      queue.stop();
    },
  };
}
