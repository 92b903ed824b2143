import { randomUUID } from 'node:crypto';
import { createKindTable, type KindTable } from '../kinds/index.ts';
import { validateMetadata } from '../kinds/metadata.ts';
import type { ResourceType } from '../kinds/resource-type.ts';
import { alreadyExists, conflict, invalidObject, notFoundStatus } from './api-errors.ts';
import { deepFreeze, equal } from './json.ts';
import { objectSchema, trackUpdate } from './managed-fields.ts';
import type {
  DeleteOptions,
  KubeObject,
  ListOptions,
  ResourceName,
  Resources,
  SandboxClock,
  WatchEvent,
  WriteOptions,
} from './resources.ts';
import { StatusError } from './status-error.ts';

/** A change with the version that it brought; `object` of a DELETED carries that version too. */
export interface VersionedEvent extends WatchEvent {
  version: number;
}

/** What the HTTP layer needs beyond what control loops need. */
export interface Registry extends Resources {
  /** The version of the latest change to anything. */
  version(): number;
  /** Objects of a kind as they were at `version`, sorted as upstream (namespace, name). @throws StatusError Expired when the log no longer reaches back. */
  snapshot(resource: ResourceName, version?: number): readonly KubeObject[];
  /** Changes after `version`. @throws StatusError Expired. */
  since(resource: ResourceName, version: number): VersionedEvent[];
  /** Tells of each change from now on, with no initial list. */
  subscribe(resource: ResourceName, listener: (event: VersionedEvent) => void): () => void;
  /** Hooks of other parts: the network gives Services their addresses. */
  readonly hooks: RegistryHooks;
  readonly types: KindTable;
}

export interface RegistryHooks {
  /** Called with a valid Service before it is stored: sets spec.clusterIP, clusterIPs. @throws StatusError Invalid. */
  allocateService?: (service: KubeObject, old: KubeObject | undefined, dryRun: boolean) => void;
  releaseService?: (service: KubeObject) => void;
}

/** Changes kept per kind for watches that start in the past; older ones are answered with 410 Expired. */
const LOG_LIMIT = 2_000;

interface Kept {
  readonly type: ResourceType;
  readonly objects: Map<string, KubeObject>;
  readonly log: VersionedEvent[];
  /** The version before the oldest logged change. */
  logStart: number;
  readonly listeners: Set<(event: VersionedEvent) => void>;
  sorted: readonly KubeObject[] | undefined;
}

const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Upstream's random suffix: no vowels, no look-alikes (apimachinery/pkg/util/rand). */
function randomSuffix(length = 5): string {
  let text = '';
  for (let i = 0; i < length; i++) text += NAME_ALPHABET[Math.floor(Math.random() * NAME_ALPHABET.length)];
  return text;
}

const key = (namespace: string | undefined, name: string) => `${namespace ?? ''}/${name}`;
const seconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
const byKey = (a: KubeObject, b: KubeObject) => {
  const left = key(a.metadata.namespace, a.metadata.name);
  const right = key(b.metadata.namespace, b.metadata.name);
  return left < right ? -1 : left > right ? 1 : 0;
};

/** The store: versioned objects in memory under upstream's rules for writes, deletes and watches. */
export function createRegistry(clock: SandboxClock): Registry {
  let version = 0;
  const kinds = new Map<ResourceName, Kept>();
  const hooks: RegistryHooks = {};
  const types = createKindTable();

  function kept(resource: ResourceName): Kept {
    let entry = kinds.get(resource);
    if (!entry) {
      const type = types.byResource(resource);
      if (!type) throw new StatusError('NotFound', 'the server could not find the requested resource');
      entry = { type, objects: new Map(), log: [], logStart: 0, listeners: new Set(), sorted: undefined };
      kinds.set(resource, entry);
    }
    return entry;
  }

  function keptFor(object: KubeObject): Kept {
    const type = types.byKind(object.apiVersion, object.kind);
    if (!type) {
      throw new StatusError('BadRequest', `no kind "${object.kind}" is registered for version "${object.apiVersion}"`);
    }
    return kept(type.resource);
  }

  function store(entry: Kept, type: WatchEvent['type'], object: KubeObject, previous: KubeObject | undefined): KubeObject {
    version++;
    object.metadata.resourceVersion = String(version);
    deepFreeze(object);
    const id = key(object.metadata.namespace, object.metadata.name);
    if (type === 'DELETED') entry.objects.delete(id);
    else entry.objects.set(id, object);
    entry.sorted = undefined;
    const event: VersionedEvent = { type, object, version, ...(previous ? { previous } : {}) };
    entry.log.push(event);
    if (entry.log.length > LOG_LIMIT) {
      const dropped = entry.log.splice(0, LOG_LIMIT / 2);
      entry.logStart = dropped.at(-1)?.version ?? 0;
    }
    for (const listener of [...entry.listeners]) listener(event);
    return object;
  }

  function remove(entry: Kept, current: KubeObject): KubeObject {
    const gone = { ...current, metadata: { ...current.metadata } };
    if (entry.type.resource === 'services') hooks.releaseService?.(current);
    return store(entry, 'DELETED', gone, current);
  }

  /** Draft of the object with upstream's own metadata and no status that the writer may not set. */
  function create<T extends KubeObject>(object: T, options: WriteOptions = {}): T {
    const entry = keptFor(object);
    const { type } = entry;
    const draft: KubeObject = structuredClone(object);
    const meta = draft.metadata;
    if (type.namespaced) {
      checkNamespace(type, meta.namespace, meta.name);
    } else delete meta.namespace;
    if (meta.resourceVersion) {
      throw new StatusError('InternalError', 'resourceVersion should not be set on objects to be created');
    }
    if (!meta.name && meta.generateName) meta.name = meta.generateName.slice(0, 58) + randomSuffix();
    meta.uid = randomUUID();
    meta.creationTimestamp = seconds(clock.now());
    delete meta.deletionTimestamp;
    delete meta.deletionGracePeriodSeconds;
    delete meta.resourceVersion;
    if (type.generation) meta.generation = 1;
    else delete meta.generation;
    if (type.status && !type.keepsStatusOnCreate) {
      if (type.custom) delete draft.status;
      else draft.status = {};
    }
    type.prepare?.(draft, undefined);
    type.defaults(draft);
    const errors = [...validateMetadata(type, draft, undefined), ...type.validate(draft, undefined)];
    if (errors.length > 0) throw invalidObject(type, meta.name || meta.generateName || '', errors);
    if (entry.objects.has(key(meta.namespace, meta.name))) throw alreadyExists(type, meta.name);
    if (type.resource === 'services') hooks.allocateService?.(draft, undefined, options.dryRun === true);
    track(draft, undefined, type, options);
    if (options.dryRun) return draft as T;
    return store(entry, 'ADDED', draft, undefined) as T;
  }

  function track(draft: KubeObject, old: KubeObject | undefined, type: ResourceType, options: WriteOptions): void {
    const { fieldManager, subresource } = options;
    if (fieldManager) trackUpdate(draft, old, fieldManager, subresource, clock.now(), objectSchema(draft, type.schema));
  }

  function checkNamespace(type: ResourceType, namespace: string | undefined, name: string): void {
    if (!namespace) throw new StatusError('BadRequest', 'an empty namespace may not be set during creation');
    const found = kept('namespaces').objects.get(key(undefined, namespace));
    if (!found) throw notFoundStatus({ plural: 'namespaces', group: '' }, namespace);
    if (found.metadata.deletionTimestamp) {
      const qualified = type.group ? `${type.plural}.${type.group}` : type.plural;
      throw new StatusError(
        'Forbidden',
        `${qualified} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
        {
          name,
          ...(type.group ? { group: type.group } : {}),
          kind: type.plural,
          causes: [
            {
              reason: 'NamespaceTerminating',
              message: `namespace ${namespace} is being terminated`,
              field: 'metadata.namespace',
            },
          ],
        },
      );
    }
  }

  function update<T extends KubeObject>(object: T, options: WriteOptions = {}): T {
    const entry = keptFor(object);
    const { type } = entry;
    const { name, namespace } = object.metadata;
    const current = entry.objects.get(key(type.namespaced ? namespace : undefined, name));
    if (!current) throw notFoundStatus(type, name);
    const given = object.metadata;
    if (given.uid && given.uid !== current.metadata.uid) {
      throw conflict(
        type,
        name,
        `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${current.metadata.uid}`,
      );
    }
    if (given.resourceVersion && given.resourceVersion !== current.metadata.resourceVersion) throw conflict(type, name);

    const draft: KubeObject = structuredClone(object);
    if (options.subresource === 'status') {
      const status = draft.status;
      const { managedFields, annotations } = draft.metadata;
      for (const field of Object.keys(draft)) delete draft[field];
      Object.assign(draft, structuredClone(current));
      // Upstream's status strategies keep the writer's annotations: the Deployment controller brings its revision with the status.
      if (annotations) draft.metadata.annotations = annotations;
      if (status === undefined) delete draft.status;
      else draft.status = status;
      if (managedFields) draft.metadata.managedFields = managedFields;
    } else if (type.status) {
      if (current.status === undefined) delete draft.status;
      else draft.status = structuredClone(current.status);
    }
    keepSystemMetadata(draft, current);
    if (options.subresource !== 'status') {
      type.prepare?.(draft, current);
      type.defaults(draft);
      // A subset of upstream's rule: any change outside metadata and status counts.
      // The scheduler's binding is no change of a pod's spec by its owner (registry/core/pod/storage, assignPod).
      const binds = type.resource === 'pods' && !current.spec?.nodeName && draft.spec?.nodeName !== undefined;
      // A Deployment's annotations count, because its ReplicaSets get them (registry/apps/deployment/strategy.go).
      const annotated =
        type.resource === 'deployments.apps' && !equal(draft.metadata.annotations ?? {}, current.metadata.annotations ?? {});
      if (type.generation && !binds && (annotated || !sameSpec(draft, current)))
        draft.metadata.generation = (current.metadata.generation ?? 0) + 1;
    }
    const errors = validateMetadata(type, draft, current);
    // Controllers write status often; it is theirs to get right.
    if (options.subresource !== 'status') errors.push(...type.validate(draft, current));
    if (errors.length > 0) throw invalidObject(type, name, errors);
    if (type.resource === 'services') hooks.allocateService?.(draft, current, options.dryRun === true);
    track(draft, current, type, options);
    if (options.dryRun) return draft as T;
    if (equal(draft, current)) return current as T;
    const stored = mayGo(entry, draft) ? remove(entry, draft) : store(entry, 'MODIFIED', draft, current);
    return stored as T;
  }

  /** An object that was being deleted goes when nothing holds it any more. */
  function mayGo(entry: Kept, object: KubeObject): boolean {
    const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
    if (!deletionTimestamp || (finalizers?.length ?? 0) > 0) return false;
    if (entry.type.resource === 'namespaces') return (object.spec?.finalizers?.length ?? 0) === 0;
    return (deletionGracePeriodSeconds ?? 0) === 0;
  }

  function modify<T extends KubeObject>(
    resource: ResourceName,
    namespace: string | undefined,
    name: string,
    // biome-ignore lint/suspicious/noConfusingVoidType: a change usually returns nothing
    change: (draft: T) => void | false,
    options: WriteOptions = {},
  ): T | undefined {
    const current = get<T>(resource, namespace, name);
    if (!current) return undefined;
    const draft = structuredClone(current);
    if (change(draft) === false) return current;
    return update(draft, options);
  }

  function get<T extends KubeObject>(resource: ResourceName, namespace: string | undefined, name: string): T | undefined {
    return kept(resource).objects.get(key(namespace, name)) as T | undefined;
  }

  function sorted(entry: Kept): readonly KubeObject[] {
    entry.sorted ??= [...entry.objects.values()].sort(byKey);
    return entry.sorted;
  }

  function list<T extends KubeObject>(resource: ResourceName, options: ListOptions = {}): T[] {
    return sorted(kept(resource)).filter(
      object =>
        (options.namespace === undefined || object.metadata.namespace === options.namespace) &&
        (options.labels === undefined || options.labels(object.metadata.labels ?? {})) &&
        (options.fields === undefined || options.fields(object)),
    ) as T[];
  }

  function remove_(
    resource: ResourceName,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): KubeObject | undefined {
    const entry = kept(resource);
    const { type } = entry;
    const current = entry.objects.get(key(namespace, name));
    if (!current) return undefined;
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid && uid !== current.metadata.uid) {
      throw conflict(type, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`);
    }
    if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) {
      throw conflict(
        type,
        name,
        `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${current.metadata.resourceVersion}`,
      );
    }

    const draft = structuredClone(current);
    const { metadata } = draft;
    // The request decides between the two finalizers of the garbage collector; background deletion takes both away.
    if (options.propagationPolicy) {
      const others = (metadata.finalizers ?? []).filter(name => name !== 'foregroundDeletion' && name !== 'orphan');
      if (options.propagationPolicy === 'Foreground') others.push('foregroundDeletion');
      if (options.propagationPolicy === 'Orphan') others.push('orphan');
      if (others.length > 0) metadata.finalizers = others;
      else delete metadata.finalizers;
    }
    const grace = resource === 'pods' ? podGracePeriod(current, options) : 0;
    const held =
      (metadata.finalizers?.length ?? 0) > 0 || (resource === 'namespaces' && (draft.spec?.finalizers?.length ?? 0) > 0);
    const before = metadata.deletionTimestamp ? metadata.deletionGracePeriodSeconds : undefined;
    if (before === undefined || grace < before) {
      const asked = metadata.deletionTimestamp ? Date.parse(metadata.deletionTimestamp) - (before ?? 0) * 1000 : clock.now();
      metadata.deletionTimestamp = seconds(asked + grace * 1000);
      metadata.deletionGracePeriodSeconds = grace;
      if (metadata.generation) metadata.generation += 1;
    }
    if (resource === 'namespaces') draft.status = { ...draft.status, phase: 'Terminating' };
    if (options.dryRun) return draft;
    if (grace === 0 && !held) return remove(entry, current);
    if (equal(draft, current)) return current;
    return store(entry, 'MODIFIED', draft, current);
  }

  function watch(
    resource: ResourceName,
    listener: (event: WatchEvent) => void,
    options: { namespace?: string } = {},
  ): () => void {
    const { namespace } = options;
    for (const object of sorted(kept(resource))) {
      if (namespace === undefined || object.metadata.namespace === namespace) listener({ type: 'ADDED', object });
    }
    return subscribe(resource, event => {
      if (namespace === undefined || event.object.metadata.namespace === namespace) listener(event);
    });
  }

  function subscribe(resource: ResourceName, listener: (event: VersionedEvent) => void): () => void {
    const { listeners } = kept(resource);
    // A private function, so that one listener given twice is told twice and ended singly.
    const own = (event: VersionedEvent) => listener(event);
    listeners.add(own);
    return () => listeners.delete(own);
  }

  function since(resource: ResourceName, from: number): VersionedEvent[] {
    const entry = kept(resource);
    if (from < entry.logStart) {
      throw new StatusError('Expired', `too old resource version: ${from} (${entry.logStart})`);
    }
    let start = entry.log.length;
    while (start > 0 && (entry.log[start - 1] as VersionedEvent).version > from) start--;
    return entry.log.slice(start);
  }

  function snapshot(resource: ResourceName, atVersion?: number): readonly KubeObject[] {
    const entry = kept(resource);
    if (atVersion === undefined || atVersion >= version) return sorted(entry);
    if (atVersion < entry.logStart) {
      throw new StatusError('Expired', 'The provided continue parameter is too old to display a consistent list result.');
    }
    const later = since(resource, atVersion);
    if (later.length === 0) return sorted(entry);
    const objects = new Map(entry.objects);
    for (const event of later.reverse()) {
      const id = key(event.object.metadata.namespace, event.object.metadata.name);
      if (event.previous) objects.set(id, event.previous);
      else objects.delete(id);
    }
    return [...objects.values()].sort(byKey);
  }

  return {
    get,
    list,
    create,
    update,
    modify,
    delete: remove_,
    watch,
    version: () => version,
    snapshot,
    since,
    subscribe,
    hooks,
    types,
  };
}

/** What only the server sets. */
function keepSystemMetadata(draft: KubeObject, current: KubeObject): void {
  const meta = draft.metadata;
  const own = current.metadata;
  for (const field of ['uid', 'creationTimestamp', 'generation', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (own[field] === undefined) delete meta[field];
    else Object.assign(meta, { [field]: own[field] });
  }
  meta.resourceVersion = own.resourceVersion as string;
  if (meta.managedFields === undefined && own.managedFields) meta.managedFields = own.managedFields;
  // An object on its way out may lose finalizers, it gets no new ones: validated in metadata.ts.
}

function sameSpec(a: KubeObject, b: KubeObject): boolean {
  for (const field of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (field !== 'metadata' && field !== 'status' && !equal(a[field], b[field])) return false;
  }
  return true;
}

/** Upstream's pod strategy (registry/core/pod/strategy.go, CheckGracefulDelete): seconds that the pod gets. */
function podGracePeriod(pod: KubeObject, options: DeleteOptions): number {
  const asked = options.gracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
  if (!pod.spec?.nodeName) return 0;
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0;
  return Math.max(0, asked);
}
