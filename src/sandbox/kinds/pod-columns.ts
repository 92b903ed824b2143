import type { KubeObject } from '../registry/resources.ts';
import { since } from './duration.ts';

/** What `kubectl get pods` says of a pod (pkg/printers/internalversion/printers.go, printPod). */
export interface PodSummary {
  ready: number;
  total: number;
  reason: string;
  restarts: number;
  lastRestart: string | undefined;
}

interface ContainerState {
  waiting?: { reason?: string };
  running?: object;
  terminated?: { reason?: string; exitCode: number; signal?: number; finishedAt?: string };
}

interface ContainerStatus {
  name: string;
  ready?: boolean;
  started?: boolean;
  restartCount?: number;
  state?: ContainerState;
  lastState?: ContainerState;
}

/** The words come from the newest container that is in trouble; init containers come first. */
export function podSummary(pod: KubeObject): PodSummary {
  const spec = pod.spec ?? {};
  const status = pod.status ?? {};
  const conditions: { type: string; status: string; reason?: string }[] = status.conditions ?? [];
  let reason: string = status.reason || status.phase || '';
  if (conditions.some(c => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')) reason = 'SchedulingGated';
  const sidecars = new Set<string>();
  for (const container of spec.initContainers ?? []) if (container.restartPolicy === 'Always') sidecars.add(container.name);

  let total: number = (spec.containers ?? []).length + sidecars.size;
  let ready = 0;
  const init = new Restarts();
  const sidecar = new Restarts();
  let initializing = false;
  const initStatuses: ContainerStatus[] = status.initContainerStatuses ?? [];
  for (const [index, container] of initStatuses.entries()) {
    init.add(container);
    if (sidecars.has(container.name)) sidecar.add(container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated && terminated.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started) {
      if (container.ready) ready++;
      continue;
    }
    if (terminated) {
      reason = `Init:${terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`)}`;
    } else if (waiting?.reason && waiting.reason !== 'PodInitializing') reason = `Init:${waiting.reason}`;
    else reason = `Init:${index}/${(spec.initContainers ?? []).length}`;
    initializing = true;
    break;
  }

  let restarts = init;
  const initialized = conditions.some(c => c.type === 'Initialized' && c.status === 'True');
  if (!initializing || initialized) {
    restarts = sidecar;
    let running = false;
    for (const container of [...((status.containerStatuses ?? []) as ContainerStatus[])].reverse()) {
      restarts.add(container);
      const { waiting, terminated, running: runs } = container.state ?? {};
      if (waiting?.reason) reason = waiting.reason;
      else if (terminated) {
        reason = terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`);
      } else if (container.ready && runs) {
        running = true;
        ready++;
      }
    }
    if (reason === 'Completed' && running) {
      reason = conditions.some(c => c.type === 'Ready' && c.status === 'True') ? 'Running' : 'NotReady';
    }
  }
  if (pod.metadata.deletionTimestamp) {
    if (status.reason === 'NodeLost') reason = 'Unknown';
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') reason = 'Terminating';
  }
  total = Math.max(total, 0);
  return { ready, total, reason, restarts: restarts.count, lastRestart: restarts.last };
}

class Restarts {
  count = 0;
  last: string | undefined;
  add(container: ContainerStatus): void {
    this.count += container.restartCount ?? 0;
    const finished = container.lastState?.terminated?.finishedAt;
    if (finished && (this.last === undefined || this.last < finished)) this.last = finished;
  }
}

/** `3 (2m ago)`. */
export function restartsCell({ restarts, lastRestart }: PodSummary, nowMs: number): string {
  return restarts > 0 && lastRestart ? `${restarts} (${since(lastRestart, nowMs)} ago)` : String(restarts);
}
