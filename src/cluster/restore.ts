/**
 * The safety net: puts every object that a drill touched back to its snapshot, and proves it by a diff of live against snapshot.
 * It relies on nothing that the drill did, only on the journal, so it works after a crash and from another machine.
 * What somebody else changed meanwhile is neither lost nor overwritten: it is kept, or left to a choice.
 */
import type { EventOf, ObjectRef } from '../record/events.ts';
import type { Clock, Cluster, RawObject } from '../rehearsal/ports.ts';
import { desiredState, sameDesiredState, withDesiredState } from './desired-state.ts';
import { objectDiff } from './diff.ts';
import { differences, pathText, valueAt } from './fields.ts';
import { patiently } from './patience.ts';
import { type ChangedField, changedFields, merged, onlyByHand, shownValue, type TheirChange } from './their-changes.ts';
import type { UndoEntry } from './undo-journal.ts';
import { controllerOf, REVISION_LABEL, revisionKind, revisionOf, sameTemplates, WORKLOAD_KINDS } from './workloads.ts';

export type RestoredObject = EventOf<'restore.finished'>['objects'][number];

/** Leave the object as it is; put the snapshot back over it; put back what is the drill's alone and keep theirs. */
export type TheirsChoice = 'keep' | 'overwrite' | 'merge';

export interface RestoreOptions {
  clock: Clock;
  signal: AbortSignal;
  /** What is to become of somebody else's change. Undefined: nothing is done to the object, which is then not restored. */
  choose?: (change: TheirChange) => Promise<TheirsChoice | undefined>;
  /** Somebody practised on the objects by hand: what was done with the tools of people is the drill's as well. */
  byHand?: boolean;
}

const ATTEMPTS = 8;
const GONE_AGAIN_MS = 500;
const GONE_LIMIT_MS = 45_000;

const keepsRevisions = (kind: string): boolean => (WORKLOAD_KINDS as readonly string[]).includes(kind);

/** Without anybody to ask: both changes have their way where they do not touch, otherwise theirs stays. */
export async function mergeWhenDisjoint(change: TheirChange): Promise<TheirsChoice | undefined> {
  return change.mergeable ? 'merge' : undefined;
}

/** The ReplicaSets or ControllerRevisions that a workload owns. */
export async function ownedRevisions(cluster: Cluster, workload: RawObject): Promise<RawObject[]> {
  if (!keepsRevisions(workload.kind) || workload.metadata.namespace === undefined) return [];
  const { items } = await cluster.list(revisionKind(workload.kind), { namespace: workload.metadata.namespace });
  return items.filter(item => controllerOf(item)?.uid === workload.metadata.uid);
}

/**
 * Puts the entries back, workloads before what was created beside them, and says for each what was done and whether live now equals the snapshot.
 * Never throws: an object that could not be put back is reported as `failed` with the reason in its diff.
 */
export async function putBack(
  cluster: Cluster,
  entries: readonly UndoEntry[],
  options: RestoreOptions,
): Promise<RestoredObject[]> {
  const restored: RestoredObject[] = [];
  const existing = entries.filter(entry => entry.before !== undefined);
  const created = entries.filter(entry => entry.before === undefined);
  for (const entry of [...existing, ...created]) {
    try {
      const { before } = entry;
      const work = () => (before ? putBackObject(cluster, entry, before, options) : deleteCreated(cluster, entry, options));
      restored.push(await patiently(work, options));
    } catch (error) {
      restored.push({ object: entry.object, action: 'failed', equal: false, diff: (error as Error).message });
    }
  }
  return restored;
}

async function putBackObject(
  cluster: Cluster,
  entry: UndoEntry,
  before: RawObject,
  options: RestoreOptions,
): Promise<RestoredObject> {
  const { object: ref } = entry;
  const { choose = mergeWhenDisjoint, byHand = false } = options;
  let action: RestoredObject['action'] = 'as-found';
  let done: string | undefined;
  const startedMs = options.clock.monotonicMs();
  for (let attempt = 1; ; attempt++) {
    const live = await cluster.get(ref);
    if (!live) {
      const ours = byHand || entry.drill === undefined || entry.drill.some(field => field.path.length === 0);
      const choice = ours ? 'overwrite' : await choose({ object: ref, identity: 'deleted', fields: [], mergeable: false });
      if (choice !== 'overwrite') {
        const note = 'somebody deleted it';
        return { object: ref, action: 'left', equal: choice === 'keep', diff: choice === 'keep' ? '' : note, note };
      }
      const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, ...metadata } = before.metadata;
      await unlessChanged(() => cluster.create({ ...structuredClone(before), metadata: metadata as RawObject['metadata'] }));
      action = 'created-again';
      done = 'the object had been deleted: it is equal, but has a new uid';
      continue;
    }
    const recreated =
      action !== 'created-again' && before.metadata.uid !== undefined && live.metadata.uid !== before.metadata.uid;
    if (recreated) done = 'somebody deleted it and created it again: it has a new uid';
    const note = done === undefined ? {} : { note: done };
    if (live.metadata['deletionTimestamp'] !== undefined) {
      // Equal or not, it is about to be gone: what is to be done is known when it is. (Foreground deletion waits for its pods.)
      if (options.clock.monotonicMs() - startedMs > GONE_LIMIT_MS) {
        const left = `it is being deleted, and is not gone yet; finalizers: ${JSON.stringify(live.metadata['finalizers'] ?? [])}`;
        return { object: ref, action: 'failed', equal: false, diff: left, note: left };
      }
      await options.clock.sleep(GONE_AGAIN_MS, options.signal);
      attempt--;
      continue;
    }
    if (sameDesiredState(live, before)) return { object: ref, action, equal: true, diff: '', ...note };

    const fields = changedFields(entry, live);
    const theirs = fields.filter(field => field.by !== 'drill');
    const hands = theirs.length > 0 && byHand && onlyByHand(before, live);
    let wanted = before;
    if (theirs.length > 0 && !hands) {
      const change: TheirChange = {
        object: ref,
        ...(recreated ? { identity: 'deleted and created again' } : {}),
        fields,
        mergeable: theirs.every(field => field.by === 'somebody'),
      };
      const choice = await choose(change);
      if (choice === undefined) return { ...notEqual(ref, 'left', before, live), ...note };
      if (choice === 'keep') return { object: ref, action: 'left', equal: true, diff: '', kept: kept(ref, fields), ...note };
      if (choice === 'merge') {
        if (theirs.length === fields.length)
          return { object: ref, action, equal: true, diff: '', kept: kept(ref, theirs), ...note };
        wanted = merged(live, before, fields);
      }
    }
    if (attempt > ATTEMPTS) return { ...notEqual(ref, 'failed', before, live), ...note };
    if (hands) done = `changed by hand during the drill as well: ${theirs.map(field => pathText(field.path)).join(', ')}`;
    const wrote = await unlessChanged(() => cluster.replace(withDesiredState(live, wanted)));
    if (wrote && action !== 'created-again') action = 'put-back';
  }
}

/** Somebody wrote between our read and our write: false, it is to be read again. */
async function unlessChanged(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if ((error as { status?: number }).status !== 409) throw error;
    return false;
  }
}

function notEqual(object: ObjectRef, action: 'left' | 'failed', before: RawObject, live: RawObject): RestoredObject {
  const diff = objectDiff(desiredState(before) as unknown as RawObject, desiredState(live) as unknown as RawObject);
  return { object, action, equal: false, diff };
}

function kept(object: ObjectRef, fields: readonly ChangedField[]): NonNullable<RestoredObject['kept']> {
  return fields.map(({ path, snapshot, live, who }) => ({
    field: pathText(path),
    before: shownValue(object.kind, path, snapshot),
    now: shownValue(object.kind, path, live),
    ...(who === undefined ? {} : { by: who }),
  }));
}

async function deleteCreated(cluster: Cluster, entry: UndoEntry, options: RestoreOptions): Promise<RestoredObject> {
  const { object: ref } = entry;
  const live = await cluster.get(ref);
  if (!live) return { object: ref, action: 'as-found', equal: true, diff: '' };
  const fields = changedFields(entry, live);
  if (fields.some(field => field.by !== 'drill')) {
    const choice = await (options.choose ?? mergeWhenDisjoint)({ object: ref, fields, mergeable: false });
    if (choice === 'keep') return { object: ref, action: 'left', equal: true, diff: '', kept: kept(ref, fields) };
    if (choice !== 'overwrite')
      return { object: ref, action: 'left', equal: false, diff: 'the drill created it, and somebody else changed it since' };
  }
  await cluster.delete(ref, live.metadata.uid === undefined ? {} : { uid: live.metadata.uid });
  return { object: ref, action: 'deleted', equal: true, diff: '' };
}

/**
 * Deletes the revisions that the drill left in the workloads' histories, so that nobody's next `rollout undo` goes back to the bad one.
 * Called when the rollouts have settled. Only revisions that are not in the journal, have something of the drill in them, hold no pods and
 * are not the live one go.
 */
export async function removeDrillRevisions(
  cluster: Cluster,
  entries: readonly UndoEntry[],
  { byHand = false }: Pick<RestoreOptions, 'byHand'> = {},
): Promise<string[]> {
  const removed: string[] = [];
  for (const entry of entries) {
    if (!entry.before || !keepsRevisions(entry.before.kind)) continue;
    const live = await cluster.get(entry.object);
    if (!live) continue;
    for (const revision of await ownedRevisions(cluster, live)) {
      const { uid, name, namespace } = revision.metadata;
      if (uid === undefined || entry.revisions.includes(uid)) continue;
      if (!byHand && !isOfDrill(entry, entry.before, revision)) continue;
      const inUse = revision.kind === 'ReplicaSet' ? hasPods(revision) : await isCurrent(cluster, live, revision);
      if (inUse) continue;
      await cluster.delete(
        { apiVersion: revision.apiVersion, kind: revision.kind, ...(namespace === undefined ? {} : { namespace }), name },
        { uid },
      );
      removed.push(name);
    }
  }
  return removed;
}

const hasPods = (replicaSet: RawObject) => (replicaSet['spec']?.replicas ?? 1) > 0 || (replicaSet['status']?.replicas ?? 0) > 0;

/** Whether a ControllerRevision is the workload's own, or that of pods that are still there. */
async function isCurrent(cluster: Cluster, live: RawObject, revision: RawObject): Promise<boolean> {
  const { name, namespace } = revision.metadata;
  if ([live['status']?.updateRevision, live['status']?.currentRevision].includes(name)) return true;
  // A DaemonSet does not say which is its own.
  if (sameTemplates(revisionOf(revision).template, live['spec'].template)) return true;
  if (namespace === undefined) return true;
  const { hash } = revisionOf(revision);
  const pods = await cluster.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace, labelSelector: `${REVISION_LABEL}=${hash}` });
  return pods.items.some(pod => controllerOf(pod)?.uid === live.metadata.uid);
}

/** Whether a revision asks for anything that the drill asked for. */
function isOfDrill(entry: UndoEntry, before: RawObject, revision: RawObject): boolean {
  const { drill } = entry;
  if (drill === undefined) return true;
  const template = (of: RawObject) => ({ spec: { template: of } });
  const found = template(revisionOf(revision).template);
  const changed = differences(template(before['spec'].template), found).map(({ path }) => pathText(path));
  return drill.some(
    ({ path, value }) => changed.includes(pathText(path)) && differences(value, valueAt(found, path)).length === 0,
  );
}
