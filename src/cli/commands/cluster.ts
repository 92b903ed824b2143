import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { installGuard } from '../../cluster/cluster-guard/install.ts';
import { readConfig } from '../../cluster/config.ts';
import { removeMark } from '../../cluster/kind/cluster-mark.ts';
import { applyDemoApp, DEMO_NAMESPACE, demoAppReadiness, demoImages } from '../../cluster/kind/demo-app.ts';
import { buildImage, loadImages } from '../../cluster/kind/images.ts';
import {
  checkClusterName,
  connectTo,
  createCluster,
  deleteCluster,
  exportContext,
  inspectCluster,
  type KindClusterState,
  markReady,
  startNodes,
  untilMade,
} from '../../cluster/kind/kind-cluster.ts';
import { findKindTools, type KindTools } from '../../cluster/kind/tools.ts';
import { writeOptIn } from '../../cluster/opt-in.ts';
import { isAbandoned, localJournals, removeJournal, stateDirectory } from '../../cluster/undo-journal.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { packageFile } from '../../package-file.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import { SHOP_VERSIONS } from '../../shop/versions.ts';
import { loadKindGuard } from './cluster-guard.ts';

export interface ClusterUpArguments {
  name: string;
  image?: string | undefined;
  kubernetes?: string | undefined;
  kindConfig?: string | undefined;
  baseImage: string;
  wait: number;
  reuse: boolean;
  guard: boolean;
  kubeconfig?: string | undefined;
  config: string;
}

const say = (text: string) => void process.stderr.write(`${text}\n`);

/** A kind cluster with the shop in it. Run again, it completes what is missing and changes nothing else. */
export async function clusterUp(args: ClusterUpArguments): Promise<void> {
  const { name } = args;
  const stateDir = stateDirectory(process.env);
  checkClusterName(name);
  // Mistakes in files are told before anything is made.
  await readConfig(args.config);
  const own = args.kindConfig === undefined ? undefined : { path: args.kindConfig, text: await readKindConfig(args.kindConfig) };
  if (!existsSync(packageFile('dist', 'programs', 'shop.mjs')))
    throw new RehearseError('dist/programs/shop.mjs is missing', { exitCode: EXIT.usage, hint: 'npm run build' });
  const tools = await findKindTools(process.env);
  const started = systemClock.monotonicMs();
  const seconds = () => `${((systemClock.monotonicMs() - started) / 1000).toFixed(0)} s`;

  const state = await runningCluster(tools, args, own, stateDir);
  const context = await exportContext(tools, state, args.kubeconfig);
  say(
    `cluster ${name}: Kubernetes ${state.api?.kubernetes} answers after ${seconds()}${context === 'written' ? `; ${state.context} is kubectl's current context now` : ''}`,
  );
  const cluster = await connectTo(tools, name);
  try {
    const images = demoImages(SHOP_VERSIONS, args.baseImage);
    for (const build of images) await buildImage(tools, build);
    await loadImages(
      tools,
      name,
      images.map(({ image }) => image),
    );
    say(`${images.length} images of the demo app built and loaded after ${seconds()}`);
    const { leftAlone } = await applyDemoApp(cluster, systemClock, AbortSignal.timeout(args.wait * 1000));
    say(
      leftAlone.length > 0
        ? `the demo app is left as it is: ${leftAlone.join(', ')} is at work on it, or was not restored (rehearse restore)`
        : `demo app ready in namespace ${DEMO_NAMESPACE} after ${seconds()}`,
    );
    if (args.guard) {
      await installGuard(cluster, DEMO_NAMESPACE, await loadKindGuard(tools, name, args.baseImage), systemClock);
      say(`guard at work in namespace ${DEMO_NAMESPACE} after ${seconds()}`);
    }
    const edit = await writeOptIn(args.config, {
      context: state.context,
      server: cluster.server,
      namespaces: [DEMO_NAMESPACE],
    });
    if (edit.done === 'by-hand') say(`${args.config} was not changed. Write into it, ${edit.advice}`);
    else if (edit.done !== 'there') say(`${edit.done} in ${args.config}: ${state.context} is opted in for ${DEMO_NAMESPACE}`);
  } finally {
    cluster.close();
  }
  const kubeconfig = args.kubeconfig === undefined ? '' : ` --kubeconfig ${args.kubeconfig}`;
  process.stdout.write(`\nNext: rehearse run error-rate --context ${state.context}${kubeconfig}\n`);
}

/** The cluster, answering: the one that runs, or that was stopped, or a new one. */
async function runningCluster(
  tools: KindTools,
  args: ClusterUpArguments,
  own: { path: string; text: string } | undefined,
  stateDir: string,
): Promise<KindClusterState> {
  const { name } = args;
  const image = nodeImage(args, process.env);
  await untilMade(name, stateDir, systemClock, args.wait);
  let found = await inspectCluster(tools, name, stateDir);
  if (found.exists && !found.ours && !args.reuse)
    throw new RehearseError(`there is a kind cluster ${name} that \`rehearse cluster up\` did not make`, {
      exitCode: EXIT.refused,
      hint: `choose another --name, or have the demo app put into that one with --reuse: it brings the namespace ${DEMO_NAMESPACE}`,
    });
  if (found.exists && found.api === undefined && (found.unfinished || found.nodes.some(node => !node.running))) {
    say(`cluster ${name} ${found.unfinished ? 'was not finished' : 'is stopped'}: starting it`);
    await startNodes(tools, found, systemClock, found.unfinished ? 5 : args.wait);
    found = await inspectCluster(tools, name, stateDir);
    if (found.unfinished && found.api === undefined) {
      say(`cluster ${name} does not answer and was never ready: it is made again`);
      await deleteCluster(tools, name, stateDir, args.kubeconfig);
      found = await inspectCluster(tools, name, stateDir);
    }
  }
  if (!found.exists) {
    await createCluster(tools, {
      name,
      stateDir,
      clock: systemClock,
      image,
      config: own,
      kubeconfig: args.kubeconfig,
      waitSeconds: args.wait,
    });
    found = await inspectCluster(tools, name, stateDir);
  } else if (own !== undefined || (image !== undefined && found.nodes.some(node => node.image !== image))) {
    say(`cluster ${name} runs already, of image ${found.nodes[0]?.image}: --image and --kind-config are for a new one`);
  }
  if (found.api === undefined)
    throw new RehearseError(`the API server of kind cluster ${name} does not answer`, {
      hint: found.ours
        ? `\`rehearse cluster down${option(name)}\` removes it; then up again`
        : `${tools.engine} logs ${found.nodes[0]?.name ?? `${name}-control-plane`}`,
    });
  if (found.ours) await markReady(found, stateDir, systemClock);
  return found;
}

/** Removes a cluster that `up` made, and nothing else. */
export async function clusterDown(args: { name: string; kubeconfig?: string | undefined }): Promise<void> {
  const stateDir = stateDirectory(process.env);
  checkClusterName(args.name);
  const tools = await findKindTools(process.env);
  const found = await inspectCluster(tools, args.name, stateDir);
  if (!found.exists) {
    await removeMark(stateDir, args.name);
    process.stdout.write(`there is no kind cluster ${args.name}\n`);
    return;
  }
  if (!found.ours)
    throw new RehearseError(`kind cluster ${args.name} was not made by \`rehearse cluster up\`: it is left alone`, {
      exitCode: EXIT.refused,
      hint: `if it is to go all the same: kind delete cluster --name ${args.name}`,
    });
  const all = await localJournals(stateDir);
  const journals = all.flatMap(({ journal }) => (journal?.context === found.context ? [journal] : []));
  const live = journals.find(journal => !isAbandoned(journal, { host: hostname(), now: systemClock.now() }));
  if (live)
    throw new RehearseError(`run ${live.runId} by ${live.by} is at work on cluster ${args.name}`, {
      exitCode: EXIT.refused,
      hint: 'end it with Ctrl-C in its window, or wait for it',
    });
  await deleteCluster(tools, args.name, stateDir, args.kubeconfig);
  // What they would put back went with the cluster.
  for (const journal of journals) await removeJournal(stateDir, undefined, journal);
  process.stdout.write(`kind cluster ${args.name} is removed\n`);
  for (const { path } of all.filter(({ journal }) => !journal))
    say(`the undo journal ${path} cannot be read: if its run was on this cluster nothing is left to restore, remove the file`);
}

/** What is there. Exit code 0 when a drill could run, 3 otherwise. */
export async function clusterStatus(args: { name: string; config: string; output: 'text' | 'json' }): Promise<void> {
  checkClusterName(args.name);
  const tools = await findKindTools(process.env);
  const found = await inspectCluster(tools, args.name, stateDirectory(process.env));
  let app: Awaited<ReturnType<typeof demoAppReadiness>> = [];
  if (found.api) {
    const cluster = await connectTo(tools, args.name);
    app = await demoAppReadiness(cluster).finally(() => cluster.close());
  }
  const { staging } = await readConfig(args.config);
  const optedIn = staging.some(({ context, server }) => context === found.context && server === found.api?.server);
  const ready = app.length > 0 && app.every(one => one.ready >= one.wanted) && optedIn;
  const { nodes, ...rest } = found;
  const status = { ...rest, engine: tools.engine, kind: tools.version, nodes, app, optedIn, ready };
  process.stdout.write(args.output === 'json' ? `${JSON.stringify(status, null, 2)}\n` : statusText(status, args));
  if (!ready) process.exitCode = EXIT.refused;
}

function statusText(
  status: KindClusterState & { engine: string; app: { name: string; ready: number; wanted: number }[]; optedIn: boolean },
  args: { name: string; config: string },
): string {
  if (!status.exists) return `kind cluster ${args.name}  not there: rehearse cluster up${option(args.name)}\n`;
  const { api, nodes, app } = status;
  const rows = [
    ['made by rehearse', status.ours ? 'yes' : 'no: `cluster down` leaves it alone'],
    [
      'nodes',
      nodes.map(node => `${node.name} ${node.running ? 'runs' : 'is stopped'} (${status.engine}, ${node.image})`).join(', '),
    ],
    ['API server', api ? `${api.kubernetes}, ${api.server}` : `does not answer: rehearse cluster up${option(args.name)}`],
    ['demo app', app.length === 0 ? 'not there' : app.map(one => `${one.name} ${one.ready}/${one.wanted}`).join(', ')],
    [
      'opted in',
      status.optedIn ? `yes, in ${args.config}` : `no: ${args.config} has no entry for ${status.context} with this server`,
    ],
  ];
  return [
    `kind cluster ${args.name}, context ${status.context}`,
    ...rows.map(([name = '', text]) => `  ${name.padEnd(18)}${text}`),
    '',
  ].join('\n');
}

/** @returns undefined: the one that this kind was released with */
function nodeImage(args: Pick<ClusterUpArguments, 'image' | 'kubernetes'>, environment: NodeJS.ProcessEnv): string | undefined {
  if (args.image !== undefined) return args.image;
  if (args.kubernetes !== undefined) return `kindest/node:v${args.kubernetes.replace(/^v/, '')}`;
  return environment['REHEARSE_KIND_IMAGE'] || undefined;
}

const option = (name: string) => (name === 'rehearse' ? '' : ` --name ${name}`);

async function readKindConfig(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new RehearseError(`the configuration for kind, ${path}, cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
      exitCode: EXIT.usage,
      hint: 'check the path of --kind-config',
      cause,
    });
  }
}
