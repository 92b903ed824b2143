import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import type { Change } from './changes.ts';
import { observe, type Sighting } from './observer.ts';

const run = promisify(execFile);
/** Nothing new for so long, and a workload counts as settled, ms. */
const QUIET_MS = 1_800;

export interface Target {
  kubeconfig: string;
  kubectl: string;
}

/** Makes one change on one cluster, in a namespace of its own that is deleted afterwards. @returns what was seen since the change. */
export async function runChange(target: Target, change: Change): Promise<Sighting[]> {
  const namespace = `fidelity-${change.id}`;
  const directory = await mkdtemp(join(tmpdir(), 'rehearse-fidelity-'));
  const kubectl = async (args: string[]): Promise<void> => {
    await run(target.kubectl, ['--kubeconfig', target.kubeconfig, '--namespace', namespace, ...args]);
  };
  const apply = async (manifest: string): Promise<void> => {
    await writeFile(join(directory, 'base.yaml'), manifest);
    await kubectl(['apply', '-f', join(directory, 'base.yaml')]);
  };
  const commands = async (lines: string[][]): Promise<void> => {
    for (const line of lines) await kubectl(line.map(word => (word === '@file' ? join(directory, 'change.yaml') : word)));
  };
  const config = new KubeConfig();
  config.loadFromFile(target.kubeconfig);
  await kubectl(['create', 'namespace', namespace]);
  const observer = await observe(config, namespace);
  try {
    if (change.manifest) await writeFile(join(directory, 'change.yaml'), change.manifest);
    if (change.base) {
      await apply(change.base);
      await kubectl(['rollout', 'status', '-f', join(directory, 'base.yaml'), '--timeout=120s']).catch(() =>
        kubectl(['rollout', 'status', 'deploy/web', '--timeout=120s']),
      );
      await observer.settle(1_000, QUIET_MS);
    }
    const least = (change.seconds ?? 5) * 1_000;
    await commands(change.commands);
    await observer.settle(least, QUIET_MS);
    if (change.after) {
      await commands(change.after);
      await observer.settle(Math.min(least, 6_000), QUIET_MS);
    }
    return observer.sightings;
  } finally {
    observer.stop();
    await kubectl(['delete', 'namespace', namespace, '--wait=false']).catch(() => {});
    await rm(directory, { recursive: true, force: true });
  }
}
