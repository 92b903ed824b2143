import type { KubeObject, ResourceName } from '../registry/resources.ts';
import { withCondition } from './conditions.ts';
import { type ControlLoop, type ControllerContext, MANAGER, STATUS, startControlLoop } from './control-loop.ts';
import { kindsOf } from './garbage-collector.ts';
import { timestamp } from './timestamp.ts';
import type { Condition } from './types.ts';

/** How soon a namespace on its way out is looked at again, ms. Upstream waits for half of the longest grace period. */
const RECHECK_MS = 100;

/** The end of namespaces: deletes everything in one that goes, and then itself (pkg/controller/namespace). What is in a new one: see bootstrap.ts. */
export function startNamespaceController(context: ControllerContext): ControlLoop {
  return startControlLoop({
    name: 'namespace',
    context,
    watches: {
      namespaces: ({ type, object }, queue) => {
        if (type !== 'DELETED' && object.metadata.deletionTimestamp !== undefined) queue.add(object.metadata.name);
      },
    },
    sync: (name, queue) => {
      const namespace = context.resources.get('namespaces', undefined, name);
      if (namespace && !empty(context, namespace)) queue.addAfter(name, RECHECK_MS);
    },
  });
}

/** Deletes what is left in the namespace, and then its finalizer. @returns whether it is done. */
function empty(context: ControllerContext, namespace: KubeObject): boolean {
  const { resources } = context;
  const { name } = namespace.metadata;
  const remaining = new Map<ResourceName, number>();
  let finalizers = 0;
  for (const type of kindsOf(resources).all()) {
    if (!type.namespaced || type.createOnly) continue;
    for (const object of resources.list(type.resource, { namespace: name })) {
      if (object.metadata.deletionTimestamp === undefined) {
        resources.delete(type.resource, name, object.metadata.name, { propagationPolicy: 'Background' });
      }
      const left = resources.get(type.resource, name, object.metadata.name);
      if (!left) continue;
      remaining.set(type.resource, (remaining.get(type.resource) ?? 0) + 1);
      if (left.metadata.finalizers?.length) finalizers++;
    }
  }
  const conditions = deletionConditions(remaining, finalizers, context.clock.now());
  resources.modify(
    'namespaces',
    undefined,
    name,
    draft => {
      const known: Condition[] = draft.status?.conditions ?? [];
      draft.status = { ...draft.status, phase: 'Terminating', conditions: conditions.reduce(withCondition, known) };
    },
    STATUS,
  );
  if (remaining.size > 0) return false;
  resources.modify(
    'namespaces',
    undefined,
    name,
    draft => {
      draft.spec = { ...draft.spec, finalizers: (draft.spec?.finalizers ?? []).filter((each: string) => each !== 'kubernetes') };
    },
    MANAGER,
  );
  return true;
}

function deletionConditions(remaining: Map<ResourceName, number>, finalizers: number, now: number): Condition[] {
  const say = (type: string, status: Condition['status'], reason: string, message: string): Condition => ({
    type,
    status,
    lastTransitionTime: timestamp(now),
    reason,
    message,
  });
  const list = [...remaining].map(([resource, count]) => `${resource}. has ${count} resource instances`).join(', ');
  return [
    say('NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'),
    say(
      'NamespaceDeletionGroupVersionParsingFailure',
      'False',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    say(
      'NamespaceDeletionContentFailure',
      'False',
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ),
    remaining.size
      ? say('NamespaceContentRemaining', 'True', 'SomeResourcesRemain', `Some resources are remaining: ${list}`)
      : say('NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed'),
    finalizers
      ? say(
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          'Some content in the namespace has finalizers remaining',
        )
      : say('NamespaceFinalizersRemaining', 'False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'),
  ];
}
