import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Container } from 'kubernetes-types/core/v1.js';
import type { Network } from '../network/network.ts';
import type { ContainerConfig } from '../programs/container/container-config.ts';
import type { ControlLoopContext, KubeObject } from '../registry/resources.ts';
import { ContainerLog, parseLog } from './container-log.ts';
import { ContainerProcess } from './container-process.ts';
import { ContainerConfigError, containerEnvironment, type NodeFacts } from './environment.ts';
import { expand } from './expansion.ts';
import type { Image } from './images.ts';
import { resolveCommand } from './images.ts';
import type { ContainerInstance, PodRuntime, StartFailure } from './pod-runtime.ts';
import { quantity } from './quantity.ts';
import type { Reaper } from './reaper.ts';
import { fileName, type PodVolumes } from './volumes.ts';

const MAX_TERMINATION_MESSAGE_BYTES = 4096;
const FALLBACK_LOG_BYTES = 2048;
const FALLBACK_LOG_LINES = 80;
const DEFAULT_TERMINATION_PATH = '/dev/termination-log';

/** What starting containers needs of the kubelet. */
export interface RunnerContext {
  context: ControlLoopContext;
  network: Network;
  node: NodeFacts;
  reaper: Reaper;
}

export interface PodPlace {
  pod: KubeObject;
  runtime: PodRuntime;
  directory: string;
  volumes: PodVolumes;
}

export interface InstanceEvents {
  /** The program listens on a port for the first time. */
  onListening(instance: ContainerInstance): void;
  onExit(instance: ContainerInstance): void;
}

export interface PreparedContainer {
  config: ContainerConfig;
  /** Set when the command is none of the image's: runc's message. */
  startError?: string;
}

export const memoryLimit = (container: Container): number | undefined =>
  quantity(container.resources?.limits?.memory) || undefined;

/**
 * A container's configuration out of its spec and image.
 * @throws ContainerConfigError when something it refers to is missing.
 */
export function prepareContainer(
  { pod, runtime, directory, volumes }: PodPlace,
  container: Container,
  image: Image,
  rootfs: string,
  { context, network, node }: RunnerContext,
): PreparedContainer {
  const namespace = pod.metadata.namespace as string;
  const env = containerEnvironment(pod, container, runtime.podIP, context.resources, node, image.env);
  const lookup = (name: string) => env[name];
  const command = (container.command ?? []).map(text => expand(text, lookup));
  const args = (container.args ?? []).map(text => expand(text, lookup));
  const resolved = resolveCommand(image, command, args);
  const hostname: string = pod.spec.hostname ?? pod.metadata.name;
  const config: ContainerConfig = {
    title: `rehearse: ${namespace}/${pod.metadata.name} ${container.name}`,
    program: 'error' in resolved ? '' : resolved.program,
    args: 'error' in resolved ? [] : resolved.args,
    env,
    hostname: hostname.slice(0, 63),
    workingDir: posix.resolve('/', container.workingDir ?? image.workingDir),
    rootfs,
    podDirectory: directory,
    mounts: [
      ...volumes.mounts(container, pod.spec.volumes ?? []),
      { mountPath: '/etc/hosts', source: join(directory, 'etc-hosts'), readOnly: false },
    ],
    network: network.forPod(runtime.podIP, namespace),
  };
  return 'error' in resolved ? { config, startError: resolved.error } : { config };
}

const OCI_PREFIX =
  'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ';

/** The message that a container leaves behind: its termination file, or the end of its log if that is asked for. */
function terminationMessage(instance: ContainerInstance, container: Container): string {
  const path = posix.resolve('/', container.terminationMessagePath ?? DEFAULT_TERMINATION_PATH);
  try {
    const text = readFileSync(join(instance.rootfs, path)).subarray(0, MAX_TERMINATION_MESSAGE_BYTES).toString('utf8');
    if (text) return text;
  } catch {
    // Nothing was written, which is usual.
  }
  if (container.terminationMessagePolicy !== 'FallbackToLogsOnError' || instance.exitCode === 0) return '';
  const lines = parseLog(instance.log.read()).slice(-FALLBACK_LOG_LINES);
  return Buffer.concat(lines.map(({ text }) => text))
    .subarray(-FALLBACK_LOG_BYTES)
    .toString('utf8');
}

/** Begins a run of a container. Never throws: a command that does not exist makes a run that ended with 128, as upstream. */
export function startInstance(
  place: PodPlace,
  container: Container,
  image: Image,
  attempt: number,
  runner: RunnerContext,
  events: InstanceEvents,
): { instance: ContainerInstance; failure?: StartFailure; created: boolean } | StartFailure {
  const { context } = runner;
  const id = randomBytes(32).toString('hex');
  const base = join(place.directory, 'containers', fileName(container.name));
  const rootfs = join(base, `root-${attempt}`);
  mkdirSync(rootfs, { recursive: true });
  let prepared: PreparedContainer;
  try {
    prepared = prepareContainer(place, container, image, rootfs, runner);
  } catch (error) {
    if (!(error instanceof ContainerConfigError)) throw error;
    rmSync(rootfs, { recursive: true, force: true });
    return { reason: 'CreateContainerConfigError', message: error.message };
  }
  for (const directory of ['tmp', 'dev', 'root', 'var/run', prepared.config.workingDir])
    mkdirSync(join(rootfs, directory), { recursive: true });
  const log = new ContainerLog(join(base, `${attempt}.log`), () => context.clock.now());
  const instance: ContainerInstance = {
    name: container.name,
    id,
    attempt,
    image: image.canonical,
    imageID: image.id,
    state: 'running',
    startedAt: context.clock.now(),
    finishedAt: 0,
    exitCode: 0,
    signal: undefined,
    reason: '',
    message: '',
    process: undefined,
    log,
    rootfs,
    stopping: undefined,
    oomKilled: false,
    baselineBytes: 0,
    started: container.startupProbe === undefined,
    ready: container.readinessProbe === undefined,
  };
  if (prepared.startError !== undefined) {
    const message = `${OCI_PREFIX}${prepared.startError}: unknown`;
    Object.assign(instance, {
      state: 'exited',
      startedAt: 0,
      finishedAt: context.clock.now(),
      exitCode: 128,
      reason: 'StartError',
      message,
    });
    log.end();
    return { instance, created: true, failure: { reason: 'RunContainerError', message } };
  }
  instance.process = new ContainerProcess({
    config: prepared.config,
    configPath: join(base, `${attempt}.json`),
    podDirectory: place.directory,
    memoryLimitBytes: memoryLimit(container),
    reaper: runner.reaper,
    onOutput: (stream, chunk) => log.write(stream, chunk),
    onMessage: message => {
      if (message.type === 'started') instance.baselineBytes = message.baseline;
      else events.onListening(instance);
    },
    onExit: ({ exitCode, signal }) => {
      instance.stopping?.cancel();
      log.end();
      instance.state = 'exited';
      instance.finishedAt = context.clock.now();
      instance.exitCode = instance.oomKilled ? 137 : exitCode;
      instance.signal = signal;
      instance.reason = instance.oomKilled ? 'OOMKilled' : instance.exitCode === 0 ? 'Completed' : 'Error';
      instance.ready = false;
      instance.started = false;
      instance.message = terminationMessage(instance, container);
      events.onExit(instance);
    },
  });
  return { instance, created: true };
}

/** Frees what a run kept on disk. */
export function removeInstance(instance: ContainerInstance): void {
  instance.log.remove();
  rmSync(instance.rootfs, { recursive: true, force: true });
}
