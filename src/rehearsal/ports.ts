/**
 * What the engine needs of the world, one interface per role. One file per kind stands behind each
 * (src/faults, src/detection, …); a registry maps the YAML `kind` to a factory. The engine knows no tool.
 */
import type {
  Activity,
  CheckResult,
  EventBody,
  MomentName,
  ObjectChange,
  ObjectRef,
  PhaseName,
  Suspect,
} from '../record/events.ts';

/** The only source of time in a rehearsal. A test hands in one that runs an hour in a millisecond. */
export interface Clock {
  /** Wall clock, for people. */
  now(): Date;
  /** Monotonic ms; only differences mean something. */
  monotonicMs(): number;
  /** Ends early, rejecting with the signal's reason, when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A Kubernetes object as raw JSON: nothing is dropped, so a snapshot can be put back. */
export interface RawObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
    [field: string]: unknown;
  };
  // biome-ignore lint/suspicious/noExplicitAny: the wire format is open; callers narrow
  [field: string]: any;
}

export interface ApiResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Any Kubernetes API server, reached through a kubeconfig. Errors are `KubernetesError` with the server's Status. */
export interface Cluster {
  readonly server: string;
  readonly context: string;
  /** Raw request; `path` starts with /. Does not throw for HTTP errors. */
  request(
    method: string,
    path: string,
    options?: {
      body?: unknown;
      contentType?: string;
      headers?: Record<string, string>;
      signal?: AbortSignal;
      timeoutMs?: number;
      /** Asked again, as by the other methods, while the server is away or in trouble; otherwise this is one request as it is. */
      patient?: boolean;
    },
  ): Promise<ApiResponse>;
  get(ref: ObjectRef): Promise<RawObject | undefined>;
  list(
    kind: { apiVersion: string; kind: string },
    options?: { namespace?: string; labelSelector?: string; fieldSelector?: string },
  ): Promise<{ resourceVersion: string; items: RawObject[] }>;
  create(object: RawObject, options?: { dryRun?: boolean }): Promise<RawObject>;
  replace(object: RawObject): Promise<RawObject>;
  patch(
    ref: ObjectRef,
    patch: unknown,
    type: 'json' | 'merge' | 'strategic' | 'apply',
    options?: { subresource?: string; dryRun?: boolean; fieldManager?: string },
  ): Promise<RawObject>;
  delete(ref: ObjectRef, options?: { uid?: string; propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' }): Promise<void>;
  /**
   * List, then watch, resuming through closed connections, 410 and server restarts. `onEvent` gets the initial objects as ADDED.
   * Resolves once the initial list was delivered; the watch ends with the signal.
   */
  watch(
    kind: { apiVersion: string; kind: string },
    options: { namespace?: string; labelSelector?: string; fieldSelector?: string; signal: AbortSignal },
    onEvent: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: RawObject) => void,
  ): Promise<void>;
}

/** What every role is handed. `emit` appends an event to the record; roles emit only what the port says they do. */
export interface RoleContext {
  cluster: Cluster;
  clock: Clock;
  /** ms of run time now, on the run's monotonic axis. */
  tMs(): number;
  namespace: string;
  target: ObjectRef;
  emit(event: EventBody): void;
  log: {
    debug(details: object, message: string): void;
    info(details: object, message: string): void;
    warn(details: object, message: string): void;
  };
}

/** The bad deploy. `plan` touches nothing (server-side dry run only); `inject` applies exactly what was planned. */
export interface Fault {
  readonly kind: string;
  /** One line: "image of payments: rehearse/shop:1.4.0 → rehearse/shop:1.5.0". */
  readonly summary: string;
  /** Every object that will be changed, with its state before (undefined: it will be created), and the diffs. @throws when the target cannot take this fault. */
  plan(context: RoleContext): Promise<PlannedChange[]>;
  /** Applies the planned changes in order. Resolves with the moment the API server accepted the one that makes the deploy bad (ms of run time). */
  inject(context: RoleContext, planned: PlannedChange[]): Promise<{ sentTMs: number; acceptedTMs: number }>;
}

export interface PlannedChange extends ObjectChange {
  before: RawObject | undefined;
  /** As the server would have it, by its dry run. */
  after?: RawObject;
  /** JSON patch operations of an update, or the object of a create. */
  patch?: unknown[];
  create?: RawObject;
}

/** Watches from before the injection to the end of the run; every signal is kept, before and after t0. */
export interface Detector {
  readonly name: string;
  readonly kind: string;
  readonly summary: string;
  /** Resolves when it watches. It calls `onSignal` at each change to firing, `onClear` when what it told of is over. */
  start(
    context: RoleContext,
    signal: AbortSignal,
    on: { signal(found: DetectorSignal): void; clear(message: string): void },
  ): Promise<void>;
}

export interface DetectorSignal {
  message: string;
  object?: ObjectRef;
  sourceAt?: string;
  uncertaintyMs: number;
}

/** Sends user-like requests from start to end and keeps its samples; judges its service level at any moment. */
export interface Probe {
  readonly name: string;
  readonly summary: string;
  readonly intervalMs: number;
  readonly errorRateLimit: number;
  readonly latencyLimitMs: number | undefined;
  start(context: RoleContext, signal: AbortSignal, onSample: (sample: ProbeSample) => void): Promise<void>;
  /** The service level over its window that ends now. `judged` is false with too few requests. */
  level(): { ok: boolean; judged: boolean; detail: string };
  /** Called after every sample. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

export interface ProbeSample {
  sentTMs: number;
  ok: boolean;
  latencyMs: number;
  status?: number;
  error?: string;
}

/** Names suspects from what the cluster shows, never from what was injected: it is given no access to the fault. */
export interface Diagnosis {
  readonly kind: string;
  /** Starts to observe before the injection, as a team's dashboards do. */
  start(context: Omit<RoleContext, 'target'>, signal: AbortSignal): Promise<void>;
  /** Suspects, most likely first, from what was seen until now. */
  answer(): Promise<Suspect[]>;
}

export interface Rollback {
  readonly kind: string;
  readonly summary: string;
  /** The revision it would go back to; throws, before injecting, when there is none. */
  prepare(context: RoleContext): Promise<{ toRevision: string }>;
  /** Gives the command. Resolves when it was accepted. `workload` is what diagnosis blamed. */
  issue(context: RoleContext, workload: ObjectRef): Promise<{ summary: string; toRevision: string }>;
  /** Resolves when the mechanism reports done; rejects when it reports failure or the signal aborts. Resolves with words. */
  done(context: RoleContext, workload: ObjectRef, signal: AbortSignal): Promise<string>;
}

/** One thing that must hold: steady state and verification use the same. */
export interface Check {
  readonly name: string;
  readonly summary: string;
  /** Starts watching; `onChange` is called when the answer may have changed. */
  start(context: RoleContext, signal: AbortSignal, onChange: () => void): Promise<void>;
  now(): CheckResult;
}

/** A workload that a person could blame, with what changed on it lately. */
export interface Candidate {
  workload: ObjectRef;
  /** Newest first; the first one is live. */
  revisions: { revision: string; change: string; changedAt: string }[];
}

/** What a runbook's steps, and the person who follows it, can ask of the rehearsal. */
export interface RunbookActions {
  /** Waits for t1 and tells what was detected. */
  awaitDetection(signal: AbortSignal): Promise<string>;
  /** Asks the automatic diagnosis; its answer is t2 when correct. */
  diagnose(signal: AbortSignal): Promise<string>;
  /** The workload that the last answer names first, a person's or the automatic diagnosis': `{{suspect}}` in commands. */
  suspect(): ObjectRef | undefined;
  /** Rolls the suspect back; at once done when somebody did it outside the tool. */
  rollback(signal: AbortSignal): Promise<string>;
  /** Waits until every check held for stableFor: t4. */
  verify(signal: AbortSignal): Promise<string>;
  /** Evidence, as text: what changed, pods, events, logs. */
  show(what: 'changes' | 'pods' | 'events' | 'logs' | 'service-level', signal: AbortSignal): Promise<string>;
  /** What the drill's time goes into from now on. Without `of`, for the step that it went into last. */
  spend(activity: Activity, of?: { stepId?: string; detail?: string }): void;
  /** Which moments were reached, whoever did it. */
  reached(moment: MomentName): boolean;
  /** A person saw the trouble: t1 when no detector told before. */
  report(by: string, text: string): void;
  /** Every workload of the namespace, by name. */
  candidates(): Promise<Candidate[]>;
  /** A person names the cause: t2 when correct. Wrong answers are kept with their times. */
  nameCause(by: string, workload: ObjectRef, revision: string, why: string): Promise<{ correct: boolean }>;
  /** A command of the runbook that rolls back is about to be given: rollback issued. */
  commandIssued(): void;
  /** Waits for a rollback that somebody makes outside the tool: t3. */
  awaitRollback(signal: AbortSignal): Promise<string>;
  /** The next hint, each more telling than the one before; undefined when there is none left. */
  hint(by: string): { text: string; cost: number } | undefined;
  /** Ends the drill; the target is restored. */
  end(reason: string): void;
}

export interface Runbook {
  readonly title: string;
  readonly path: string;
  readonly digest: string;
  readonly owners: readonly string[];
  readonly stepCount: number;
  readonly outline: readonly { id: string; title: string; phase?: PhaseName; expectedMs?: number }[];
  /** Which one it is shows after the alert, by `runbook.opened`; until then the plan names none. */
  readonly opensLater?: boolean;
  /**
   * Everything is in place and nothing is deployed yet: who waits for an alert waits from here on, so that being asked to wait does not
   * tell that there is something to wait for. What goes wrong in it is told by `follow`.
   */
  onCall?(context: RoleContext, actions: RunbookActions, signal: AbortSignal): void;
  /** Follows the steps in order; emits `runbook.step.*` through the context; rejects only when aborted. Resolves false when a step failed that the rest depends on. */
  follow(context: RoleContext, actions: RunbookActions, signal: AbortSignal): Promise<boolean>;
  /** Phases that have at least one step. */
  readonly phases: readonly PhaseName[];
}

/** What the engine needs to know of the target and of whatever else the drill touches. */
export interface TargetObserver {
  /** Is it fit for a drill: exists, settled, not paused, not at zero, nobody else at work on it. */
  preflight(): Promise<CheckResult[]>;
  /** Revision that is live now, once the controller has seen the newest generation. */
  liveRevision(signal: AbortSignal): Promise<string>;
  /** Tells whenever the target's desired state becomes equal, or unequal, to the snapshot taken at planning. */
  watchKnownGood(snapshot: RawObject, signal: AbortSignal, on: (equal: boolean) => void): Promise<void>;
  /** Who changed the target's desired state last, and how, as its managed fields and events tell. */
  lastChange(): Promise<{ manager: string; at?: string; how: string }>;
}

/** The safety contract, as the engine uses it: undo written before the change, one rehearsal per target, restore proven. */
export interface SafetyNet {
  guard(): Promise<{ allowed: boolean; checks: CheckResult[] }>;
  /** Halt switch not set, no orphan of an earlier run, lease free. */
  preflight(): Promise<CheckResult[]>;
  /** Local journal, fsynced, then the cluster's copy. @throws RehearseError (refused); nothing is left behind then. */
  writeUndo(
    changes: readonly PlannedChange[],
    deadline: Date,
  ): Promise<{ journal: string; cluster: ObjectRef; objects: ObjectRef[] }>;
  /**
   * Adds an object to both copies of the undo, before the drill changes it too: a person blamed a workload that is not the target.
   * @throws RehearseError when it cannot be written; the object must then not be changed.
   */
  extendUndo(object: ObjectRef): Promise<void>;
  /** A command of the runbook is at work: what it changes on the objects of the undo, until the returned function is called, is the drill's. */
  observeOwn(): () => void;
  /**
   * @param lost called once when the lease is not ours any more: somebody else restored the target
   * @throws RehearseError (refused) when another run holds it; the undo journal is removed again, and nothing may be put back
   */
  acquireLease(signal: AbortSignal, lost: (why: string) => void): Promise<ObjectRef>;
  /** Right before something is changed: the lease is still ours and the cluster's copy of the undo is there. @throws RehearseError (refused) */
  confirm(): Promise<void>;
  /** Calls `halt` once when the halt switch is set. */
  watchHalt(signal: AbortSignal, halt: (reason: string) => void): Promise<void>;
  /** Puts everything back, waits until the workloads have settled and compares live with snapshot. */
  restore(signal: AbortSignal): Promise<{
    proven: boolean;
    objects: Extract<EventBody, { type: 'restore.finished' }>['objects'];
    removedRevisions: string[];
  }>;
  /** Releases the lease and, only after a proven restore, deletes both undo copies. */
  release(options: { proven: boolean }): Promise<void>;
  /** What a person has to do when the restore is not proven. */
  remedy(): string;
}
