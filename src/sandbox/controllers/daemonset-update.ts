/** Which daemon pods to start and to delete: pure (pkg/controller/daemon/{daemon_controller,update}.go). */
import { scaledValue } from './int-or-percent.ts';
import { isPodAvailable, isPodReady, isPodTerminating } from './pod-state.ts';
import type { DaemonSet, Pod } from './types.ts';

export const REVISION_LABEL = 'controller-revision-hash';
const GENERATION_LABEL = 'pod-template-generation';
const GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';

const templateGeneration = (set: DaemonSet): string | undefined => set.metadata.annotations?.[GENERATION_ANNOTATION];

/** What to do: nodes that need a pod, pods that must go. */
export interface Steps {
  create: string[];
  remove: Pod[];
}

export interface DaemonState {
  set: DaemonSet;
  /** Of the newest revision. */
  hash: string;
  now: number;
  /** Pods by node. */
  pods: Map<string, Pod[]>;
  /** Nodes that should have one. */
  nodes: Set<string>;
}

export const generationLabels = (set: DaemonSet): Record<string, string> => {
  const generation = templateGeneration(set);
  return generation === undefined ? {} : { [GENERATION_LABEL]: generation };
};

export function isUpdated(pod: Pod, set: DaemonSet, hash: string): boolean {
  const generation = templateGeneration(set);
  const labels = pod.metadata.labels ?? {};
  return labels[REVISION_LABEL] === hash || (generation !== undefined && labels[GENERATION_LABEL] === generation);
}

export function scheduledFirst(a: Pod, b: Pod): number {
  const scheduled = Number(b.spec.nodeName !== undefined) - Number(a.spec.nodeName !== undefined);
  if (scheduled !== 0) return scheduled;
  const left = `${a.metadata.creationTimestamp} ${a.metadata.name}`;
  const right = `${b.metadata.creationTimestamp} ${b.metadata.name}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

const rolling = (set: DaemonSet): { maxSurge?: number | string; maxUnavailable?: number | string } =>
  set.spec.updateStrategy?.type === 'RollingUpdate' ? (set.spec.updateStrategy.rollingUpdate ?? {}) : {};

/** Both are rounded up. */
export const surgeCount = (set: DaemonSet, nodes: number): number => scaledValue(rolling(set).maxSurge, nodes, true);

function unavailableCount(set: DaemonSet, nodes: number): number {
  const count = scaledValue(rolling(set).maxUnavailable, nodes, true);
  return nodes > 0 && count === 0 && surgeCount(set, nodes) === 0 ? 1 : count;
}

const isAvailable = ({ set, now }: DaemonState, pod: Pod): boolean => isPodAvailable(pod, set.spec.minReadySeconds ?? 0, now);

/** Several live pods on one node: one stays, or one of each revision where surge allows two. */
export function surplus(state: DaemonState, running: Pod[]): Pod[] {
  const ordered = [...running].sort(scheduledFirst);
  if (surgeCount(state.set, 1) === 0) return ordered.slice(1);
  if (ordered.length <= 1) return [];
  const isNew = (pod: Pod): boolean => pod.metadata.labels?.[REVISION_LABEL] === state.hash;
  const newPod = ordered.find(isNew);
  const oldPod = ordered.find(pod => !isNew(pod));
  const rest = ordered.filter(pod => pod !== newPod && pod !== oldPod);
  if (newPod && oldPod && (!isPodReady(oldPod) || isAvailable(state, newPod))) rest.push(oldPod);
  return rest;
}

/** The one updated and the one old pod on a node; undefined when there are several of either. */
function pair(state: DaemonState, pods: Pod[]): { newPod?: Pod; oldPod?: Pod } | undefined {
  const live = pods.filter(pod => !isPodTerminating(pod));
  const [newPod, ...otherNew] = live.filter(pod => isUpdated(pod, state.set, state.hash));
  const [oldPod, ...otherOld] = live.filter(pod => !isUpdated(pod, state.set, state.hash));
  if (otherNew.length + otherOld.length > 0) return undefined;
  return { ...(newPod ? { newPod } : {}), ...(oldPod ? { oldPod } : {}) };
}

/** One step of a rolling update. */
export function rollingUpdate(state: DaemonState): Steps {
  const desired = state.nodes.size;
  const byNode = new Map<string, Pod[]>(state.pods);
  for (const node of state.nodes) if (!byNode.has(node)) byNode.set(node, []);
  const maxSurge = surgeCount(state.set, desired);
  return maxSurge === 0
    ? replaceInPlace(state, byNode, unavailableCount(state.set, desired))
    : replaceBySurge(state, byNode, maxSurge);
}

/** Old pods that are not available may go at once; of the others, as many as may be unavailable. */
function replaceInPlace(state: DaemonState, byNode: Map<string, Pod[]>, maxUnavailable: number): Steps {
  let unavailable = 0;
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  for (const pods of byNode.values()) {
    const { newPod, oldPod } = pair(state, pods) ?? {};
    if (oldPod && !newPod) {
      if (!isAvailable(state, oldPod)) {
        broken.push(oldPod);
        unavailable++;
      } else if (unavailable < maxUnavailable) candidates.push(oldPod);
    } else if (!newPod || oldPod || !isAvailable(state, newPod)) unavailable++;
  }
  return { create: [], remove: [...broken, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))] };
}

/** A new pod beside the old one; the old one goes once the new one is available. */
function replaceBySurge(state: DaemonState, byNode: Map<string, Pod[]>, maxSurge: number): Steps {
  let surge = 0;
  const remove: Pod[] = [];
  const allowed: string[] = [];
  const candidates: string[] = [];
  for (const [node, pods] of byNode) {
    const found = pair(state, pods);
    if (!found) {
      surge++;
      continue;
    }
    const { newPod, oldPod } = found;
    if (!oldPod) continue;
    if (newPod) {
      if (isAvailable(state, newPod)) remove.push(oldPod);
      else surge++;
    } else if (!isAvailable(state, oldPod)) {
      if (state.nodes.has(node)) allowed.push(node);
      else remove.push(oldPod);
    } else if (state.nodes.has(node)) candidates.push(node);
  }
  return { create: [...allowed, ...candidates.slice(0, Math.max(0, maxSurge - surge))], remove };
}
