import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Network } from '../network/network.ts';
import type { ControlLoopContext, KubeObject } from '../registry/resources.ts';
import { Backoff } from './backoff.ts';
import { ImageManager } from './image-manager.ts';
import { type LogOptions, logContainer, logInstance, streamLog } from './logs.ts';
import { residentMemory } from './memory.ts';
import { keepNode, NODE_NAME } from './node-object.ts';
import { PodWorker, type PodWorkerContext } from './pod-worker.ts';
import { Reaper } from './reaper.ts';

/** How often memory is compared with limits. A cgroup acts at once; this is as near as sampling comes at little cost. */
const MEMORY_PERIOD_MS = 200;

export interface KubeletOptions {
  /** A directory of its own: pods' files and logs; removed when it stops or the runner dies. */
  directory: string;
  network: Network;
  nodeName?: string;
}

export interface Kubelet {
  /**
   * A container's log as bytes, following it when asked to.
   * @throws StatusError BadRequest with upstream's texts (waiting to start, no previous container), before anything is returned.
   */
  logs(pod: KubeObject, container: string | undefined, options: LogOptions, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Bytes that each running container is charged for, by `namespace/pod/container`. */
  memory(): ReadonlyMap<string, number>;
  /** Kills all containers and resolves when they are gone. */
  stop(): Promise<void>;
}

/** Runs the pods that are bound to the sandbox's node as processes of this machine. */
export async function startKubelet(context: ControlLoopContext, options: KubeletOptions): Promise<Kubelet> {
  const { resources, clock } = context;
  const nodeName = options.nodeName ?? NODE_NAME;
  mkdirSync(join(options.directory, 'pods'), { recursive: true, mode: 0o700 });
  // Node's permission model compares real paths.
  const podsDirectory = realpathSync(join(options.directory, 'pods'));
  const workers = new Map<string, PodWorker>();
  const charged = new Map<string, number>();
  const stopNode = keepNode(context, options.network.plan, nodeName);
  const crashBackoff = new Backoff(clock);
  const kubelet: PodWorkerContext = {
    context,
    network: options.network,
    node: { name: nodeName, address: options.network.plan.nodeAddress, cpus: cpus().length, memoryBytes: totalmem() },
    reaper: new Reaper(podsDirectory),
    images: new ImageManager(new Backoff(clock)),
    crashBackoff,
    podsDirectory,
    onFinished: uid => workers.delete(uid),
  };

  const stopPods = resources.watch('pods', ({ type, object }) => {
    const uid = object.metadata.uid as string;
    const worker = workers.get(uid);
    if (type === 'DELETED') {
      worker?.update(undefined);
      return;
    }
    if (object.spec.nodeName !== nodeName) return;
    if (worker) worker.update(object);
    else workers.set(uid, new PodWorker(object, kubelet));
  });
  const refresh = (kind: 'configmaps' | 'secrets') =>
    resources.watch(kind, ({ type, object, previous }) => {
      if (type === 'DELETED' || previous === undefined) return;
      setImmediate(() => {
        for (const worker of workers.values()) {
          if (worker.namespace === object.metadata.namespace) worker.refreshVolumes(kind, object.metadata.name);
        }
      });
    });
  const stopVolumes = [refresh('configmaps'), refresh('secrets')];

  let stopped = false;
  let cancelMemory: (() => void) | undefined;
  const watchMemory = async () => {
    const limited = [...workers.values()].flatMap(worker =>
      worker.running().flatMap(({ instance, limitBytes }) => {
        const pid = instance.process?.pid;
        return limitBytes === undefined || pid === undefined ? [] : [{ worker, instance, limitBytes, pid }];
      }),
    );
    const resident = await residentMemory(limited.map(({ pid }) => pid));
    charged.clear();
    for (const { worker, instance, limitBytes, pid } of limited) {
      const rss = resident.get(pid);
      // The runtime's own memory is not the container's: a limit that suits a program of the image suits ours.
      const used = rss === undefined || instance.baselineBytes === 0 ? 0 : Math.max(0, rss - instance.baselineBytes);
      charged.set(`${worker.namespace}/${worker.name}/${instance.name}`, used);
      if (used <= limitBytes || instance.state !== 'running') continue;
      instance.oomKilled = true;
      instance.process?.signal('SIGKILL');
    }
    if (!stopped) cancelMemory = clock.after(MEMORY_PERIOD_MS, () => void watchMemory());
  };
  void watchMemory();

  return {
    logs(pod, containerName, logOptions, signal) {
      const { name } = logContainer(pod, containerName);
      const instance = logInstance(pod, workers.get(pod.metadata.uid ?? '')?.runtime, name, logOptions.previous ?? false);
      return streamLog(instance, logOptions, clock.now(), signal);
    },
    memory: () => charged,
    async stop() {
      if (stopped) return;
      stopped = true;
      stopNode();
      stopPods();
      cancelMemory?.();
      for (const stop of stopVolumes) stop();
      for (const worker of workers.values()) worker.abandon();
      await kubelet.reaper.stop();
      rmSync(podsDirectory, { recursive: true, force: true, maxRetries: 3 });
      workers.clear();
    },
  };
}
