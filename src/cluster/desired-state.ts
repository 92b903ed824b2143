import { isDeepStrictEqual } from 'node:util';
import type { RawObject } from '../rehearsal/ports.ts';

/** Annotations that controllers write: they follow the desired state and are no part of it. */
const CONTROLLER_ANNOTATIONS = new Set(['deployment.kubernetes.io/revision', 'deprecated.daemonset.template.generation']);

/** Everything of an object that somebody asked for: what a restore must bring back, field by field. Status and bookkeeping are left out. */
export function desiredState(object: RawObject): Record<string, unknown> {
  const { apiVersion, kind, metadata, status: _status, ...content } = object;
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => !CONTROLLER_ANNOTATIONS.has(key)),
  );
  return {
    apiVersion,
    kind,
    metadata: {
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels: metadata.labels ?? {},
      annotations,
      ownerReferences: metadata.ownerReferences ?? [],
      finalizers: metadata['finalizers'] ?? [],
    },
    ...content,
  };
}

export function sameDesiredState(left: RawObject, right: RawObject): boolean {
  return isDeepStrictEqual(desiredState(left), desiredState(right));
}

/** The pod template of a workload: what a rollback has to bring back. */
export function sameTemplate(left: RawObject, right: RawObject): boolean {
  return isDeepStrictEqual(left['spec']?.template, right['spec']?.template);
}

/** `live` with the desired state of `snapshot`: what is sent to put it back. Identity and controller annotations stay the live object's. */
export function withDesiredState(live: RawObject, snapshot: RawObject): RawObject {
  const { metadata: before, status: _before, ...content } = structuredClone(snapshot);
  const kept = Object.fromEntries(
    Object.entries(live.metadata.annotations ?? {}).filter(([key]) => CONTROLLER_ANNOTATIONS.has(key)),
  );
  const wanted = Object.fromEntries(Object.entries(before.annotations ?? {}).filter(([key]) => !CONTROLLER_ANNOTATIONS.has(key)));
  return {
    ...content,
    metadata: {
      ...live.metadata,
      labels: before.labels ?? {},
      annotations: { ...wanted, ...kept },
      ownerReferences: before.ownerReferences ?? [],
      ...(before['finalizers'] || live.metadata['finalizers'] ? { finalizers: before['finalizers'] ?? [] } : {}),
    },
    ...(live['status'] === undefined ? {} : { status: live['status'] }),
  };
}
