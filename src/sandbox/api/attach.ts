import { notFoundStatus } from '../registry/api-errors.ts';
import type { KubeObject, Resources, SandboxClock } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import { containerOf, type LogReader } from './logs.ts';
import type { ResourcePath } from './request-path.ts';
import type { WebSocketConnection } from './websocket.ts';

/** Subprotocols of remote commands whose channels are the same for output (client-go/tools/remotecommand). */
export const CHANNEL_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const STDOUT = 1;
const ERROR = 3;

/**
 * `kubectl run -i` attaches once the pod runs, and a short program may have printed everything by then. A container this young
 * is attached to from its start, so that nothing is lost.
 */
const YOUNG_MS = 15_000;

/** Finds what to attach to. @throws StatusError NotFound, BadRequest as upstream. */
export function attachTarget(resources: Resources, path: ResourcePath, asked: string | null) {
  const name = path.name as string;
  const pod = resources.get('pods', path.namespace, name);
  if (!pod) throw notFoundStatus({ plural: 'pods', group: '' }, name);
  const container = containerOf(pod, asked);
  const state = stateOf(pod, container);
  if (!state?.running) throw new StatusError('BadRequest', `container ${container} in pod ${name} is not running`);
  return { pod, container, startedAt: Date.parse(state.running.startedAt) };
}

const stateOf = (pod: KubeObject, container: string) =>
  [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(({ name }) => name === container)
    ?.state;

/** Streams a container's output until it ends or the client leaves. There is no input: containers of the sandbox read none. */
export async function streamAttach(
  connection: WebSocketConnection,
  target: ReturnType<typeof attachTarget>,
  read: LogReader,
  clock: SandboxClock,
): Promise<void> {
  const now = clock.now();
  const options = { follow: true, previous: false, timestamps: false };
  const since = now - target.startedAt < YOUNG_MS ? {} : { sinceTime: new Date(now).toISOString() };
  for await (const chunk of read(target.pod, target.container, { ...options, ...since }, connection.closed)) {
    if (!connection.send(Buffer.concat([Buffer.from([STDOUT]), Buffer.from(chunk)]))) await connection.drained();
  }
  connection.send(Buffer.from(`${String.fromCharCode(ERROR)}{"metadata":{},"status":"Success"}`));
  connection.close();
}
