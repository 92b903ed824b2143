import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { connect } from '../../cluster/connection.ts';
import { looksLikeProduction } from '../../cluster/guard.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { draftConfig } from '../draft/config.ts';
import { draftRunbook } from '../draft/runbook.ts';
import { draftScenarios } from '../draft/scenarios.ts';
import { findWorkloads } from '../draft/workloads.ts';

/** Writes a config, scenarios and a runbook for the workloads of a namespace. Of the cluster it only reads; files that exist are kept. */
export async function init(args: {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
  directory: string;
  force: boolean;
}): Promise<void> {
  const cluster = await connect({
    ...(args.context === undefined ? {} : { context: args.context }),
    ...(args.kubeconfig === undefined ? {} : { kubeconfig: args.kubeconfig }),
  });
  try {
    const namespace = args.namespace ?? cluster.defaultNamespace ?? 'default';
    const { context, server } = cluster;
    const suspicious = [context, server, namespace].filter(looksLikeProduction);
    if (suspicious.length > 0)
      throw new RehearseError(`${suspicious.join(' and ')} looks like production: nothing is opted in`, {
        exitCode: EXIT.refused,
        hint: 'name a staging cluster with --context and --namespace; docs/staging.md tells how to opt in one with such a name by hand',
      });
    const workloads = await findWorkloads(cluster, namespace);
    if (workloads.length === 0)
      throw new RehearseError(`nothing to rehearse runs in namespace ${namespace} of ${context}`, {
        exitCode: EXIT.usage,
        hint: 'name the namespace of an app with --namespace: Deployments, StatefulSets and DaemonSets are looked for',
      });
    const files = [
      { path: 'rehearse.yaml', text: draftConfig({ context, server, namespace }, workloads) },
      ...draftScenarios(workloads.some(({ probe }) => probe !== undefined)).map(({ name, text }) => ({
        path: join('scenarios', `${name}.yaml`),
        text,
      })),
      { path: join('runbooks', 'bad-deploy.md'), text: draftRunbook(namespace) },
    ];
    await write(args.directory, files, args.force);
    process.stdout.write(
      nextSteps(
        namespace,
        workloads.map(({ name, workload }) => `${name} (${workload})`),
        workloads[0]?.name ?? '',
      ),
    );
  } finally {
    cluster.close();
  }
}

/** All of them or none. @throws RehearseError (usage) when one exists. */
async function write(directory: string, files: readonly { path: string; text: string }[], force: boolean): Promise<void> {
  const there = files.filter(({ path }) => existsSync(join(directory, path)));
  if (there.length > 0 && !force)
    throw new RehearseError(`already there: ${there.map(({ path }) => join(directory, path)).join(', ')}; nothing was written`, {
      exitCode: EXIT.usage,
      hint: 'name another folder with --directory, or overwrite them with --force',
    });
  for (const { path, text } of files) {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
    process.stdout.write(`${there.some(file => file.path === path) ? 'overwritten' : 'written'}  ${target}\n`);
  }
}

function nextSteps(namespace: string, targets: readonly string[], first: string): string {
  return `
Targets: ${targets.join(', ')}

Next:
  1. Read rehearse.yaml: is the path of each probe one that users ask for?
  2. An admin of the namespace opts in: kubectl label namespace ${namespace} rehearse.dev/staging=true
  3. rehearse doctor --target ${first}
  4. rehearse plan image-not-found --target ${first}
  5. rehearse run image-not-found --target ${first}
`;
}
