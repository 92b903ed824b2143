/** One kind cluster, by name: what is there of it, whose it is, and how it is made and removed. */
import { EXIT, RehearseError } from '../../errors/errors.ts';
import type { Clock } from '../../rehearsal/ports.ts';
import { type ConnectedCluster, connect } from '../connection.ts';
import { serverVersion } from '../providers/server-version.ts';
import { isBeingMade, readMark, removeMark, writeMark } from './cluster-mark.ts';
import { CLUSTER_LABEL, kindConfig } from './kind-config.ts';
import type { KindTools } from './tools.ts';

interface KindNode {
  name: string;
  /** Of its container. */
  id: string;
  running: boolean;
  image: string;
}

export interface KindClusterState {
  name: string;
  /** `kind-NAME`, as kind writes it to the kubeconfig. */
  context: string;
  exists: boolean;
  /** Made by `rehearse cluster up`. */
  ours: boolean;
  /** It was never seen ready: its making was interrupted. */
  unfinished: boolean;
  nodes: KindNode[];
  /** Only while its API server answers. */
  api: { server: string; kubernetes: string } | undefined;
}

/** @throws RehearseError (usage) for a name that kind does not take. */
export function checkClusterName(name: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{0,49}$/.test(name))
    throw new RehearseError(`"${name}" is no name for a kind cluster`, {
      exitCode: EXIT.usage,
      hint: 'lower-case letters, digits, dots and dashes, 50 at most',
    });
}

/** Looks; changes nothing. */
export async function inspectCluster(tools: KindTools, name: string, stateDir: string): Promise<KindClusterState> {
  const context = `kind-${name}`;
  const nodes = await nodesOf(tools, name);
  const mark = await readMark(stateDir, name);
  const absent = { name, context, exists: false, ours: mark !== undefined, unfinished: false, nodes, api: undefined };
  if (nodes.length === 0) return absent;
  const markedHere =
    mark !== undefined &&
    (mark.state === 'creating' || nodes.some(node => mark.nodes === undefined || mark.nodes.includes(node.id)));
  const cluster = nodes.some(node => node.running) ? await connectTo(tools, name).catch(() => undefined) : undefined;
  const found = cluster && (await ask(cluster).finally(() => cluster.close()));
  return {
    ...absent,
    exists: true,
    ours: markedHere || found?.label === name,
    unfinished: mark?.state === 'creating' && markedHere,
    api: found && { server: found.server, kubernetes: found.kubernetes },
  };
}

async function ask(
  cluster: ConnectedCluster,
): Promise<{ server: string; kubernetes: string; label: string | undefined } | undefined> {
  try {
    const kubernetes = await serverVersion(cluster);
    const { items } = await cluster.list({ apiVersion: 'v1', kind: 'Node' }, { labelSelector: CLUSTER_LABEL });
    return { server: cluster.server, kubernetes, label: items[0]?.metadata.labels?.[CLUSTER_LABEL] };
  } catch {
    return undefined;
  }
}

async function nodesOf(tools: KindTools, name: string): Promise<KindNode[]> {
  const names = (await tools.run('kind', ['get', 'nodes', '--name', name])).split('\n').filter(line => /^\S+$/.test(line));
  if (names.length === 0) return [];
  const format = '{{.Id}} {{.State.Running}} {{.Config.Image}}';
  const lines = (await tools.run('engine', ['inspect', '--format', format, ...names])).trim().split('\n');
  return lines.map((line, index) => {
    const [id = '', running, image = ''] = line.split(' ');
    return { name: names[index] ?? '', id, running: running === 'true', image };
  });
}

/** With kind's own kubeconfig for it: whatever the user's kubeconfig says, this is the cluster of that name on this machine. */
export async function connectTo(tools: KindTools, name: string): Promise<ConnectedCluster> {
  return connect({ kubeconfigText: await tools.run('kind', ['get', 'kubeconfig', '--name', name]) });
}

export interface CreateOptions {
  name: string;
  stateDir: string;
  clock: Clock;
  image: string | undefined;
  config: { path: string; text: string } | undefined;
  kubeconfig: string | undefined;
  waitSeconds: number;
}

/** Makes the cluster; its context is then in the kubeconfig, and is its current one, as kind does. Nothing is left of one that failed. */
export async function createCluster(tools: KindTools, options: CreateOptions): Promise<void> {
  const { name, stateDir, clock, image, kubeconfig } = options;
  const config = kindConfig(name, options.config);
  const mark = { version: 1, name, context: `kind-${name}`, createdAt: clock.now().toISOString() } as const;
  await writeMark(stateDir, { ...mark, state: 'creating' });
  try {
    await tools.run(
      'kind',
      [
        ...['create', 'cluster', '--name', name, '--config', '-', '--wait', `${options.waitSeconds}s`],
        ...(image === undefined ? [] : ['--image', image]),
        ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
      ],
      {
        input: config,
        show: true,
        onStart: pid => writeMark(stateDir, { ...mark, state: 'creating', pid }),
        hint: 'what kind printed is above. Without access to a registry, name a node image that is on this machine: --image, or REHEARSE_KIND_IMAGE',
      },
    );
  } catch (error) {
    if ((await nodesOf(tools, name)).length === 0) await removeMark(stateDir, name);
    throw error;
  }
}

/** Waits for a `kind create` that somebody else, or a run that was killed, has left at work on it. */
export async function untilMade(name: string, stateDir: string, clock: Clock, waitSeconds: number): Promise<void> {
  const untilMs = clock.monotonicMs() + waitSeconds * 1000;
  while (isBeingMade(await readMark(stateDir, name)) && clock.monotonicMs() < untilMs) await clock.sleep(500);
}

/** Remembers the cluster as one that is ours and was seen ready. */
export async function markReady(state: KindClusterState, stateDir: string, clock: Clock): Promise<void> {
  const before = await readMark(stateDir, state.name);
  await writeMark(stateDir, {
    version: 1,
    name: state.name,
    context: state.context,
    createdAt: before?.createdAt ?? clock.now().toISOString(),
    state: 'created',
    ...(state.api === undefined ? {} : { server: state.api.server }),
    nodes: state.nodes.map(node => node.id),
  });
}

/** Starts the nodes of a cluster that was stopped, by a restart of the machine say, and waits until it answers. */
export async function startNodes(tools: KindTools, state: KindClusterState, clock: Clock, waitSeconds: number): Promise<void> {
  const stopped = state.nodes.filter(node => !node.running).map(node => node.name);
  if (stopped.length > 0) await tools.run('engine', ['start', ...stopped]);
  const untilMs = clock.monotonicMs() + waitSeconds * 1000;
  while (clock.monotonicMs() < untilMs) {
    // The port on this machine changes when a node starts again: asked for each time.
    const cluster = await connectTo(tools, state.name).catch(() => undefined);
    const answered = cluster && (await ask(cluster).finally(() => cluster.close()));
    if (answered) return;
    await clock.sleep(1000);
  }
}

/** Removes the cluster, its context and our mark. */
export async function deleteCluster(
  tools: KindTools,
  name: string,
  stateDir: string,
  kubeconfig: string | undefined,
): Promise<void> {
  await tools.run('kind', [
    'delete',
    'cluster',
    '--name',
    name,
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
  ]);
  await removeMark(stateDir, name);
}

/** Writes the context to the kubeconfig, unless it is there and leads to this server. */
export async function exportContext(
  tools: KindTools,
  state: { name: string; context: string; api: { server: string } | undefined },
  kubeconfig: string | undefined,
): Promise<'written' | 'kept'> {
  try {
    const cluster = await connect({ context: state.context, ...(kubeconfig === undefined ? {} : { kubeconfig }) });
    cluster.close();
    if (cluster.server === state.api?.server) return 'kept';
  } catch {
    // Not there.
  }
  await tools.run('kind', [
    ...['export', 'kubeconfig', '--name', state.name],
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
  ]);
  return 'written';
}
