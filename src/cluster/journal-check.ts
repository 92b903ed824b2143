/**
 * What a journal that lies in a cluster may ask for. Whoever may create Secrets in a namespace can write one there, and have it carried out by
 * somebody who may do more: so it gets nothing that no drill in that namespace does.
 */
import type { ObjectRef } from '../record/events.ts';
import type { UndoJournal } from './undo-journal.ts';

/** What drills change, by kind; a ConfigMap is only ever made, as a changed copy. */
const KINDS: Readonly<Record<string, string>> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  Service: 'v1',
  ConfigMap: 'v1',
};

/** The name of a run is part of names and paths. */
const RUN_ID = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/**
 * @param found name of the Secret, and the namespace that it lies in
 * @returns what the journal asks for that no drill there does; undefined for one that may be restored from
 */
export function notOfDrill(journal: UndoJournal, found: { secret: string; namespace: string }): string | undefined {
  const { runId, namespace, lease, otherLeases = [], entries, steadyState } = journal;
  if (!RUN_ID.test(runId) || found.secret !== `rehearse-undo-${runId}`)
    return `it says that it is of run ${JSON.stringify(runId)}`;
  const elsewhere = (what: string, other: string | undefined) =>
    other === found.namespace ? undefined : `it names ${what} of ${other === undefined ? 'no namespace' : `namespace ${other}`}`;
  const wrong = [
    elsewhere('a drill', namespace),
    ...[lease, ...otherLeases].map(ref =>
      isOurLease(ref) ? elsewhere('a lease', ref.namespace) : `it names ${ref.kind}/${ref.name} as a lease`,
    ),
    steadyState && elsewhere('a target', steadyState.target.namespace),
    ...entries.flatMap(({ object, before }) => [
      KINDS[object.kind] === object.apiVersion && !(object.kind === 'ConfigMap' && before)
        ? undefined
        : `it would put back ${object.kind}/${object.name}, which no drill changes`,
      elsewhere(`${object.kind}/${object.name}`, object.namespace),
      before && !isSame(object, before) ? `what it would put back is not ${object.kind}/${object.name}` : undefined,
    ]),
  ];
  return wrong.find(problem => problem !== undefined);
}

function isOurLease({ apiVersion, kind, name }: ObjectRef): boolean {
  return apiVersion === 'coordination.k8s.io/v1' && kind === 'Lease' && name.startsWith('rehearse-');
}

function isSame(object: ObjectRef, before: NonNullable<UndoJournal['entries'][number]['before']>): boolean {
  const { apiVersion, kind, metadata } = before;
  return (
    apiVersion === object.apiVersion &&
    kind === object.kind &&
    metadata.name === object.name &&
    metadata.namespace === object.namespace &&
    (object.uid === undefined || metadata.uid === object.uid)
  );
}
