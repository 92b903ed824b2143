import type { Container } from 'kubernetes-types/core/v1.js';
import type { KubeObject } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import { type LogLine, parseLog } from './container-log.ts';
import type { ContainerInstance, PodRuntime } from './pod-runtime.ts';

export interface LogOptions {
  follow?: boolean | undefined;
  previous?: boolean | undefined;
  tailLines?: number | undefined;
  limitBytes?: number | undefined;
  sinceSeconds?: number | undefined;
  /** RFC 3339. */
  sinceTime?: string | undefined;
  timestamps?: boolean | undefined;
}

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/**
 * The container whose log is meant (pkg/registry/core/pod/strategy.go, LogLocation).
 * @throws StatusError BadRequest when the pod has several and none is named, or has none of that name.
 */
export function logContainer(pod: KubeObject, name: string | undefined): Container {
  const containers: Container[] = pod.spec.containers ?? [];
  const inits: Container[] = pod.spec.initContainers ?? [];
  const chosen =
    name ||
    pod.metadata.annotations?.[DEFAULT_CONTAINER] ||
    (containers.length === 1 && inits.length === 0 ? containers[0]?.name : undefined);
  if (!chosen) {
    const names = containers.map(container => container.name).join(' ');
    const initNames =
      inits.length > 0 ? ` or one of the init containers: [${inits.map(container => container.name).join(' ')}]` : '';
    throw new StatusError(
      'BadRequest',
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names}]${initNames}`,
    );
  }
  const found = [...inits, ...containers].find(container => container.name === chosen);
  if (!found) throw new StatusError('BadRequest', `container ${chosen} is not valid for pod ${pod.metadata.name}`);
  return found;
}

/**
 * The run whose log is shown.
 * @throws StatusError BadRequest with the kubelet's text when there is none yet, or no previous one.
 */
export function logInstance(
  pod: KubeObject,
  runtime: PodRuntime | undefined,
  name: string,
  previous: boolean,
): ContainerInstance {
  const runs = runtime?.instances.get(name) ?? [];
  const podName = pod.metadata.name;
  const instance = previous
    ? runs.at(-1)?.state === 'exited' && runtime?.failures.has(name)
      ? runs.at(-1)
      : runs.at(-2)
    : runs.at(-1);
  if (previous && !instance)
    throw new StatusError('BadRequest', `previous terminated container "${name}" in pod "${podName}" not found`);
  if (instance) return instance;
  const failure = runtime?.failures.get(name);
  const why = !failure
    ? ([...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(
        status => status.name === name,
      )?.state?.waiting?.reason ?? 'ContainerCreating')
    : failure.reason === 'ErrImagePull'
      ? "image can't be pulled"
      : failure.reason === 'ImagePullBackOff'
        ? 'trying and failing to pull image'
        : failure.reason;
  throw new StatusError('BadRequest', `container "${name}" in pod "${podName}" is waiting to start: ${why}`);
}

function render(lines: readonly LogLine[], options: LogOptions): Buffer {
  return Buffer.concat(
    lines.flatMap(({ timestamp, text }) => (options.timestamps ? [Buffer.from(`${timestamp} `), text] : [text])),
  );
}

function select(lines: readonly LogLine[], options: LogOptions, now: number): LogLine[] {
  const since =
    options.sinceTime !== undefined
      ? Date.parse(options.sinceTime)
      : options.sinceSeconds === undefined
        ? undefined
        : now - options.sinceSeconds * 1000;
  const recent = since === undefined ? [...lines] : lines.filter(({ timestamp }) => Date.parse(timestamp) >= since);
  if (options.tailLines === undefined) return recent;
  return options.tailLines === 0 ? [] : recent.slice(-options.tailLines);
}

/** The text of one run's log, and with `follow` what comes until the run ends or `signal` aborts. */
export async function* streamLog(
  instance: ContainerInstance,
  options: LogOptions,
  now: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { log } = instance;
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const cut = (data: Buffer) => {
    const part = data.length > left ? data.subarray(0, left) : data;
    left -= part.length;
    return part;
  };
  let { data, position } = log.readFrom(0);
  const first = cut(render(select(parseLog(data), options, now), options));
  if (first.length > 0) yield first;
  while (options.follow && left > 0 && !signal.aborted) {
    ({ data, position } = log.readFrom(position));
    if (data.length > 0) {
      const part = cut(render(parseLog(data), options));
      if (part.length > 0) yield part;
      continue;
    }
    if (log.ended) return;
    await new Promise<void>(resolve => {
      const done = () => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = log.onChange(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
