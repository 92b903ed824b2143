/** What is told of an undo journal on this machine that cannot be read, wherever one is found. */
import { readFile } from 'node:fs/promises';

const LONGEST_PROBLEM = 200;

export interface DamagedJournal {
  path: string;
  /** One line. */
  problem: string;
  /** What to do, in the order in which to do it. */
  remedy: string;
}

/** @param found as `localJournals` tells of it */
export async function damagedJournal(found: { path: string; problem?: string | undefined }): Promise<DamagedJournal> {
  const { path } = found;
  const line = (found.problem ?? 'it is no undo journal').replace(/\s+/g, ' ').trim();
  return {
    path,
    problem: line.length > LONGEST_PROBLEM ? `${line.slice(0, LONGEST_PROBLEM)}…` : line,
    remedy: remedyOf(path, await readFile(path, 'utf8').catch(() => '')),
  };
}

/** The cluster has a copy. Of a damaged file the start is often whole: it says which cluster. */
function remedyOf(path: string, text: string): string {
  // Only what a shell takes as it is: the rest of the file may be anything.
  const field = (name: string) => new RegExp(`"${name}":\\s*"([\\w.:@/-]+)"`).exec(text)?.[1];
  if (field('provider') === 'sandbox') return `its sandbox ended with its run, nothing is left to restore: rm ${path}`;
  const context = field('context') ?? 'CONTEXT';
  const namespace = field('namespace') ?? 'NAMESPACE';
  return `restore from the cluster's copy: rehearse restore --context ${context} -n ${namespace}\nthen remove the file: rm ${path}`;
}
