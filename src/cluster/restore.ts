/**
 * The safety net: puts every object that a drill touched back to its snapshot, and proves it by a diff of live against snapshot.
 * It relies on nothing that the drill did, only on the journal, so it works after a crash and from another machine.
 */
import type { EventOf, ObjectRef } from '../record/events.ts';
import type { Cluster, RawObject } from '../rehearsal/ports.ts';
import { desiredState, sameDesiredState, withDesiredState } from './desired-state.ts';
import { objectDiff } from './diff.ts';
import type { UndoEntry } from './undo-journal.ts';
import { controllerOf, revisionKind, WORKLOAD_KINDS } from './workloads.ts';

export type RestoredObject = EventOf<'restore.finished'>['objects'][number];

const ATTEMPTS = 8;

const keepsRevisions = (kind: string): boolean => (WORKLOAD_KINDS as readonly string[]).includes(kind);

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
export async function putBack(cluster: Cluster, entries: readonly UndoEntry[]): Promise<RestoredObject[]> {
  const restored: RestoredObject[] = [];
  const existing = entries.filter(entry => entry.before !== undefined);
  const created = entries.filter(entry => entry.before === undefined);
  for (const entry of [...existing, ...created]) {
    try {
      restored.push(
        entry.before ? await putBackObject(cluster, entry.object, entry.before) : await deleteCreated(cluster, entry.object),
      );
    } catch (error) {
      restored.push({ object: entry.object, action: 'failed', equal: false, diff: (error as Error).message });
    }
  }
  return restored;
}

async function putBackObject(cluster: Cluster, ref: ObjectRef, before: RawObject): Promise<RestoredObject> {
  let action: RestoredObject['action'] = 'as-found';
  for (let attempt = 1; ; attempt++) {
    const live = await cluster.get(ref);
    if (!live) {
      const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, ...metadata } = before.metadata;
      await cluster.create({ ...structuredClone(before), metadata: metadata as RawObject['metadata'] });
      action = 'created-again';
      continue;
    }
    if (sameDesiredState(live, before)) {
      const equal = action !== 'created-again';
      return {
        object: ref,
        action,
        equal: true,
        diff: equal ? '' : 'the object had been deleted: it is equal, but has a new uid',
      };
    }
    if (attempt > ATTEMPTS)
      return {
        object: ref,
        action: 'failed',
        equal: false,
        diff: objectDiff(desiredState(before) as unknown as RawObject, desiredState(live) as unknown as RawObject),
      };
    try {
      await cluster.replace(withDesiredState(live, before));
      action = action === 'created-again' ? action : 'put-back';
    } catch (error) {
      // Somebody wrote between our read and our write: read again.
      if ((error as { status?: number }).status !== 409) throw error;
    }
  }
}

async function deleteCreated(cluster: Cluster, ref: ObjectRef): Promise<RestoredObject> {
  const live = await cluster.get(ref);
  if (!live) return { object: ref, action: 'as-found', equal: true, diff: '' };
  await cluster.delete(ref, live.metadata.uid === undefined ? {} : { uid: live.metadata.uid });
  return { object: ref, action: 'deleted', equal: true, diff: '' };
}

/**
 * Deletes the revisions that the drill left in the workloads' histories, so that nobody's next `rollout undo` goes back to the bad one.
 * Called when the rollouts have settled. Only revisions that are not in the journal, hold no pods and are not the live one go.
 */
export async function removeDrillRevisions(cluster: Cluster, entries: readonly UndoEntry[]): Promise<string[]> {
  const removed: string[] = [];
  for (const entry of entries) {
    if (!entry.before || !keepsRevisions(entry.before.kind)) continue;
    const live = await cluster.get(entry.object);
    if (!live) continue;
    for (const revision of await ownedRevisions(cluster, live)) {
      const { uid, name, namespace } = revision.metadata;
      if (uid === undefined || entry.revisions.includes(uid)) continue;
      const inUse =
        revision.kind === 'ReplicaSet'
          ? (revision['spec']?.replicas ?? 1) > 0 || (revision['status']?.replicas ?? 0) > 0
          : [live['status']?.updateRevision, live['status']?.currentRevision].includes(name) || live.kind === 'DaemonSet';
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
