import { rfc3339 } from '../kubelet/pod-status.ts';
import type { KubeObject, StartControlLoop } from '../registry/resources.ts';
import { failureMessage, fits, reasonsAgainst } from './filters.ts';

const SOURCE = { component: 'default-scheduler' };
/** Upstream tries an unschedulable pod again after at most 5 min even if nothing changed (podMaxInUnschedulablePodsDuration). */
const RETRY_MS = 300_000;

const isOver = (pod: KubeObject) => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
const isPending = (pod: KubeObject) =>
  !pod.spec.nodeName &&
  !pod.metadata.deletionTimestamp &&
  !isOver(pod) &&
  (pod.spec.schedulerName ?? 'default-scheduler') === 'default-scheduler';

/** Binds pods to nodes, first created first, with upstream's filters as far as one node needs them, and its messages. */
export const startScheduler: StartControlLoop = ({ resources, clock, recordEvent }) => {
  const pending = new Set<string>();
  const unschedulable = new Set<string>();
  let scheduled = false;
  let stopped = false;

  const setCondition = (pod: KubeObject, condition: Record<string, unknown>) => {
    resources.modify(
      'pods',
      pod.metadata.namespace,
      pod.metadata.name,
      draft => {
        if (draft.metadata.uid !== pod.metadata.uid) return false;
        const existing: { type: string; status: string; message?: string; lastTransitionTime?: string }[] =
          draft.status?.conditions ?? [];
        const before = existing.find(({ type }) => type === 'PodScheduled');
        if (before && before.status === condition['status'] && before.message === condition['message']) return false;
        const generation = draft.metadata.generation;
        const unchanged = before?.status === condition['status'] ? before?.lastTransitionTime : undefined;
        const next = {
          ...(generation === undefined ? {} : { observedGeneration: generation }),
          lastProbeTime: null,
          lastTransitionTime: unchanged ?? rfc3339(clock.now()),
          type: 'PodScheduled',
          ...condition,
        };
        draft.status = {
          phase: 'Pending',
          ...draft.status,
          conditions: [...existing.filter(({ type }) => type !== 'PodScheduled'), next],
        };
        return undefined;
      },
      { subresource: 'status', fieldManager: 'kube-scheduler' },
    );
  };

  const schedule = (key: string) => {
    const [namespace, name] = key.split('/') as [string, string];
    const pod = resources.get('pods', namespace, name);
    if (!pod || !isPending(pod)) return;
    if (pod.spec.schedulingGates?.length > 0) return;
    const nodes = resources.list('nodes');
    const bound = resources.list('pods').filter(other => other.spec.nodeName && !isOver(other));
    const node = nodes.find(candidate => fits(pod, candidate, bound));
    if (!node) {
      const message = failureMessage(nodes.map(candidate => reasonsAgainst(pod, candidate, bound)));
      recordEvent(pod, 'Warning', 'FailedScheduling', message, SOURCE);
      setCondition(pod, { status: 'False', reason: 'Unschedulable', message });
      unschedulable.add(key);
      return;
    }
    const nodeName = node.metadata.name;
    resources.modify(
      'pods',
      namespace,
      name,
      draft => {
        draft.spec.nodeName = nodeName;
      },
      { fieldManager: 'kube-scheduler' },
    );
    setCondition(pod, { status: 'True' });
    recordEvent(pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${nodeName}`, SOURCE);
  };

  const wake = () => {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (stopped) return;
      const keys = [...pending];
      pending.clear();
      for (const key of keys) schedule(key);
    });
  };
  const retryAll = () => {
    for (const key of unschedulable) pending.add(key);
    unschedulable.clear();
    if (pending.size > 0) wake();
  };
  const stops = [
    resources.watch('pods', ({ type, object, previous }) => {
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      if (type === 'DELETED' || isOver(object)) {
        pending.delete(key);
        unschedulable.delete(key);
        // Room was made.
        if (object.spec.nodeName && !(previous && type !== 'DELETED' && isOver(previous))) retryAll();
        return;
      }
      if (!isPending(object)) return;
      if (unschedulable.has(key) && previous && previous.spec === object.spec) return;
      if (unschedulable.has(key) && JSON.stringify(previous?.spec) === JSON.stringify(object.spec)) return;
      unschedulable.delete(key);
      pending.add(key);
      wake();
    }),
    resources.watch('nodes', ({ previous, object }) => {
      // Heartbeats change nothing for scheduling.
      const relevant = (node: KubeObject) => JSON.stringify([node.metadata.labels, node.spec, node.status?.allocatable]);
      if (!previous || relevant(previous) !== relevant(object)) retryAll();
    }),
  ];
  let cancel = () => {};
  const flush = () => {
    cancel = clock.after(RETRY_MS, () => {
      retryAll();
      flush();
    });
  };
  flush();
  return {
    stop() {
      stopped = true;
      cancel();
      for (const stop of stops) stop();
    },
  };
};
