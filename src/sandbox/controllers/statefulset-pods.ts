/** Names, identity and state of a StatefulSet's pods (pkg/controller/statefulset/stateful_set_utils.go). */
import { podFromTemplate } from './pod-control.ts';
import { isPodAvailable, isPodReady, isPodTerminating } from './pod-state.ts';
import type { Pod, PodTemplate, StatefulSet } from './types.ts';

const REVISION_LABEL = 'controller-revision-hash';
const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

/** The number at the end of the name, and what stands before it; -1 and '' when it is not such a name. */
function parentAndOrdinal(pod: Pod): { parent: string; ordinal: number } {
  const parts = /^(.*)-([0-9]+)$/.exec(pod.metadata.name);
  return parts ? { parent: parts[1] ?? '', ordinal: Number(parts[2]) } : { parent: '', ordinal: -1 };
}

export const ordinalOf = (pod: Pod): number => parentAndOrdinal(pod).ordinal;
export const startOrdinal = (set: StatefulSet): number => set.spec.ordinals?.start ?? 0;
export const isMember = (set: StatefulSet, pod: Pod): boolean => parentAndOrdinal(pod).parent === set.metadata.name;
export const revisionOf = (pod: Pod): string => pod.metadata.labels?.[REVISION_LABEL] ?? '';

/** In the store; a pod that was only drafted in this sync has no phase yet. */
export const isCreated = (pod: Pod): boolean => (pod.status?.phase ?? '') !== '';
export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isPodReady(pod);
export const isUnavailable = (pod: Pod, minReadySeconds: number, now: number): boolean =>
  !isPodAvailable(pod, minReadySeconds, now) || isPodTerminating(pod);

export function draftPod(set: StatefulSet, template: PodTemplate, ordinal: number, revision: string): Pod {
  const pod = podFromTemplate(template, set);
  const name = `${set.metadata.name}-${ordinal}`;
  const { generateName: _, ...metadata } = pod.metadata;
  const labels = { ...metadata.labels, [POD_NAME]: name, [POD_INDEX]: String(ordinal), [REVISION_LABEL]: revision };
  // Claims have no storage behind them here: each is a directory that goes with the pod.
  const claims = (set.spec.volumeClaimTemplates ?? []).map(claim => ({ name: claim.metadata.name, emptyDir: {} }));
  const volumes = (pod.spec.volumes ?? []).filter(
    (volume: { name: string }) => !claims.some(claim => claim.name === volume.name),
  );
  return {
    ...pod,
    metadata: { ...metadata, name, labels },
    spec: {
      ...pod.spec,
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(claims.length + volumes.length > 0 ? { volumes: [...claims, ...volumes] } : {}),
    },
  };
}

export const identityMatches = (set: StatefulSet, pod: Pod): boolean =>
  ordinalOf(pod) >= 0 && isMember(set, pod) && pod.metadata.labels?.[POD_NAME] === pod.metadata.name;

/** The labels of its identity, on a draft. */
export function restoreIdentity(pod: Pod): void {
  pod.metadata.labels = {
    ...pod.metadata.labels,
    [POD_NAME]: pod.metadata.name,
    [POD_INDEX]: String(ordinalOf(pod)),
  };
}
