import type { Container } from 'kubernetes-types/core/v1.js';
import type { KubeObject } from '../registry/resources.ts';
import type { ContainerLog } from './container-log.ts';
import type { ContainerProcess } from './container-process.ts';

/** One run of a container: what a container runtime would keep under a container ID. */
export interface ContainerInstance {
  name: string;
  /** 64 hex digits; the API shows `containerd://ID`. */
  id: string;
  /** How many runs there were before: the API's restartCount. */
  attempt: number;
  image: string;
  imageID: string;
  state: 'running' | 'exited';
  /** Milliseconds since the epoch; 0 for one that never started (StartError). */
  startedAt: number;
  finishedAt: number;
  exitCode: number;
  signal: number | undefined;
  reason: string;
  message: string;
  process: ContainerProcess | undefined;
  log: ContainerLog;
  rootfs: string;
  /** Ends the countdown to SIGKILL, once a stop was begun. */
  stopping: { deadline: number; cancel: () => void } | undefined;
  oomKilled: boolean;
  /** RSS of the runtime itself, which the container is not charged for; bytes. */
  baselineBytes: number;
  /** Results of its probes as far as there are any. */
  started: boolean;
  ready: boolean;
}

/** Why a container could not be started the last time it was tried (upstream's reason cache). */
export interface StartFailure {
  reason: string;
  message: string;
}

/** What the kubelet knows of a pod besides the API object. */
export interface PodRuntime {
  /** '' until the pod has its network. */
  podIP: string;
  sandboxReady: boolean;
  /** Runs of each container, oldest first; the last two are kept. */
  instances: Map<string, ContainerInstance[]>;
  failures: Map<string, StartFailure>;
  /** Set by the first look at the pod, ms since the epoch. */
  startTime: number;
}

export function createPodRuntime(startTime: number): PodRuntime {
  return { podIP: '', sandboxReady: false, instances: new Map(), failures: new Map(), startTime };
}

export function latest(runtime: PodRuntime, name: string): ContainerInstance | undefined {
  return runtime.instances.get(name)?.at(-1);
}

export const initContainers = (pod: KubeObject): Container[] => pod.spec.initContainers ?? [];
export const mainContainers = (pod: KubeObject): Container[] => pod.spec.containers ?? [];
/** An init container with restartPolicy Always runs beside the main ones. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/** Upstream's ShouldContainerBeRestarted: whether the next sync would start this container. */
export function shouldRestart(pod: KubeObject, container: Container, instance: ContainerInstance | undefined): boolean {
  if (pod.metadata.deletionTimestamp) return false;
  if (!instance) return true;
  if (instance.state === 'running') return false;
  const policy = isSidecar(container) ? 'Always' : pod.spec.restartPolicy;
  if (policy === 'Never') return false;
  if (policy === 'OnFailure') return instance.exitCode !== 0;
  return true;
}
