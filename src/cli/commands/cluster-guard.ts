import { buildGuardImage } from '../../cluster/cluster-guard/image.ts';
import { type GuardStatus, guardStatus, installGuard, uninstallGuard } from '../../cluster/cluster-guard/install.ts';
import { guardRefs } from '../../cluster/cluster-guard/manifests.ts';
import type { ConnectedCluster } from '../../cluster/connection.ts';
import { checkGuard } from '../../cluster/guard.ts';
import { loadImages } from '../../cluster/kind/images.ts';
import { findKindTools, type KindTools } from '../../cluster/kind/tools.ts';
import type { ProvidedCluster } from '../../cluster/providers/provided-cluster.ts';
import { clusterJournals } from '../../cluster/undo-journal.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import { packageVersion } from '../package-version.ts';
import { provide } from '../provide.ts';

interface GuardPlace {
  context?: string | undefined;
  namespace?: string | undefined;
  kubeconfig?: string | undefined;
  config: string;
}

const KIND_IMAGE = `rehearse/guard:${packageVersion()}`;

/** The guard of a namespace that is opted in. On a kind cluster of ours its image is built and loaded, elsewhere it is named. */
export async function guardInstall(args: GuardPlace & { image?: string | undefined; baseImage: string }): Promise<void> {
  await atPlace(args, async (provided, namespace) => {
    const { cluster, provider } = provided;
    await refuseUnlessOptedIn(provided, namespace);
    let { image } = args;
    if (image === undefined) {
      if (provider !== 'kind')
        throw new RehearseError('--image is missing: an image of rehearse that the nodes of this cluster can get', {
          exitCode: EXIT.usage,
          hint: 'rehearse cluster guard build --image REGISTRY/rehearse-guard:1, and push it',
        });
      image = KIND_IMAGE;
      await loadKindGuard(await findKindTools(process.env), cluster.context.replace(/^kind-/, ''), args.baseImage);
    }
    await installGuard(cluster, namespace, image, systemClock);
    process.stdout.write(
      `the guard is installed in namespace ${namespace} of ${cluster.context} and its first run succeeded: every minute it restores runs whose deadline passed\n`,
    );
  });
}

/** Builds the guard's image and puts it on the nodes of a kind cluster. Returns its name. */
export async function loadKindGuard(tools: KindTools, name: string, baseImage: string): Promise<string> {
  await buildGuardImage(tools, KIND_IMAGE, baseImage);
  await loadImages(tools, name, [KIND_IMAGE]);
  return KIND_IMAGE;
}

/** An image for a registry of the user's. */
export async function guardBuild(args: { image?: string | undefined; baseImage: string }): Promise<void> {
  const image = args.image ?? KIND_IMAGE;
  const tools = await findKindTools(process.env);
  await buildGuardImage(tools, image, args.baseImage);
  process.stdout.write(`${image} is built. Push it: ${tools.engine} push ${image}\n`);
}

/** Takes it out of a namespace that is opted in. Where the opt-in was taken back, rehearse writes nothing any more, and says who can. */
export async function guardUninstall(args: GuardPlace): Promise<void> {
  await atPlace(args, async (provided, namespace) => {
    const { cluster } = provided;
    const kubeconfig = args.kubeconfig === undefined ? '' : ` --kubeconfig ${args.kubeconfig}`;
    const objects = guardRefs(namespace).map(({ kind, name }) => `${kind.toLowerCase()}/${name}`);
    await refuseUnlessOptedIn(provided, namespace, [
      'or, as an admin of the namespace, without rehearse:',
      `kubectl${kubeconfig} --context ${cluster.context} -n ${namespace} delete ${objects.join(' ')}`,
    ]);
    const deleted = await uninstallGuard(cluster, namespace);
    process.stdout.write(deleted.length === 0 ? 'the guard is not installed\n' : `deleted: ${deleted.join(', ')}\n`);
    for (const { runId } of (await clusterJournals(cluster, namespace)).journals)
      process.stdout.write(`run ${runId} is not restored yet, and no guard is there now: rehearse restore ${runId}\n`);
  });
}

/** @throws RehearseError (refused) with what the staging guard asks for, and what else can be done */
async function refuseUnlessOptedIn(
  { cluster, optIns }: ProvidedCluster,
  namespace: string,
  otherwise: readonly string[] = [],
): Promise<void> {
  const { allowed, checks } = await checkGuard(cluster, namespace, optIns);
  if (allowed) return;
  const failed = checks.filter(({ ok }) => !ok);
  throw new RehearseError(`refused: ${failed.map(({ detail }) => detail).join('; ')}`, {
    exitCode: EXIT.refused,
    hint: [...new Set(failed.flatMap(({ remedy }) => remedy ?? [])), ...otherwise].join('\n'),
  });
}

/** Exit code 0 when the guard works, 3 otherwise. */
export async function guardShow(args: GuardPlace & { output: 'text' | 'json' }): Promise<void> {
  await atPlace(args, async ({ cluster }, namespace) => {
    const status = await guardStatus(cluster, namespace, systemClock);
    const runs = (await clusterJournals(cluster, namespace)).journals.map(({ runId, blind, deadline }) => ({
      run: runId,
      ...(blind ? {} : { deadline }),
    }));
    process.stdout.write(
      args.output === 'json'
        ? `${JSON.stringify({ context: cluster.context, namespace, ...status, runs }, null, 2)}\n`
        : guardText(status, cluster, namespace, runs),
    );
    if (!status.healthy) process.exitCode = EXIT.refused;
  });
}

function guardText(
  status: GuardStatus,
  cluster: ConnectedCluster,
  namespace: string,
  runs: readonly { run: string; deadline?: string }[],
): string {
  return [
    `guard of namespace ${namespace} on ${cluster.context}: ${status.installed ? (status.healthy ? 'works' : 'does NOT work') : 'not installed'}, ${status.detail}`,
    ...(status.image === undefined ? [] : [`  image  ${status.image}`]),
    ...runs.map(
      ({ run, deadline }) => `  run    ${run} can be restored${deadline === undefined ? '' : `, by the guard after ${deadline}`}`,
    ),
    '',
  ].join('\n');
}

async function atPlace(args: GuardPlace, work: (provided: ProvidedCluster, namespace: string) => Promise<void>): Promise<void> {
  if (args.context === undefined)
    throw new RehearseError('--context is missing: the guard lives in a cluster', {
      exitCode: EXIT.usage,
      hint: 'the sandbox needs none: it ends with its run',
    });
  const provided = await provide({ ...args, context: args.context, signal: new AbortController().signal, onProgress: () => {} });
  try {
    await work(provided, args.namespace ?? provided.cluster.defaultNamespace ?? 'default');
  } finally {
    await provided.close();
  }
}
