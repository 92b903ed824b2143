import { REVISION_ANNOTATION, type Revision } from '../cluster/workloads.ts';
import type { RawObject } from '../rehearsal/ports.ts';

/** Annotations of a Deployment that stay its own in an undo; the others become those of the ReplicaSet. Source: kubectl's rollback.go. */
const KEPT_ANNOTATIONS = [
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION_ANNOTATION,
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
  'deprecated.deployment.rollback.to',
];

/**
 * The patch that `kubectl rollout undo` sends: template and annotations of the ReplicaSet for a Deployment, the ControllerRevision's data for the others.
 * Source: k8s.io/kubectl/pkg/polymorphichelpers/rollback.go.
 */
export function undoPatch(workload: RawObject, to: Revision): { patch: unknown; type: 'json' | 'strategic' } {
  if (workload.kind !== 'Deployment') return { patch: to.object['data'], type: 'strategic' };
  const annotations: Record<string, string> = {};
  for (const name of KEPT_ANNOTATIONS) {
    const value = workload.metadata.annotations?.[name];
    if (value !== undefined) annotations[name] = value;
  }
  for (const [name, value] of Object.entries(to.object.metadata.annotations ?? {})) {
    if (!KEPT_ANNOTATIONS.includes(name)) annotations[name] = value;
  }
  return {
    patch: [
      { op: 'replace', path: '/spec/template', value: to.template },
      // kubectl sends `replace`; `add` means the same and also works when there are none.
      { op: 'add', path: '/metadata/annotations', value: annotations },
    ],
    type: 'json',
  };
}
