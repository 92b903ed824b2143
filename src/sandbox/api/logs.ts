import { badRequest, notFoundStatus } from '../registry/api-errors.ts';
import type { KubeObject, Resources } from '../registry/resources.ts';
import type { Exchange } from './exchange.ts';
import type { ResourcePath } from './request-path.ts';

/** The query of pods/log (core/v1 PodLogOptions). */
export interface LogOptions {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  sinceSeconds?: number;
  /** RFC 3339. */
  sinceTime?: string;
  limitBytes?: number;
}

/** Streams a container's log; ends when the log does, or when `signal` aborts. @throws StatusError before the first chunk. */
export type LogReader = (
  pod: KubeObject,
  container: string,
  options: LogOptions,
  signal: AbortSignal,
) => AsyncIterable<Buffer | string>;

const flag = (text: string | null) => text === 'true' || text === '1';

/** GET pods/NAME/log (registry/core/pod/strategy.go, LogLocation, and the kubelet behind it). */
export async function serveLogs(
  exchange: Exchange,
  resources: Resources,
  path: ResourcePath,
  read: LogReader | undefined,
): Promise<void> {
  const { query, response } = exchange;
  const name = path.name as string;
  const pod = resources.get('pods', path.namespace, name);
  if (!pod) throw notFoundStatus({ plural: 'pods', group: '' }, name);
  const container = containerOf(pod, query.get('container'));
  if (!pod.spec?.nodeName || !read) {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.end();
    return;
  }
  const options: LogOptions = {
    follow: flag(query.get('follow')),
    previous: flag(query.get('previous')),
    timestamps: flag(query.get('timestamps')),
  };
  for (const key of ['tailLines', 'sinceSeconds', 'limitBytes'] as const) {
    const text = query.get(key);
    if (text === null || text === '') continue;
    const value = Number(text);
    if (!Number.isInteger(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    options[key] = value;
  }
  const sinceTime = query.get('sinceTime');
  if (sinceTime) options.sinceTime = sinceTime;

  const abort = new AbortController();
  response.on('close', () => abort.abort());
  const lines = read(pod, container, options, abort.signal)[Symbol.asyncIterator]();
  // The first step tells whether there is a log at all, while an error can still be a Status.
  let step = options.follow ? undefined : await lines.next();
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' });
  response.flushHeaders();
  for (step ??= await lines.next(); !step.done; step = await lines.next()) {
    if (response.destroyed) break;
    if (!response.write(step.value))
      await new Promise(resolve => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
  }
  response.end();
}

/** The container that a request means. @throws StatusError BadRequest when it names none that the pod has, or one of several. */
export function containerOf(pod: KubeObject, asked: string | null): string {
  const { name } = pod.metadata;
  const names: string[] = (pod.spec?.containers ?? []).map((container: { name: string }) => container.name);
  const init: string[] = (pod.spec?.initContainers ?? []).map((container: { name: string }) => container.name);
  if (asked) {
    if (names.includes(asked) || init.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  if (names.length === 1) return names[0] as string;
  const choices = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]${choices}`);
}
