/**
 * Which kind clusters are ours. A file on this machine is written before the cluster is made, so that one that was interrupted half-way
 * is known as ours; the nodes' label tells the same from everywhere else.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';

const clusterMark = z.object({
  version: z.literal(1),
  name: z.string(),
  context: z.string(),
  createdAt: z.string(),
  /** creating: nobody has seen it ready yet. */
  state: z.enum(['creating', 'created']),
  /** Of the `kind create` that makes it: it may outlive the one who started it. */
  pid: z.number().optional(),
  /** Address of the API server, once it is known. */
  server: z.string().optional(),
  /** Ids of the node containers, once they are known: a cluster of the same name that somebody makes later is not ours. */
  nodes: z.array(z.string()).optional(),
});
type ClusterMark = z.infer<typeof clusterMark>;

const markPath = (stateDir: string, name: string) => join(stateDir, 'clusters', `${name}.json`);

export async function readMark(stateDir: string, name: string): Promise<ClusterMark | undefined> {
  try {
    return clusterMark.parse(JSON.parse(await readFile(markPath(stateDir, name), 'utf8')));
  } catch {
    // Missing or damaged: the label on the nodes still tells.
    return undefined;
  }
}

export async function writeMark(stateDir: string, mark: ClusterMark): Promise<void> {
  const path = markPath(stateDir, mark.name);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, JSON.stringify(mark), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export async function removeMark(stateDir: string, name: string): Promise<void> {
  await rm(markPath(stateDir, name), { force: true });
}

/** Is `kind create` still at work on it? */
export function isBeingMade(mark: ClusterMark | undefined): boolean {
  if (mark?.state !== 'creating' || mark.pid === undefined) return false;
  try {
    process.kill(mark.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Is a context's cluster one that `rehearse cluster up` made from this machine? Asks nobody but the file. */
export async function isOurContext(stateDir: string, { context, server }: { context: string; server: string }): Promise<boolean> {
  if (!context.startsWith('kind-')) return false;
  const mark = await readMark(stateDir, context.slice('kind-'.length));
  return mark?.server === server;
}
