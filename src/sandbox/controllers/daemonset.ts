import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { claim } from './claim.ts';
import {
  type ControlLoop,
  type ControllerContext,
  isNamespaceTerminating,
  isReason,
  MANAGER,
  startControlLoop,
  storeStatus,
} from './control-loop.ts';
import { deleteRevision, hasSameData, listRevisions, newRevision, renumber, revisionData } from './controller-revisions.ts';
import { daemonTolerations, pinnedAffinity, shouldRun, targetNode } from './daemonset-nodes.ts';
import {
  type DaemonState,
  generationLabels,
  isUpdated,
  REVISION_LABEL,
  rollingUpdate,
  type Steps,
  scheduledFirst,
  surgeCount,
  surplus,
} from './daemonset-update.ts';
import { isEmptySelector, selects } from './label-selector.ts';
import { controllerOf, keyOf, splitKey } from './owner.ts';
import { createPod, deletePod, podFromTemplate, slowStart } from './pod-control.ts';
import { isPodAvailable, isPodReady, isPodTerminal, isPodTerminating } from './pod-state.ts';
import { podTemplateHash } from './pod-template-hash.ts';
import type { ControllerRevision, DaemonSet, DaemonSetStatus, Pod } from './types.ts';
import type { WorkQueue } from './work-queue.ts';

const SOURCE = { component: 'daemonset-controller' };
/** Pods created or deleted in one sync at most. */
const BURST = 250;
/** Between two replacements of a failed pod on one node, ms: doubled each time. */
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 900_000;

/** DaemonSets: a pod on every node that fits (pkg/controller/daemon). */
export function startDaemonSetController(context: ControllerContext): ControlLoop {
  const backoff = new FailedPodBackoff();
  return startControlLoop({
    name: 'daemonset',
    context,
    sync: (key, queue) => syncDaemonSet(context, backoff, key, queue),
    watches: {
      'daemonsets.apps': ({ object }, queue) => queue.add(keyOf(object)),
      nodes: ({ type, object, previous }, queue) => {
        const unchanged =
          type === 'MODIFIED' && equal(previous?.metadata.labels, object.metadata.labels) && equal(previous?.spec, object.spec);
        if (unchanged) return;
        for (const set of context.resources.list('daemonsets.apps')) queue.add(keyOf(set));
      },
      pods: ({ object, previous }, queue) => {
        for (const owner of [controllerOf(object), previous && controllerOf(previous)]) {
          if (owner?.kind === 'DaemonSet') queue.add(`${object.metadata.namespace}/${owner.name}`);
        }
        if (controllerOf(object)) return;
        for (const set of context.resources.list<DaemonSet>('daemonsets.apps', { namespace: object.metadata.namespace })) {
          if (selects(set.spec.selector, object.metadata.labels)) queue.add(keyOf(set));
        }
      },
    },
  });
}

class FailedPodBackoff {
  readonly #entries = new Map<string, { delay: number; since: number }>();

  /** ms to wait before this pod may be replaced; 0 counts the replacement. */
  wait(key: string, now: number): number {
    const entry = this.#entries.get(key);
    if (entry && now - entry.since < entry.delay) return entry.delay - (now - entry.since);
    const fresh = !entry || now - entry.since > 2 * LONGEST_BACKOFF_MS;
    this.#entries.set(key, { delay: fresh ? FIRST_BACKOFF_MS : Math.min(entry.delay * 2, LONGEST_BACKOFF_MS), since: now });
    return 0;
  }
}

function syncDaemonSet(context: ControllerContext, backoff: FailedPodBackoff, key: string, queue: WorkQueue): void {
  const { resources, clock } = context;
  const { namespace, name } = splitKey(key);
  const set = resources.get<DaemonSet>('daemonsets.apps', namespace, name);
  if (!set) return;
  if (isEmptySelector(set.spec.selector)) {
    const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
    context.recordEvent(set, 'Warning', 'SelectingAll', message, SOURCE);
    return;
  }
  if (set.metadata.deletionTimestamp !== undefined) return;
  const { current, old } = constructHistory(context, set);
  const all = resources.list('nodes');
  const pods = podsByNode(claim(resources, 'pods', set, context.pods.candidates(set)));
  const state: DaemonState = {
    set,
    hash: current.metadata.labels?.[REVISION_LABEL] ?? '',
    now: clock.now(),
    pods,
    nodes: new Set(all.filter(node => shouldRun(node, set).start).map(node => node.metadata.name)),
  };
  let failure: unknown;
  try {
    const steps = manage(context, state, all, backoff, delay => queue.addAfter(key, delay));
    take(context, state, steps);
    // As with upstream's expectations: what was just started or deleted must be seen first.
    if (steps.create.length + steps.remove.length === 0 && set.spec.updateStrategy?.type !== 'OnDelete') {
      take(context, state, rollingUpdate(state));
    }
    cleanUpHistory(context, set, old, pods);
  } catch (error) {
    failure = error;
  }
  // With what was just started and deleted: upstream's cache has seen it by then.
  const now = podsByNode(claim(resources, 'pods', set, context.pods.candidates(set)));
  writeStatus(context, { ...state, pods: now }, all, () => queue.addAfter(key, (set.spec.minReadySeconds ?? 0) * 1000));
  if (failure !== undefined) throw failure;
}

function podsByNode(pods: Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    if (isPodTerminal(pod) && isPodTerminating(pod)) continue;
    const node = targetNode(pod);
    if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), pod]);
  }
  return byNode;
}

/** Nodes without a pod get one; pods that failed, are too many, or are on the wrong node go. */
function manage(
  context: ControllerContext,
  state: DaemonState,
  nodes: KubeObject[],
  backoff: FailedPodBackoff,
  syncLater: (ms: number) => void,
): Steps {
  const { set } = state;
  const create: string[] = [];
  const remove: Pod[] = [];
  for (const node of nodes) {
    const { name } = node.metadata;
    const pods = state.pods.get(name);
    const { start, stay } = shouldRun(node, set);
    if (start && !pods) {
      create.push(name);
    } else if (stay) {
      const running: Pod[] = [];
      for (const pod of pods ?? []) {
        if (isPodTerminating(pod)) continue;
        if (!isPodTerminal(pod)) {
          running.push(pod);
          continue;
        }
        const failed = pod.status?.phase === 'Failed';
        const wait = failed ? backoff.wait(`${set.metadata.uid}/${set.status?.observedGeneration}/${name}`, state.now) : 0;
        if (wait > 0) {
          syncLater(wait);
          continue;
        }
        const what = `${failed ? 'failed' : 'succeeded'} daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${name}`;
        const message = `Found ${what}, will try to ${failed ? 'kill' : 'delete'} it`;
        context.recordEvent(
          set,
          failed ? 'Warning' : 'Normal',
          failed ? 'FailedDaemonPod' : 'SucceededDaemonPod',
          message,
          SOURCE,
        );
        remove.push(pod);
      }
      remove.push(...surplus(state, running));
      if (start && running.length === 0 && surgeCount(set, 1) > 0) create.push(name);
    } else {
      remove.push(...(pods ?? []).filter(pod => !isPodTerminating(pod)));
    }
  }
  const known = new Set(nodes.map(node => node.metadata.name));
  for (const [node, pods] of state.pods) if (!known.has(node)) remove.push(...pods.filter(pod => !pod.spec.nodeName));
  return { create, remove };
}

function take(context: ControllerContext, { set, hash }: DaemonState, { create, remove }: Steps): void {
  const nodes = create.slice(0, BURST);
  let next = 0;
  const { error } = slowStart(nodes.length, () => {
    const node = nodes[next++] ?? '';
    const pod = podFromTemplate(set.spec.template, set);
    pod.metadata.labels = { ...pod.metadata.labels, ...generationLabels(set), [REVISION_LABEL]: hash };
    pod.spec.tolerations = daemonTolerations(set.spec.template);
    pod.spec.affinity = pinnedAffinity(pod.spec.affinity, node);
    try {
      createPod(context, pod, set, SOURCE);
    } catch (failure) {
      if (!isNamespaceTerminating(failure)) throw failure;
    }
  });
  const errors: unknown[] = error === undefined ? [] : [error];
  for (const pod of remove.slice(0, BURST)) {
    try {
      deletePod(context, pod, set, SOURCE);
    } catch (failure) {
      errors.push(failure);
    }
  }
  if (errors.length > 0) throw errors[0] as Error;
}

/** The revision of the template as it is, made if need be, and the older ones. */
function constructHistory(
  context: ControllerContext,
  set: DaemonSet,
): { current: ControllerRevision; old: ControllerRevision[] } {
  const data = revisionData(set);
  const revisions = listRevisions(context, set);
  const same = revisions.filter(revision => hasSameData(revision, { data }));
  const old = revisions.filter(revision => !same.includes(revision));
  const number = old.reduce((max, { revision }) => Math.max(max, revision), 0) + 1;
  const kept = same.at(-1);
  if (!kept) return { current: snapshot(context, set, number), old };
  return { current: kept.revision < number ? renumber(context, kept, number) : kept, old };
}

function snapshot(context: ControllerContext, set: DaemonSet, revision: number): ControllerRevision {
  const { resources } = context;
  const hash = podTemplateHash(set.spec.template, set.status?.collisionCount);
  const name = `${set.metadata.name}-${hash}`;
  const draft = newRevision(set, { name, labels: { [REVISION_LABEL]: hash }, revision });
  try {
    return resources.create(draft, MANAGER);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    const other = resources.get<ControllerRevision>('controllerrevisions.apps', set.metadata.namespace, name);
    if (other && hasSameData(other, draft)) return other;
    const live = resources.get<DaemonSet>('daemonsets.apps', set.metadata.namespace, set.metadata.name) ?? set;
    const collisionCount = (live.status?.collisionCount ?? 0) + 1;
    storeStatus(context, 'daemonsets.apps', set, { ...statusOf(live), collisionCount });
    throw error;
  }
}

function cleanUpHistory(context: ControllerContext, set: DaemonSet, old: ControllerRevision[], pods: Map<string, Pod[]>): void {
  let excess = old.length - (set.spec.revisionHistoryLimit ?? 10);
  const live = new Set([...pods.values()].flat().map(pod => pod.metadata.labels?.[REVISION_LABEL]));
  for (const revision of old) {
    if (excess <= 0) return;
    if (live.has(revision.metadata.labels?.[REVISION_LABEL])) continue;
    deleteRevision(context, revision);
    excess--;
  }
}

const statusOf = (set: DaemonSet): DaemonSetStatus =>
  set.status ?? { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };

function writeStatus(context: ControllerContext, state: DaemonState, nodes: KubeObject[], syncLater: () => void): void {
  const { set, hash, now } = state;
  const minReady = set.spec.minReadySeconds ?? 0;
  const first = (node: string): Pod | undefined => [...(state.pods.get(node) ?? [])].sort(scheduledFirst)[0];
  const scheduled = [...state.nodes].flatMap(node => first(node) ?? []);
  const ready = scheduled.filter(isPodReady).length;
  const updated = scheduled.filter(pod => isUpdated(pod, set, hash)).length;
  const available = scheduled.filter(pod => isPodAvailable(pod, minReady, now)).length;
  const unavailable = state.nodes.size - available;
  const misscheduled = nodes.filter(node => !state.nodes.has(node.metadata.name) && state.pods.has(node.metadata.name)).length;
  const { collisionCount, conditions } = statusOf(set);
  const status: DaemonSetStatus = {
    currentNumberScheduled: scheduled.length,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: state.nodes.size,
    numberReady: ready,
    observedGeneration: set.metadata.generation ?? 0,
    ...(updated ? { updatedNumberScheduled: updated } : {}),
    ...(available ? { numberAvailable: available } : {}),
    ...(unavailable ? { numberUnavailable: unavailable } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    ...(conditions ? { conditions } : {}),
  };
  if (!equal(set.status, status)) {
    storeStatus(context, 'daemonsets.apps', set, status);
  }
  if (minReady > 0 && ready !== available) syncLater();
}
