import type { Container, NodeSelectorTerm, Taint, Toleration } from 'kubernetes-types/core/v1.js';
import { quantity } from '../kubelet/quantity.ts';
import type { KubeObject } from '../registry/resources.ts';

type Requests = Record<string, number>;

function sumRequests(containers: readonly Container[]): Requests {
  const sum: Requests = {};
  for (const { resources } of containers) {
    const declared = { ...resources?.limits, ...resources?.requests };
    for (const [name, value] of Object.entries(declared)) sum[name] = (sum[name] ?? 0) + quantity(value);
  }
  return sum;
}

/** What a pod asks of its node: the sum of its containers, or one init container if that asks for more. */
function podRequests(pod: KubeObject): Requests {
  const inits: Container[] = pod.spec.initContainers ?? [];
  const sidecars = inits.filter(({ restartPolicy }) => restartPolicy === 'Always');
  const total = sumRequests([...(pod.spec.containers ?? []), ...sidecars]);
  for (const init of inits) {
    if (init.restartPolicy === 'Always') continue;
    for (const [name, value] of Object.entries(sumRequests([init]))) total[name] = Math.max(total[name] ?? 0, value);
  }
  return total;
}

function matchesTerm(term: NodeSelectorTerm, node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  const matches = (value: string | undefined, operator: string, values: readonly string[]): boolean => {
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      case 'Gt':
        return Number(value) > Number(values[0]);
      case 'Lt':
        return Number(value) < Number(values[0]);
      default:
        return false;
    }
  };
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every(({ key, operator, values }) => matches(labels[key], operator, values ?? [])) &&
    matchFields.every(({ operator, values }) => matches(node.metadata.name, operator, values ?? []))
  );
}

function matchesAffinity(pod: KubeObject, node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  if (Object.entries(pod.spec.nodeSelector ?? {}).some(([key, value]) => labels[key] !== value)) return false;
  const terms: NodeSelectorTerm[] | undefined =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some(term => matchesTerm(term, node));
}

const tolerates = (taint: Taint, toleration: Toleration) =>
  (!toleration.effect || toleration.effect === taint.effect) &&
  (!toleration.key || toleration.key === taint.key) &&
  (toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? ''));

/** A label selector's essentials, for pod (anti-)affinity. */
function matchesLabels(
  selector:
    | { matchLabels?: Record<string, string>; matchExpressions?: { key: string; operator: string; values?: string[] }[] }
    | undefined,
  labels: Record<string, string>,
): boolean {
  if (!selector) return false;
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator, values }) => {
      const value = labels[key];
      const has = value !== undefined;
      const inside = has && (values ?? []).includes(value);
      return operator === 'In' ? inside : operator === 'NotIn' ? !inside : operator === 'Exists' ? has : !has;
    })
  );
}

/** Why a node cannot take a pod, in the order and words of upstream's filter plugins; empty when it can. `bound` are all pods on nodes. */
export function reasonsAgainst(pod: KubeObject, node: KubeObject, bound: readonly KubeObject[]): string[] {
  const tolerations: Toleration[] = pod.spec.tolerations ?? [];
  if (node.spec?.unschedulable) {
    const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    if (!tolerations.some(toleration => tolerates(taint, toleration))) return ['node(s) were unschedulable'];
  }
  const taints: Taint[] = node.spec?.taints ?? [];
  const untolerated = taints.find(
    candidate => candidate.effect !== 'PreferNoSchedule' && !tolerations.some(toleration => tolerates(candidate, toleration)),
  );
  if (untolerated) return [`node(s) had untolerated taint {${untolerated.key}: ${untolerated.value ?? ''}}`];
  if (!matchesAffinity(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  const onNode = bound.filter(other => other.spec.nodeName === node.metadata.name);
  const ports = (target: KubeObject) =>
    (target.spec.containers ?? []).flatMap((container: Container) =>
      (container.ports ?? []).map(({ hostPort }) => hostPort).filter(Boolean),
    );
  const wantedPorts = ports(pod);
  if (wantedPorts.length > 0 && onNode.some(other => ports(other).some((port: number) => wantedPorts.includes(port)))) {
    return ["node(s) didn't have free ports for the requested pod ports"];
  }
  const reasons: string[] = [];
  const allocatable: Record<string, string> = node.status?.allocatable ?? {};
  if (onNode.length + 1 > quantity(allocatable['pods'] ?? '110')) reasons.push('Too many pods');
  const used: Requests = {};
  for (const other of onNode)
    for (const [name, value] of Object.entries(podRequests(other))) used[name] = (used[name] ?? 0) + value;
  const wanted = Object.entries(podRequests(pod)).sort(([a], [b]) => order(a) - order(b));
  for (const [name, value] of wanted) {
    if (value > 0 && value > quantity(allocatable[name]) - (used[name] ?? 0) + 1e-9) reasons.push(`Insufficient ${name}`);
  }
  if (reasons.length > 0) return reasons;
  const inNamespace = onNode.filter(other => other.metadata.namespace === pod.metadata.namespace);
  const anti = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const term of anti) {
    if (inNamespace.some(other => matchesLabels(term.labelSelector, other.metadata.labels ?? {}))) {
      return ["node(s) didn't match pod anti-affinity rules"];
    }
  }
  const affinity = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  for (const term of affinity) {
    const self = matchesLabels(term.labelSelector, pod.metadata.labels ?? {});
    if (!self && !inNamespace.some(other => matchesLabels(term.labelSelector, other.metadata.labels ?? {}))) {
      return ["node(s) didn't match pod affinity rules"];
    }
  }
  return [];
}

const order = (resource: string) => ['cpu', 'memory', 'ephemeral-storage'].indexOf(resource) + 1 || 9;

export function fits(pod: KubeObject, node: KubeObject, bound: readonly KubeObject[]): boolean {
  return reasonsAgainst(pod, node, bound).length === 0;
}

/** Upstream's FitError text with the preemption plugin's addition. */
export function failureMessage(reasonsPerNode: readonly string[][]): string {
  if (reasonsPerNode.length === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const reason of reasonsPerNode.flat()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const total = reasonsPerNode.length;
  const listed = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return (
    `0/${total} nodes are available: ${listed.join(', ')}. no new claims to deallocate, ` +
    `preemption: 0/${total} nodes are available: ${total} Preemption is not helpful for scheduling.`
  );
}
