/** Creating and deleting a controller's pods, with upstream's events (RealPodControl, pkg/controller/controller_utils.go). */
import type { ControlLoopContext, KubeObject, OwnerReference } from '../registry/resources.ts';
import { isNamespaceTerminating, isReason, MANAGER, messageOf } from './control-loop.ts';
import { controllerReference } from './owner.ts';
import type { Pod, PodTemplate } from './types.ts';

type Source = { component: string };

/** A pod from the template, named by its controller's name and a random suffix. */
export function podFromTemplate(
  template: PodTemplate,
  owner: KubeObject,
  reference: OwnerReference = controllerReference(owner),
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace ?? '',
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ...(finalizers ? { finalizers: [...finalizers] } : {}),
      ownerReferences: [reference],
    },
    spec: structuredClone(template.spec),
  };
}

/** @throws what the creation threw, after the event `FailedCreate`. */
export function createPod(context: ControlLoopContext, pod: Pod, owner: KubeObject, source: Source): Pod {
  try {
    const created = context.resources.create(pod, MANAGER);
    context.recordEvent(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`, source);
    return created;
  } catch (error) {
    if (!isNamespaceTerminating(error)) {
      context.recordEvent(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`, source);
    }
    throw error;
  }
}

/** A pod that is gone already is no error. */
export function deletePod(context: ControlLoopContext, pod: Pod, owner: KubeObject, source: Source): void {
  const { namespace, name } = pod.metadata;
  try {
    if (!context.resources.delete('pods', namespace, name)) return;
    context.recordEvent(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`, source);
  } catch (error) {
    if (isReason(error, 'NotFound')) return;
    context.recordEvent(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`, source);
    throw new Error(`unable to delete pods: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Calls `run` up to `count` times in batches of 1, 2, 4…; a batch with a failure is finished and is the last (slowStartBatch,
 * pkg/controller/replicaset/replica_set.go). @returns how many calls succeeded, and the first error.
 */
export function slowStart(count: number, run: () => void): { successes: number; error?: unknown } {
  let successes = 0;
  let remaining = count;
  for (let batch = Math.min(remaining, 1); batch > 0; batch = Math.min(2 * batch, remaining)) {
    const errors: unknown[] = [];
    for (let i = 0; i < batch; i++) {
      try {
        run();
        successes++;
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) return { successes, error: errors[0] };
    remaining -= batch;
  }
  return { successes };
}
