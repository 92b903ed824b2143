import type { Container, ContainerState, ContainerStatus, PodCondition, PodStatus } from 'kubernetes-types/core/v1.js';
import type { KubeObject } from '../registry/resources.ts';
import {
  type ContainerInstance,
  initContainers,
  isSidecar,
  mainContainers,
  type PodRuntime,
  shouldRestart,
} from './pod-runtime.ts';
import { qosClass } from './qos.ts';

export const rfc3339 = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function terminated(instance: ContainerInstance): ContainerState {
  return {
    terminated: {
      exitCode: instance.exitCode,
      reason: instance.reason,
      startedAt: rfc3339(instance.startedAt),
      finishedAt: rfc3339(instance.finishedAt),
      containerID: `containerd://${instance.id}`,
      ...(instance.message ? { message: instance.message } : {}),
    },
  };
}

/** One container's status as convertToAPIContainerStatuses and the reason cache make it (pkg/kubelet/kubelet_pods.go). */
function containerStatus(
  pod: KubeObject,
  container: Container,
  runtime: PodRuntime,
  isInit: boolean,
  podIsTerminal: boolean,
): ContainerStatus {
  const runs = runtime.instances.get(container.name) ?? [];
  const instance = runs.at(-1);
  const previous = runs.at(-2);
  const status: ContainerStatus = {
    name: container.name,
    state: { waiting: { reason: !isInit && initContainers(pod).length > 0 ? 'PodInitializing' : 'ContainerCreating' } },
    lastState: {},
    ready: false,
    restartCount: 0,
    image: container.image ?? '',
    imageID: '',
    started: false,
  };
  if (container.volumeMounts?.length) {
    status.volumeMounts = container.volumeMounts.map(({ name, mountPath, readOnly }) =>
      readOnly ? { name, mountPath, readOnly, recursiveReadOnly: 'Disabled' } : { name, mountPath },
    );
  }
  if (isInit && initContainers(pod).length > 0) status.state = { waiting: { reason: 'PodInitializing' } };
  if (instance) {
    status.containerID = `containerd://${instance.id}`;
    status.image = instance.image;
    status.imageID = instance.imageID;
    status.restartCount = instance.attempt;
    const requests = { ...container.resources?.limits, ...container.resources?.requests };
    status.resources = { ...container.resources, ...(Object.keys(requests).length > 0 ? { requests } : {}) };
    if (Object.keys(requests).length > 0) status.allocatedResources = requests;
    if (previous) status.lastState = terminated(previous);
    if (instance.state === 'running') {
      status.state = { running: { startedAt: rfc3339(instance.startedAt) } };
      status.started = instance.started;
      status.ready = isInit && !isSidecar(container) ? false : instance.started && instance.ready;
    } else {
      status.state = terminated(instance);
      if (isInit && !isSidecar(container)) status.ready = instance.exitCode === 0;
    }
  }
  const initDone = isInit && !isSidecar(container) && instance?.state === 'exited' && instance.exitCode === 0;
  const failure = runtime.failures.get(container.name);
  if (failure && !initDone && shouldRestart(pod, container, instance)) {
    if (status.state?.terminated) status.lastState = status.state;
    status.state = { waiting: { reason: failure.reason, ...(failure.message ? { message: failure.message } : {}) } };
  }
  if (podIsTerminal && !instance) {
    status.state = {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
        // The zero time of upstream's serialization.
        startedAt: null as unknown as string,
        finishedAt: null as unknown as string,
      },
    };
  }
  return status;
}

/** Upstream's getPhase. */
function podPhase(
  pod: KubeObject,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
  podIsTerminal: boolean,
): string {
  const policy = pod.spec.restartPolicy ?? 'Always';
  let pendingInit = 0;
  let failedInit = 0;
  for (const container of initContainers(pod)) {
    const state = initStatuses.find(({ name }) => name === container.name);
    const sidecar = isSidecar(container);
    if (!state) pendingInit++;
    else if (state.state?.running) pendingInit += sidecar ? (state.started ? 0 : 1) : 1;
    else if (state.state?.terminated) {
      if (sidecar) continue;
      if (state.state.terminated.exitCode !== 0) failedInit++;
    } else if (state.lastState?.terminated && !sidecar) {
      if (state.lastState.terminated.exitCode !== 0) failedInit++;
      else pendingInit++;
    } else pendingInit++;
  }
  let running = 0;
  let waiting = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const { state, lastState } of statuses) {
    if (state?.running) running++;
    else if (state?.terminated) {
      stopped++;
      if (state.terminated.exitCode === 0) succeeded++;
    } else if (lastState?.terminated) stopped++;
    else waiting++;
  }
  if (failedInit > 0 && policy === 'Never') return 'Failed';
  if (podIsTerminal && running === 0) return stopped > 0 && succeeded === stopped ? 'Succeeded' : 'Failed';
  if (pendingInit > 0 || failedInit > 0) return 'Pending';
  if (waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (stopped > 0) {
    if (policy === 'Always') return 'Running';
    if (stopped === succeeded) return 'Succeeded';
    return policy === 'Never' ? 'Failed' : 'Running';
  }
  return 'Pending';
}

type Condition = Omit<PodCondition, 'lastTransitionTime' | 'lastProbeTime'>;

function readyCondition(type: 'Ready' | 'ContainersReady', phase: string, unready: readonly string[]): Condition {
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  if (unready.length === 0) return { type, status: 'True' };
  return {
    type,
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}

function conditions(
  pod: KubeObject,
  phase: string,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
  sandboxReady: boolean,
): Condition[] {
  const sidecars = new Set(
    initContainers(pod)
      .filter(isSidecar)
      .map(({ name }) => name),
  );
  const unready = [...initStatuses.filter(({ name }) => sidecars.has(name)), ...statuses]
    .filter(({ ready }) => !ready)
    .map(({ name }) => name);
  const incomplete = initStatuses
    .filter(status => (sidecars.has(status.name) ? !status.started : !status.ready))
    .map(({ name }) => name);
  const initialized: Condition =
    phase === 'Succeeded'
      ? { type: 'Initialized', status: 'True', reason: 'PodCompleted' }
      : incomplete.length > 0 && !(phase === 'Failed' && statuses.some(({ containerID }) => containerID))
        ? {
            type: 'Initialized',
            status: 'False',
            reason: phase === 'Failed' ? 'PodFailed' : 'ContainersNotInitialized',
            ...(phase === 'Failed' ? {} : { message: `containers with incomplete status: [${incomplete.join(' ')}]` }),
          }
        : { type: 'Initialized', status: 'True' };
  return [
    { type: 'PodReadyToStartContainers', status: sandboxReady ? 'True' : 'False' },
    initialized,
    readyCondition('Ready', phase, unready),
    readyCondition('ContainersReady', phase, unready),
  ];
}

export interface StatusInput {
  pod: KubeObject;
  runtime: PodRuntime;
  hostIP: string;
  now: number;
  /** All containers have ended for good: the phase must become Succeeded or Failed. */
  podIsTerminal?: boolean;
  /** Set when the kubelet itself ended the pod (activeDeadlineSeconds). */
  failure?: { reason: string; message: string } | undefined;
}

/** A pod's status out of what runs (upstream's generateAPIPodStatus). Conditions of others, such as PodScheduled, stay as they are. */
export function podStatus({ pod, runtime, hostIP, now, podIsTerminal = false, failure }: StatusInput): PodStatus {
  const old: PodStatus = pod.status ?? {};
  const initStatuses = initContainers(pod).map(container => containerStatus(pod, container, runtime, true, podIsTerminal));
  const statuses = mainContainers(pod).map(container => containerStatus(pod, container, runtime, false, podIsTerminal));
  let phase = podPhase(pod, statuses, initStatuses, podIsTerminal);
  if (old.phase === 'Failed' || old.phase === 'Succeeded') phase = old.phase;
  if (failure) phase = 'Failed';
  const generation = pod.metadata.generation;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const made = conditions(pod, phase, statuses, initStatuses, runtime.sandboxReady);
  const merged = made.map(condition => {
    const before = old.conditions?.find(({ type }) => type === condition.type);
    const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : rfc3339(now);
    return { ...observed, lastProbeTime: null, lastTransitionTime, ...condition } as unknown as PodCondition;
  });
  const others = (old.conditions ?? []).filter(({ type }) => !made.some(condition => condition.type === type));
  return {
    ...observed,
    phase,
    conditions: [...merged, ...others],
    ...(failure ? { reason: failure.reason, message: failure.message } : {}),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(runtime.podIP ? { podIP: runtime.podIP, podIPs: [{ ip: runtime.podIP }] } : {}),
    startTime: rfc3339(runtime.startTime),
    ...(initStatuses.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    containerStatuses: statuses,
    qosClass: old.qosClass ?? qosClass(pod),
  };
}
