/** Deployments, StatefulSets and DaemonSets read alike: revisions, pods, and whether a rollout is done. */
import { isDeepStrictEqual } from 'node:util';
import type { ObjectRef } from '../record/events.ts';
import type { Cluster, RawObject } from '../rehearsal/ports.ts';

export const WORKLOAD_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

export const REVISION_ANNOTATION = 'deployment.kubernetes.io/revision';
export const CHANGE_CAUSE = 'kubernetes.io/change-cause';

const HASH_LABEL = 'pod-template-hash';
export const REVISION_LABEL = 'controller-revision-hash';

/** One pod template that a workload has or had: a ReplicaSet, or a ControllerRevision. */
export interface Revision {
  /** Name and uid of the ReplicaSet or ControllerRevision. */
  name: string;
  uid: string;
  number: number;
  /** What pods of it carry in `pod-template-hash` or `controller-revision-hash`. */
  hash: string;
  /** As people wrote it, without the hash label. */
  template: RawObject;
  createdAt: string;
  changeCause: string | undefined;
  object: RawObject;
}

/** Reference of `deployment/payments` and its like. */
export function workloadRef(text: string, namespace: string): ObjectRef {
  const [kind = '', name = ''] = text.split('/');
  const found = WORKLOAD_KINDS.find(candidate => candidate.toLowerCase() === kind.toLowerCase());
  if (!found || !name) throw new Error(`not a workload: ${text}`);
  return { apiVersion: 'apps/v1', kind: found, namespace, name };
}

export function refOf(object: RawObject): ObjectRef {
  const { name, namespace, uid } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    ...(uid === undefined ? {} : { uid }),
  };
}

/** `deployment/payments`, as kubectl and people write it. */
export function shortName(ref: { kind: string; name: string }): string {
  return `${ref.kind.toLowerCase()}/${ref.name}`;
}

export function sameWorkload(left: ObjectRef, right: ObjectRef): boolean {
  return left.kind === right.kind && left.name === right.name && left.namespace === right.namespace;
}

/** The kind that keeps a workload's revisions. */
export function revisionKind(kind: string): { apiVersion: 'apps/v1'; kind: 'ReplicaSet' | 'ControllerRevision' } {
  return { apiVersion: 'apps/v1', kind: kind === 'Deployment' ? 'ReplicaSet' : 'ControllerRevision' };
}

export function controllerOf(object: RawObject): { kind: string; name: string; uid: string } | undefined {
  return object.metadata.ownerReferences?.find(owner => owner.controller);
}

/** Label selector of a workload in the syntax of the API. */
export function selectorOf(workload: RawObject): string {
  const { matchLabels = {}, matchExpressions = [] } = workload['spec']?.selector ?? {};
  const parts = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of matchExpressions) {
    if (operator === 'In') parts.push(`${key} in (${values.join(',')})`);
    if (operator === 'NotIn') parts.push(`${key} notin (${values.join(',')})`);
    if (operator === 'Exists') parts.push(key);
    if (operator === 'DoesNotExist') parts.push(`!${key}`);
  }
  return parts.join(',');
}

/** Whether labels are of a `LabelSelector`. One that is missing selects nothing, an empty one everything. */
export function isSelected(labels: Readonly<Record<string, string>>, selector: RawObject['spec'] | undefined): boolean {
  if (!selector) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector as {
    matchLabels?: Record<string, string>;
    matchExpressions?: { key: string; operator: string; values?: string[] }[];
  };
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      return operator === 'NotIn'
        ? value === undefined || !values.includes(value)
        : value !== undefined && values.includes(value);
    })
  );
}

/** A ReplicaSet or ControllerRevision as a revision. */
export function revisionOf(object: RawObject): Revision {
  const { name, uid = '', labels = {}, annotations = {}, creationTimestamp = '' } = object.metadata;
  const replicaSet = object.kind === 'ReplicaSet';
  const template = replicaSet ? object['spec']?.template : object['data']?.spec?.template;
  return {
    name,
    uid,
    number: replicaSet ? Number(annotations[REVISION_ANNOTATION] ?? 0) : Number(object['revision'] ?? 0),
    // Pods of a StatefulSet carry the whole name of their ControllerRevision, those of a DaemonSet only its hash.
    hash: replicaSet
      ? (labels[HASH_LABEL] ?? '')
      : controllerOf(object)?.kind === 'StatefulSet'
        ? name
        : (labels[REVISION_LABEL] ?? name),
    template: cleanTemplate(template),
    createdAt: creationTimestamp,
    changeCause: annotations[CHANGE_CAUSE],
    object,
  };
}

/** A pod template without what controllers put into it. */
function cleanTemplate(template: RawObject): RawObject {
  const copy = structuredClone(template ?? {}) as RawObject;
  delete (copy as { $patch?: string }).$patch;
  if (copy.metadata) {
    if (copy.metadata.labels) delete copy.metadata.labels[HASH_LABEL];
    if (copy.metadata['creationTimestamp'] === null) delete copy.metadata['creationTimestamp'];
  }
  return copy;
}

export function sameTemplates(left: RawObject, right: RawObject): boolean {
  return isDeepStrictEqual(cleanTemplate(left), cleanTemplate(right));
}

/** A workload's revisions, newest first. */
export async function revisionsOf(cluster: Cluster, workload: RawObject): Promise<Revision[]> {
  const { items } = await cluster.list(revisionKind(workload.kind), {
    ...(workload.metadata.namespace === undefined ? {} : { namespace: workload.metadata.namespace }),
    labelSelector: selectorOf(workload),
  });
  return items
    .filter(item => controllerOf(item)?.uid === workload.metadata.uid)
    .map(revisionOf)
    .sort((left, right) => right.number - left.number);
}

/** The revision whose template the workload asks for now. */
export function liveRevision(workload: RawObject, revisions: readonly Revision[]): Revision | undefined {
  return revisions.find(revision => sameTemplates(revision.template, workload['spec'].template));
}

/** What its pods carry of the revision they belong to. */
export function revisionHashOf(pod: RawObject): string | undefined {
  return pod.metadata.labels?.[HASH_LABEL] ?? pod.metadata.labels?.[REVISION_LABEL];
}

export function isReady(pod: RawObject): boolean {
  return (pod['status']?.conditions ?? []).some(
    (condition: { type: string; status: string }) => condition.type === 'Ready' && condition.status === 'True',
  );
}

/** Status of every container of a pod, init containers too. */
export function containerStatuses(pod: RawObject): RawObject[] {
  const { initContainerStatuses = [], containerStatuses: main = [] } = pod['status'] ?? {};
  return [...initContainerStatuses, ...main];
}
