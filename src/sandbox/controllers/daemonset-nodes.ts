/** On which nodes a DaemonSet's pods belong (pkg/controller/daemon/daemon_controller.go, component-helpers/scheduling/corev1). */
import type { KubeObject } from '../registry/resources.ts';
import type { DaemonSet, Pod, PodTemplate } from './types.ts';

interface Taint {
  key: string;
  value?: string;
  effect: string;
}

interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
}

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}

/** Every daemon pod tolerates a node in trouble (AddOrUpdateDaemonPodTolerations). */
const TOLERATIONS: Toleration[] = [
  { effect: 'NoExecute', key: 'node.kubernetes.io/not-ready', operator: 'Exists' },
  { effect: 'NoExecute', key: 'node.kubernetes.io/unreachable', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/disk-pressure', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/pid-pressure', operator: 'Exists' },
  { effect: 'NoSchedule', key: 'node.kubernetes.io/unschedulable', operator: 'Exists' },
];

export function daemonTolerations(template: PodTemplate): Toleration[] {
  const own: Toleration[] = template.spec.tolerations ?? [];
  const added = TOLERATIONS.filter(
    each => !own.some(other => other.key === each.key && other.effect === each.effect && other.operator === each.operator),
  );
  return [...own, ...added];
}

/** Pinned to one node, in the way that the scheduler then finds it. */
export const pinnedAffinity = (affinity: Record<string, unknown> | undefined, node: string): Record<string, unknown> => ({
  ...affinity,
  nodeAffinity: {
    ...(affinity?.nodeAffinity as object | undefined),
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
    },
  },
});

/** The node that the pod is on or meant for. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const { matchFields = [] } of terms as { matchFields?: Requirement[] }[]) {
    const field = matchFields.find(each => each.key === 'metadata.name' && each.operator === 'In' && each.values?.length === 1);
    if (field) return field.values?.[0];
  }
  return undefined;
}

/** Whether a pod should be started there, and whether one that is there may stay. */
export function shouldRun(node: KubeObject, set: DaemonSet): { start: boolean; stay: boolean } {
  const { spec } = set.spec.template;
  if (spec.nodeName && spec.nodeName !== node.metadata.name) return { start: false, stay: false };
  if (!matchesNode(spec, node)) return { start: false, stay: false };
  const tolerations = daemonTolerations(set.spec.template);
  const untolerated = ((node.spec?.taints ?? []) as Taint[]).filter(taint => !tolerations.some(each => tolerates(each, taint)));
  return {
    start: !untolerated.some(taint => taint.effect === 'NoExecute' || taint.effect === 'NoSchedule'),
    stay: !untolerated.some(taint => taint.effect === 'NoExecute'),
  };
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

function matchesNode(spec: PodTemplate['spec'], node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) if (labels[key] !== value) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return true;
  return (required.nodeSelectorTerms ?? []).some((term: { matchExpressions?: Requirement[]; matchFields?: Requirement[] }) => {
    const { matchExpressions = [], matchFields = [] } = term;
    if (matchExpressions.length + matchFields.length === 0) return false;
    const fields = { 'metadata.name': node.metadata.name };
    return matchExpressions.every(each => meets(each, labels)) && matchFields.every(each => meets(each, fields));
  });
}

function meets({ key, operator, values = [] }: Requirement, facts: Record<string, string>): boolean {
  const value = facts[key];
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  if (value === undefined) return false;
  if (operator === 'Gt') return Number(value) > Number(values[0]);
  if (operator === 'Lt') return Number(value) < Number(values[0]);
  return values.includes(value);
}
