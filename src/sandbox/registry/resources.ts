/**
 * The seam inside the sandbox: every part of it (HTTP API, controllers, scheduler, kubelet) reads and writes objects
 * through this interface, so a controller obeys the same rules as kubectl: validation, generation, 409 on a stale write.
 * Everything is synchronous: the store is memory, and a call that returned has happened.
 */

/** Any API object, as JSON on the wire. Objects handed out are frozen: clone (structuredClone) before changing one. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  // biome-ignore lint/suspicious/noExplicitAny: the wire format is open; callers narrow with kubernetes-types
  [field: string]: any;
}

/** Upstream's ObjectMeta (meta/v1), timestamps as RFC 3339 strings with 1 s resolution. */
export interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: unknown[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** A resource as discovery names it: plural and group ('' is core), e.g. `deployments` / `apps`. Written `deployments.apps`, core ones plainly: `pods`. */
export type ResourceName = string;

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface WatchEvent {
  type: WatchEventType;
  object: KubeObject;
  /** What the object was before; absent for ADDED. */
  previous?: KubeObject;
}

export interface ListOptions {
  namespace?: string | undefined;
  /** Parsed selector; see registry/selectors.ts. */
  labels?: ((labels: Record<string, string>) => boolean) | undefined;
  fields?: ((object: KubeObject) => boolean) | undefined;
}

export interface WriteOptions {
  /** Recorded in managedFields: `kube-controller-manager`, `kubelet`, `kubectl-client-side-apply`… */
  fieldManager?: string;
  /** `status` writes only status, everything else writes everything but status, as upstream. */
  subresource?: 'status' | 'scale';
  dryRun?: boolean;
}

export interface DeleteOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: boolean;
}

export interface Resources {
  get<T extends KubeObject = KubeObject>(resource: ResourceName, namespace: string | undefined, name: string): T | undefined;
  list<T extends KubeObject = KubeObject>(resource: ResourceName, options?: ListOptions): T[];
  /** @throws StatusError AlreadyExists, Invalid, NotFound (namespace), Forbidden (terminating namespace). */
  create<T extends KubeObject>(object: T, options?: WriteOptions): T;
  /** Replaces. With metadata.resourceVersion set, @throws StatusError Conflict when stale; NotFound; Invalid. A write that changes nothing makes no event. */
  update<T extends KubeObject>(object: T, options?: WriteOptions): T;
  /** Read, change a private copy, write; again on Conflict. `change` may return false to write nothing. undefined when there is no such object. */
  modify<T extends KubeObject = KubeObject>(
    resource: ResourceName,
    namespace: string | undefined,
    name: string,
    // biome-ignore lint/suspicious/noConfusingVoidType: a change usually returns nothing
    change: (draft: T) => void | false,
    options?: WriteOptions,
  ): T | undefined;
  /** Graceful as upstream: a pod keeps a deletionTimestamp until the kubelet deletes it with gracePeriodSeconds 0; finalizers hold any object. */
  delete(resource: ResourceName, namespace: string | undefined, name: string, options?: DeleteOptions): KubeObject | undefined;
  /**
   * Tells of each change, synchronously, after it is stored; first an ADDED for every object there is (as an informer's initial list).
   * A listener must not throw and should only note the key and schedule its work. Returns the function that ends it.
   */
  watch(resource: ResourceName, listener: (event: WatchEvent) => void, options?: { namespace?: string }): () => void;
}

/** Time inside the sandbox: controllers, kubelet and back-offs read no other clock. */
export interface SandboxClock {
  /** Wall clock, ms since the epoch. */
  now(): number;
  /** Runs once after `ms`; returns the function that cancels. Timers keep no process alive on their own. */
  after(ms: number, run: () => void): () => void;
}

/** What a control loop, the scheduler and the kubelet are started with. `stop` is idempotent. */
export interface ControlLoopContext {
  resources: Resources;
  clock: SandboxClock;
  /** Records an Event with upstream's aggregation and spam filter (registry/event-recorder.ts). */
  recordEvent(
    about: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    source: { component: string; host?: string },
    /** Which part of the object it is about: `spec.containers{web}`. */
    fieldPath?: string,
  ): void;
  /** Our own diagnostics, to the log file: never for users of the API. */
  log(message: string, details?: Record<string, unknown>): void;
}

export type StartControlLoop = (context: ControlLoopContext) => { stop(): void | Promise<void> };
