import type { KubeObject, ResourceName } from '../registry/resources.ts';
import { withCondition } from './conditions.ts';
import {
  type ControlLoop,
  type ControllerContext,
  isNamespaceTerminating,
  isReason,
  MANAGER,
  STATUS,
  startControlLoop,
} from './control-loop.ts';
import { kindsOf } from './garbage-collector.ts';
import { timestamp } from './timestamp.ts';
import type { Condition } from './types.ts';
import type { WorkQueue } from './work-queue.ts';

const INITIAL = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
/** How soon a namespace on its way out is looked at again, ms. Upstream waits for half of the longest grace period. */
const RECHECK_MS = 100;
const ROOT_CERTIFICATE = 'kube-root-ca.crt';

/**
 * Namespaces: the first four, the `default` ServiceAccount and the cluster's certificate in each, and the deletion of everything in one that goes
 * (pkg/controller/namespace, serviceaccount, certificates/rootcacertpublisher).
 */
export function startNamespaceController(context: ControllerContext): ControlLoop {
  const loop = startControlLoop({
    name: 'namespace',
    context,
    sync: (name, queue) => syncNamespace(context, name, queue),
    watches: {
      namespaces: ({ type, object }, queue) => {
        if (type !== 'DELETED') queue.add(object.metadata.name);
      },
      serviceaccounts: ({ type, object }, queue) => {
        if (type === 'DELETED' && object.metadata.name === 'default') queue.add(object.metadata.namespace ?? '');
      },
      configmaps: ({ type, object }, queue) => {
        if (type !== 'ADDED' && object.metadata.name === ROOT_CERTIFICATE) queue.add(object.metadata.namespace ?? '');
      },
    },
  });
  for (const name of INITIAL) {
    if (context.resources.get('namespaces', undefined, name)) continue;
    context.resources.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    // At once, so that a pod created next finds its service account.
    furnish(context, name);
  }
  return loop;
}

function syncNamespace(context: ControllerContext, name: string, queue: WorkQueue): void {
  const namespace = context.resources.get('namespaces', undefined, name);
  if (!namespace) return;
  if (namespace.metadata.deletionTimestamp === undefined) furnish(context, name);
  else if (!empty(context, namespace)) queue.addAfter(name, RECHECK_MS);
}

function furnish(context: ControllerContext, namespace: string): void {
  const certificate = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: ROOT_CERTIFICATE,
      namespace,
      annotations: {
        'kubernetes.io/description':
          'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
      },
    },
    data: { 'ca.crt': context.certificateAuthority ?? '' },
  };
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } };
  try {
    if (!context.resources.get('serviceaccounts', namespace, 'default')) context.resources.create(account, MANAGER);
    const current = context.resources.get('configmaps', namespace, ROOT_CERTIFICATE);
    if (!current) context.resources.create(certificate, MANAGER);
    else if (context.certificateAuthority && current.data?.['ca.crt'] !== context.certificateAuthority) {
      context.resources.update({ ...current, data: certificate.data }, MANAGER);
    }
  } catch (error) {
    if (!isNamespaceTerminating(error) && !isReason(error, 'AlreadyExists')) throw error;
  }
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
