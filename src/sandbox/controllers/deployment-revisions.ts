/** Revisions of a Deployment: annotations that it and its ReplicaSets carry (pkg/controller/deployment/util/deployment_util.go). */
import { byCreation, DESIRED_REPLICAS, MAX_REPLICAS, maxSurge, replicasOf } from './deployment-arithmetic.ts';
import { sameTemplate } from './template-equality.ts';
import type { Deployment, ReplicaSet } from './types.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
const ROLLBACK_TO = 'deprecated.deployment.rollback.to';

/** Of the history annotation: about a hundred revisions. */
const MAX_HISTORY_LENGTH = 2000;

/** Annotations that are the Deployment's or the ReplicaSet's own; every other one, `kubernetes.io/change-cause` too, goes along with the revision. */
const OWN_ANNOTATIONS = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
]);

/** NaN when the annotation is no number, 0 when there is none. */
function revisionOf(set: ReplicaSet): number {
  const value = set.metadata.annotations?.[REVISION];
  if (value === undefined) return 0;
  return /^[+-]?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
}

export const maxRevision = (sets: ReplicaSet[]): number =>
  Math.max(0, ...sets.map(revisionOf).filter(revision => !Number.isNaN(revision)));

export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const difference = revisionOf(a) - revisionOf(b);
  return Number.isNaN(difference) || difference === 0 ? byCreation(a, b) : difference;
}

/** The ReplicaSet of the Deployment's template, the oldest if several; and the others, oldest first. */
export function splitReplicaSets(
  deployment: Deployment,
  sets: ReplicaSet[],
): { newSet: ReplicaSet | undefined; oldSets: ReplicaSet[] } {
  const ordered = [...sets].sort(byCreation);
  const newSet = ordered.find(set => sameTemplate(set.spec.template, deployment.spec.template));
  return { newSet, oldSets: ordered.filter(set => set !== newSet) };
}

/** Upstream's SetReplicasAnnotations, on a draft. @returns whether anything changed. */
export function setReplicasAnnotations(set: ReplicaSet, deployment: Deployment): boolean {
  const desired = String(replicasOf(deployment));
  const max = String(replicasOf(deployment) + maxSurge(deployment));
  const annotations = annotationsOf(set);
  const changed = annotations[DESIRED_REPLICAS] !== desired || annotations[MAX_REPLICAS] !== max;
  annotations[DESIRED_REPLICAS] = desired;
  annotations[MAX_REPLICAS] = max;
  return changed;
}

const annotationsOf = (set: ReplicaSet): Record<string, string> => {
  set.metadata.annotations ??= {};
  return set.metadata.annotations;
};

/**
 * Upstream's SetNewReplicaSetAnnotations, on a draft: copies the Deployment's annotations and gives the new revision, if it is higher.
 * A ReplicaSet that had one before is being rolled back to, and keeps the old one in its history. @returns whether anything changed.
 */
export function setRevisionAnnotations(deployment: Deployment, set: ReplicaSet, newRevision: number, exists: boolean): boolean {
  const annotations = annotationsOf(set);
  let changed = false;
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (OWN_ANNOTATIONS.has(key) || annotations[key] === value) continue;
    annotations[key] = value;
    changed = true;
  }
  const old = annotations[REVISION];
  if (old && !/^[+-]?[0-9]+$/.test(old)) return false;
  if (Number(old ?? 0) < newRevision) {
    annotations[REVISION] = String(newRevision);
    changed = true;
    if (old !== undefined) annotations[REVISION_HISTORY] = appendHistory(annotations[REVISION_HISTORY] ?? '', old);
  }
  if (!exists && setReplicasAnnotations(set, deployment)) changed = true;
  return changed;
}

function appendHistory(history: string, revision: string): string {
  if (history === '') return revision;
  const revisions = history.split(',');
  while (revisions.length > 0 && [...revisions, revision].join(',').length > MAX_HISTORY_LENGTH) revisions.shift();
  return [...revisions, revision].join(',');
}
