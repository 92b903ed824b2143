import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, PodStatus } from 'kubernetes-types/core/v1.js';
import type { KubeObject } from '../registry/resources.ts';
import { type Backoff, goDuration } from './backoff.ts';
import { ContainerProbes } from './container-probes.ts';
import { memoryLimit, type PodPlace, type RunnerContext, removeInstance, startInstance } from './container-runner.ts';
import { ExecRunner } from './exec.ts';
import type { ImageManager } from './image-manager.ts';
import {
  type ContainerInstance,
  createPodRuntime,
  initContainers,
  isSidecar,
  latest,
  mainContainers,
  type PodRuntime,
  shouldRestart,
} from './pod-runtime.ts';
import { podStatus } from './pod-status.ts';
import { runPreStop } from './pre-stop.ts';
import { MountError, PodVolumes } from './volumes.ts';

/** After a failed sync: the first look again follows upstream's relisting, the next ones its back-off with jitter. */
const FIRST_RESYNC_MS = 1000;
const RESYNC_MS = 10_000;
/** What a pod gets whose object was removed at once. */
const FORCED_GRACE_MS = 2000;
const MOUNT_RETRY_FIRST_MS = 500;
const MOUNT_RETRY_MAX_MS = 122_000;

export interface PodWorkerContext extends RunnerContext {
  images: ImageManager;
  crashBackoff: Backoff;
  /** Where pods' directories lie. */
  podsDirectory: string;
  /** The pod is over and its object gone: the worker can be forgotten. */
  onFinished(uid: string): void;
}

/**
 * Runs one pod as upstream's pod workers do: each sync first publishes a status out of what runs, then does what is due. Order,
 * reasons and messages follow pkg/kubelet (syncPod, computePodActions, startContainer, SyncTerminatingPod).
 */
export class PodWorker {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly runtime: PodRuntime;
  readonly #kubelet: PodWorkerContext;
  readonly #directory: string;
  readonly #volumes: PodVolumes;
  readonly #probes = new Map<string, ContainerProbes>();
  readonly #execs: ExecRunner;
  #pod: KubeObject;
  #scheduled = false;
  #failures = 0;
  #mountFailures = 0;
  #cancelResync: (() => void) | undefined;
  #cancelDeadline: (() => void) | undefined;
  #terminating = false;
  #terminated = false;
  #finished = false;
  #podFailure: { reason: string; message: string } | undefined;

  constructor(pod: KubeObject, kubelet: PodWorkerContext) {
    this.#pod = pod;
    this.#kubelet = kubelet;
    this.uid = pod.metadata.uid as string;
    this.namespace = pod.metadata.namespace as string;
    this.name = pod.metadata.name;
    const { clock } = kubelet.context;
    this.runtime = createPodRuntime(clock.now());
    this.#directory = join(kubelet.podsDirectory, this.uid);
    this.#volumes = new PodVolumes(this.#directory);
    this.#execs = new ExecRunner(() => this.#place(), kubelet);
    this.requestSync();
  }

  get pod(): KubeObject {
    return this.#pod;
  }

  /** The API object changed; undefined when it is gone. */
  update(pod: KubeObject | undefined): void {
    if (pod) {
      const deleted = pod.metadata.deletionTimestamp && !this.#pod.metadata.deletionTimestamp;
      const changed = deleted || pod.spec !== this.#pod.spec;
      const grace = pod.metadata.deletionGracePeriodSeconds !== this.#pod.metadata.deletionGracePeriodSeconds;
      this.#pod = pod;
      if (this.#terminated) {
        if (pod.metadata.deletionTimestamp) setImmediate(() => this.#deleteCompleted());
      } else if (this.#terminating && grace) this.#shortenGrace();
      else if (changed) this.requestSync();
      return;
    }
    // Deleted from the API without waiting for us (a forced deletion): the processes still get their signal.
    if (this.#finished) return;
    if (this.#terminated) setImmediate(() => this.#forget());
    else if (!this.#terminating) this.#terminate(FORCED_GRACE_MS);
  }

  requestSync(): void {
    if (this.#scheduled || this.#finished) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#finished) return;
      try {
        this.#sync();
      } catch (error) {
        this.#kubelet.context.log('pod sync failed', {
          pod: `${this.namespace}/${this.name}`,
          error: String((error as Error).stack),
        });
        this.#resyncAfterFailure();
      }
    });
  }

  /** Volumes made of ConfigMaps and Secrets take up changes of their sources. */
  refreshVolumes(kind: 'configmaps' | 'secrets', name: string): void {
    if (!this.runtime.sandboxReady || this.#terminating) return;
    for (const volume of this.#pod.spec.volumes ?? []) {
      const sources = volume.projected?.sources ?? [volume];
      const concerned = sources.some(
        (source: { configMap?: { name?: string }; secret?: { name?: string; secretName?: string } }) =>
          kind === 'configmaps' ? source.configMap?.name === name : (source.secret?.secretName ?? source.secret?.name) === name,
      );
      if (!concerned) continue;
      try {
        this.#volumes.setUp(volume, this.#sources(), this.#kubelet.context.clock.now());
      } catch (error) {
        // Upstream keeps the old content of a running pod when the source is gone.
        if (!(error instanceof MountError)) throw error;
      }
    }
  }

  /** Runs over all processes: for the memory watch. */
  running(): { instance: ContainerInstance; limitBytes: number | undefined }[] {
    const found: { instance: ContainerInstance; limitBytes: number | undefined }[] = [];
    for (const container of [...initContainers(this.#pod), ...mainContainers(this.#pod)]) {
      const instance = latest(this.runtime, container.name);
      if (instance?.state === 'running') found.push({ instance, limitBytes: memoryLimit(container) });
    }
    return found;
  }

  /** Kills everything now, without events or status: the kubelet stops. */
  abandon(): void {
    this.#finished = true;
    this.#cancelResync?.();
    this.#cancelDeadline?.();
    for (const probes of this.#probes.values()) probes.stop();
    this.#execs.stop();
    for (const { instance } of this.running()) {
      instance.stopping?.cancel();
      instance.process?.signal('SIGKILL');
    }
  }

  #place(): PodPlace {
    return { pod: this.#pod, runtime: this.runtime, directory: this.#directory, volumes: this.#volumes };
  }

  #sources() {
    return { pod: this.#pod, podIP: this.runtime.podIP, resources: this.#kubelet.context.resources, node: this.#kubelet.node };
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#kubelet.context.recordEvent(this.#pod, type, reason, message, { component: 'kubelet', host: this.#kubelet.node.name });
  }

  #resyncAfterFailure(delay?: number): void {
    this.#cancelResync?.();
    const wait = delay ?? (this.#failures === 0 ? FIRST_RESYNC_MS : RESYNC_MS * (1 + 0.5 * Math.random()));
    this.#failures++;
    this.#cancelResync = this.#kubelet.context.clock.after(wait, () => this.requestSync());
  }

  #publish(podIsTerminal = false): PodStatus {
    const { resources, clock } = this.#kubelet.context;
    let status: PodStatus = this.#pod.status ?? {};
    const make = (pod: KubeObject) =>
      podStatus({
        pod,
        runtime: this.runtime,
        hostIP: this.#kubelet.node.address,
        now: clock.now(),
        podIsTerminal,
        failure: this.#podFailure,
      });
    const written = resources.modify(
      'pods',
      this.namespace,
      this.name,
      draft => {
        if (draft.metadata.uid !== this.uid) return false;
        status = make(draft);
        draft.status = status;
        return undefined;
      },
      { subresource: 'status', fieldManager: 'kubelet' },
    );
    if (written && written.metadata.uid === this.uid) this.#pod = written;
    return status;
  }

  #sync(): void {
    if (this.#terminated) return;
    const current = this.#kubelet.context.resources.get('pods', this.namespace, this.name);
    if (current && current.metadata.uid === this.uid) this.#pod = current;
    if (this.#terminating) {
      this.#finishIfEnded();
      if (!this.#terminated) this.#publish();
      return;
    }
    if (this.#pod.metadata.deletionTimestamp) {
      this.#publish();
      this.#terminate(
        (this.#pod.metadata.deletionGracePeriodSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000,
      );
      return;
    }
    const { phase } = this.#publish();
    if (phase === 'Succeeded' || phase === 'Failed') {
      this.#end();
      return;
    }
    this.#watchDeadline();
    if (!this.runtime.sandboxReady && !this.#setUpSandbox()) return;
    const failed = this.#startDueContainers();
    this.#cancelResync?.();
    if (failed) this.#resyncAfterFailure();
    else this.#failures = 0;
  }

  /** Volumes first, then the address: what upstream needs before any container. False when a volume is missing; it is tried again later. */
  #setUpSandbox(): boolean {
    const { clock } = this.#kubelet.context;
    mkdirSync(this.#directory, { recursive: true });
    let complete = true;
    // The address is known before the volumes only to the downward API.
    const podIP =
      this.runtime.podIP || (this.#pod.spec.hostNetwork ? this.#kubelet.node.address : this.#kubelet.network.allocatePodIP());
    for (const volume of this.#pod.spec.volumes ?? []) {
      try {
        this.#volumes.setUp(volume, { ...this.#sources(), podIP }, clock.now());
      } catch (error) {
        if (!(error instanceof MountError)) throw error;
        complete = false;
        this.#event('Warning', 'FailedMount', `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`);
      }
    }
    if (!complete) {
      if (!this.#pod.spec.hostNetwork) this.#kubelet.network.releasePodIP(podIP);
      this.#cancelResync?.();
      const delay = Math.min(MOUNT_RETRY_FIRST_MS * 2 ** this.#mountFailures++, MOUNT_RETRY_MAX_MS);
      this.#cancelResync = clock.after(delay, () => this.requestSync());
      return false;
    }
    this.runtime.podIP = podIP;
    this.runtime.sandboxReady = true;
    const hostname = this.#pod.spec.hostname ?? this.name;
    writeFileSync(
      join(this.#directory, 'etc-hosts'),
      `# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n${podIP}\t${hostname}\n`,
    );
    return true;
  }

  /** Upstream's computePodActions and what follows from it. True when something failed and must be tried again. */
  #startDueContainers(): boolean {
    let failed = false;
    for (const container of initContainers(this.#pod)) {
      const instance = latest(this.runtime, container.name);
      if (isSidecar(container)) {
        if (shouldRestart(this.#pod, container, instance)) failed = !this.#start(container) || failed;
        if (!latest(this.runtime, container.name)?.started) return failed;
        continue;
      }
      if (instance?.state === 'exited' && instance.exitCode === 0) continue;
      if (instance?.state === 'running') return failed;
      if (instance && !shouldRestart(this.#pod, container, instance)) return failed;
      return !this.#start(container) || failed;
    }
    for (const container of mainContainers(this.#pod)) {
      const instance = latest(this.runtime, container.name);
      if (instance?.state === 'running') {
        if (!instance.stopping && this.#definitionChanged(container, instance)) {
          this.#stop(container, instance, `Container ${container.name} definition changed, will be restarted`);
        }
        continue;
      }
      if (shouldRestart(this.#pod, container, instance)) failed = !this.#start(container) || failed;
    }
    return failed;
  }

  #specImages = new WeakMap<ContainerInstance, string>();

  #definitionChanged(container: Container, instance: ContainerInstance): boolean {
    const before = this.#specImages.get(instance);
    return before !== undefined && before !== container.image;
  }

  /** Starts one container, or notes why not. Returns whether it runs. */
  #start(container: Container): boolean {
    const { clock } = this.#kubelet.context;
    const { name } = container;
    const { failures } = this.runtime;
    const previous = latest(this.runtime, name);
    const event = this.#event.bind(this);
    const key = `${this.uid}_${name}_${container.image}`;
    const { crashBackoff } = this.#kubelet;
    if (previous) {
      if (crashBackoff.isInBackoffSince(key, previous.finishedAt)) {
        const full = `${this.name}_${this.namespace}(${this.uid})`;
        event('Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${full}`);
        const delay = goDuration(crashBackoff.delay(key));
        failures.set(name, {
          reason: 'CrashLoopBackOff',
          message: `back-off ${delay} restarting failed container=${name} pod=${full}`,
        });
        return false;
      }
      crashBackoff.next(key, previous.finishedAt);
    }
    const image = this.#kubelet.images.ensure(this.#pod, container, event);
    if ('reason' in image) {
      event('Warning', 'Failed', `Error: ${image.reason}`);
      failures.set(name, image);
      return false;
    }
    const attempt = previous ? previous.attempt + 1 : 0;
    let started: ReturnType<typeof startInstance>;
    try {
      started = startInstance(this.#place(), container, image, attempt, this.#kubelet, {
        onListening: instance => this.#probes.get(instance.id)?.listening(),
        onExit: instance => this.#exited(instance),
      });
    } catch (error) {
      // A full disk, no more processes: the user sees it as they would of a node's container runtime.
      started = { reason: 'CreateContainerError', message: (error as Error).message };
    }
    if ('reason' in started) {
      event('Warning', 'Failed', `Error: ${started.message}`);
      failures.set(name, started);
      return false;
    }
    const { instance, failure } = started;
    this.#specImages.set(instance, container.image ?? '');
    this.#keep(instance);
    event('Normal', 'Created', `Created container: ${name}`);
    if (failure) {
      event('Warning', 'Failed', `Error: ${failure.message}`);
      failures.set(name, failure);
      return false;
    }
    failures.delete(name);
    event('Normal', 'Started', `Started container ${name}`);
    const probes = new ContainerProbes(container, instance, {
      clock,
      restartPolicy: this.#pod.spec.restartPolicy,
      target: {
        podIP: this.runtime.podIP,
        container,
        dial: this.#kubelet.network.dial,
        exec: (command, timeoutMs) => this.#execs.run(container, instance, command, timeoutMs),
      },
      event,
      onChange: () => this.requestSync(),
      onFatal: message => this.#stop(container, instance, message),
    });
    this.#probes.set(instance.id, probes);
    this.requestSync();
    return true;
  }

  /** Keeps the last two runs of a container. */
  #keep(instance: ContainerInstance): void {
    const runs = this.runtime.instances.get(instance.name) ?? [];
    runs.push(instance);
    for (const old of runs.splice(0, Math.max(0, runs.length - 2))) removeInstance(old);
    this.runtime.instances.set(instance.name, runs);
  }

  #exited(instance: ContainerInstance): void {
    this.#probes.get(instance.id)?.stop();
    this.#probes.delete(instance.id);
    this.#failures = 0;
    if (this.#finished) return;
    if (instance.oomKilled)
      this.#kubelet.context.log('container killed: over its memory limit', { pod: this.name, container: instance.name });
    this.requestSync();
  }

  /** Asks a container to end: preStop hook, SIGTERM, and SIGKILL when the grace period is over. */
  #stop(container: Container, instance: ContainerInstance, message: string, graceMs?: number): void {
    if (instance.state !== 'running' || instance.stopping) return;
    const { clock } = this.#kubelet.context;
    const grace = graceMs ?? (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
    this.#event('Normal', 'Killing', message);
    const deadline = clock.now() + grace;
    const kill = () => instance.process?.signal('SIGKILL');
    instance.stopping = { deadline, cancel: clock.after(Math.max(grace, 1), kill) };
    const terminate = () => instance.process?.signal('SIGTERM');
    const { preStop } = container.lifecycle ?? {};
    if (!preStop || grace <= 0) {
      terminate();
      return;
    }
    void runPreStop(preStop, grace, {
      clock,
      podIP: this.runtime.podIP,
      container,
      dial: this.#kubelet.network.dial,
      exec: (command, timeoutMs) => this.#execs.run(container, instance, command, timeoutMs),
    }).then(failure => {
      if (failure) this.#event('Warning', 'FailedPreStopHook', failure);
      terminate();
    });
  }

  #shortenGrace(): void {
    const { clock } = this.#kubelet.context;
    const grace = (this.#pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
    for (const { instance } of this.running()) {
      if (!instance.stopping || instance.stopping.deadline <= clock.now() + grace) continue;
      instance.stopping.cancel();
      instance.stopping = {
        deadline: clock.now() + grace,
        cancel: clock.after(Math.max(grace, 1), () => instance.process?.signal('SIGKILL')),
      };
    }
  }

  /** Ends all containers: main ones together, sidecars after them. */
  #terminate(graceMs: number): void {
    this.#terminating = true;
    this.#cancelResync?.();
    this.#cancelDeadline?.();
    for (const probes of this.#probes.values()) probes.stopRestarting();
    for (const container of [
      ...mainContainers(this.#pod),
      ...initContainers(this.#pod).filter(candidate => !isSidecar(candidate)),
    ]) {
      const instance = latest(this.runtime, container.name);
      if (instance) this.#stop(container, instance, `Stopping container ${container.name}`, graceMs);
    }
    this.#finishIfEnded();
  }

  #finishIfEnded(): void {
    const running = this.running();
    if (running.some(({ instance }) => mainContainers(this.#pod).some(({ name }) => name === instance.name))) return;
    for (const container of initContainers(this.#pod).filter(isSidecar)) {
      const instance = latest(this.runtime, container.name);
      const grace = this.#pod.metadata.deletionGracePeriodSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30;
      if (instance?.state === 'running') this.#stop(container, instance, `Stopping container ${container.name}`, grace * 1000);
    }
    if (running.length > 0) return;
    this.#end();
  }

  /** Nothing runs any more: the last status, and the object if it was to be deleted. */
  #end(): void {
    if (this.#terminated) return;
    const alive = this.running();
    if (alive.length > 0) {
      // A pod that failed as a whole takes its other containers along.
      this.#terminate((this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000);
      return;
    }
    this.#terminated = true;
    this.#cancelDeadline?.();
    this.#cancelResync?.();
    this.#execs.stop();
    this.runtime.sandboxReady = false;
    this.#publish(true);
    if (this.runtime.podIP && !this.#pod.spec.hostNetwork) this.#kubelet.network.releasePodIP(this.runtime.podIP);
    const { resources } = this.#kubelet.context;
    const current = resources.get('pods', this.namespace, this.name);
    if (current && current.metadata.uid === this.uid) {
      // A pod that completed stays, with its logs, until somebody deletes it.
      if (!current.metadata.deletionTimestamp) return;
      resources.delete('pods', this.namespace, this.name, { gracePeriodSeconds: 0, preconditions: { uid: this.uid } });
    }
    this.#forget();
  }

  #forget(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#kubelet.images.forgetPod(this.uid);
    this.#kubelet.crashBackoff.forget(this.uid);
    rmSync(this.#directory, { recursive: true, force: true });
    this.#kubelet.onFinished(this.uid);
  }

  /** A completed pod was deleted: only its object and files are left. */
  #deleteCompleted(): void {
    if (this.#finished) return;
    const { resources } = this.#kubelet.context;
    const current = resources.get('pods', this.namespace, this.name);
    if (current && current.metadata.uid === this.uid) {
      resources.delete('pods', this.namespace, this.name, { gracePeriodSeconds: 0, preconditions: { uid: this.uid } });
    }
    this.#forget();
  }

  /** activeDeadlineSeconds: the pod fails when its time is over. */
  #watchDeadline(): void {
    const seconds: number | undefined = this.#pod.spec.activeDeadlineSeconds;
    if (seconds === undefined || this.#cancelDeadline) return;
    const { clock } = this.#kubelet.context;
    this.#cancelDeadline = clock.after(Math.max(0, this.runtime.startTime + seconds * 1000 - clock.now()), () => {
      if (this.#terminating || this.#terminated) return;
      const message = 'Pod was active on the node longer than the specified deadline';
      this.#podFailure = { reason: 'DeadlineExceeded', message };
      this.#event('Normal', 'DeadlineExceeded', message);
      this.#publish();
      this.#terminate((this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000);
    });
  }
}
