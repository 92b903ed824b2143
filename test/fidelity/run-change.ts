import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
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

export interface Run {
  /** Everything from the start; the base too, for its names. */
  sightings: Sighting[];
  /** When the change was made, ms on the observer's clock. */
  changedAt: number;
}

/** Makes one change on one cluster, in a namespace of its own that is deleted afterwards. */
export async function runChange(target: Target, change: Change): Promise<Run> {
  const namespace = `fidelity-${change.id}-${randomBytes(2).toString('hex')}`;
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
      const [kind = ''] = /^kind: (\w+)/m.exec(change.base)?.slice(1) ?? [];
      await kubectl(['rollout', 'status', `${kind.toLowerCase()}/web`, '--timeout=120s']);
      await observer.settle({ leastMs: 500, quietMs: QUIET_MS, complete: true });
    }
    const changedAt = observer.now();
    await commands(change.commands);
    await observer.settle({ leastMs: (change.seconds ?? 2) * 1_000, quietMs: QUIET_MS, complete: change.stuck === undefined });
    if (change.after) {
      await commands(change.after);
      await observer.settle({ leastMs: 2_000, quietMs: QUIET_MS, complete: change.stuck !== 'both' });
    }
    return { sightings: observer.sightings, changedAt };
  } finally {
    observer.stop();
    await kubectl(['delete', 'namespace', namespace, '--wait=false']).catch(() => {});
    await rm(directory, { recursive: true, force: true });
  }
}
