import type { ControlLoopContext, KubeObject, ResourceName, WatchEvent } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import type { Dependents } from './dependents.ts';
import type { ControllerRevision, Pod, ReplicaSet } from './types.ts';
import { WorkQueue } from './work-queue.ts';

/** Who wrote it, in managedFields. */
export const MANAGER = { fieldManager: 'kube-controller-manager' } as const;
export const STATUS = { fieldManager: 'kube-controller-manager', subresource: 'status' } as const;

/** What the loops share beside their context: indexes that one watch each keeps up to date. */
export interface ControllerContext extends ControlLoopContext {
  pods: Dependents<Pod>;
  replicaSets: Dependents<ReplicaSet>;
  revisions: Dependents<ControllerRevision>;
}

export interface ControlLoop {
  stop(): void;
}

export interface ControlLoopOptions {
  name: string;
  context: ControllerContext;
  sync(key: string, queue: WorkQueue): void;
  /** Per resource: which keys a change wakes. Called within the watch, so it only adds keys. */
  watches: Record<ResourceName, (event: WatchEvent, queue: WorkQueue) => void>;
  maxRetries?: number;
}

/** A work queue fed by watches. */
export function startControlLoop({ name, context, sync, watches, maxRetries }: ControlLoopOptions): ControlLoop {
  const queue: WorkQueue = new WorkQueue({
    clock: context.clock,
    sync: key => sync(key, queue),
    onError(key, error) {
      // A stale write is part of how the loops work side by side; anything else is worth a line.
      if (error instanceof StatusError && (error.reason === 'Conflict' || error.reason === 'NotFound')) return;
      context.log(`${name}: sync of ${key} failed`, {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    },
    ...(maxRetries === undefined ? {} : { maxRetries }),
  });
  const ends = Object.entries(watches).map(([resource, wake]) => context.resources.watch(resource, event => wake(event, queue)));
  return {
    stop() {
      for (const end of ends) end();
      queue.stop();
    },
  };
}

/** Writes the status as it should be, whatever was written to the object meanwhile: upstream reads again and retries at once. */
export function storeStatus(context: ControlLoopContext, resource: ResourceName, { metadata }: KubeObject, status: object): void {
  context.resources.modify(
    resource,
    metadata.namespace,
    metadata.name,
    draft => {
      draft.status = status;
    },
    STATUS,
  );
}

export const isReason = (error: unknown, reason: StatusError['reason']): boolean =>
  error instanceof StatusError && error.reason === reason;

/** The namespace is on its way out: every creation in it fails, and that needs no event and no retry. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof StatusError &&
  (error.details?.causes?.some(cause => cause.reason === 'NamespaceTerminating') === true ||
    (error.reason === 'Forbidden' && error.message.includes('because it is being terminated')));

/** The message as Go prints an API error: the status' message. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
