/**
 * Undo is written before the change: the full prior objects, as raw JSON, to an fsynced file that only its owner can read
 * and to a Secret beside the target, so that another machine can put the target back. Both are deleted after a proven restore.
 * Those of a blind drill are sealed: they say that there is a drill, not what it does.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { type ObjectRef, objectRef } from '../record/events.ts';
import { openText, sealText } from '../record/seal.ts';
import { systemClock } from '../rehearsal/clock.ts';
import type { Clock, Cluster, RawObject } from '../rehearsal/ports.ts';
import { notOfDrill } from './journal-check.ts';
import { createOwn } from './patience.ts';

const rawObject = z.custom<RawObject>(
  value => typeof value === 'object' && value !== null && 'kind' in value && 'metadata' in value,
);

const undoJournal = z.object({
  version: z.literal(1),
  runId: z.string(),
  scenario: z.string(),
  writtenAt: z.string(),
  /** After this nobody is expected to work on the target any more: the run is an orphan. */
  deadline: z.string(),
  by: z.string(),
  host: z.string(),
  pid: z.number(),
  provider: z.enum(['sandbox', 'context', 'kind']),
  context: z.string(),
  server: z.string(),
  kubeconfig: z.string().optional(),
  namespace: z.string(),
  lease: objectRef,
  /** Leases that are held beside that of the target. */
  otherLeases: z.array(objectRef).optional(),
  /** The drill is blind: nobody is to learn from its journal what it does while it runs. */
  blind: z.boolean().optional(),
  /** Folder of a blind run, which is sealed until the drill is over. */
  directory: z.string().optional(),
  /** Probes and steady state of the scenario, so that a restore can check it again wherever it is made. */
  steadyState: z.object({ target: objectRef, probes: z.unknown().optional(), spec: z.unknown().optional() }).optional(),
  entries: z.array(
    z.object({
      object: objectRef,
      /** undefined: the object did not exist and is to be deleted. */
      before: rawObject.optional(),
      /** uids of the ReplicaSets or ControllerRevisions that the workload had: the drill's are among the later ones. */
      revisions: z.array(z.string()),
      /**
       * What the drill asks for itself, written before it does: fields of the desired state with their values (none: taken away; no path:
       * the whole object). What else differs from the snapshot is somebody else's. Undefined: not known, everything is taken for the drill's.
       */
      drill: z.array(z.object({ path: z.array(z.string()), value: z.unknown().optional() })).optional(),
    }),
  ),
});
export type UndoJournal = z.infer<typeof undoJournal>;
export type UndoEntry = UndoJournal['entries'][number];
export type DrillField = NonNullable<UndoEntry['drill']>[number];

const UNDO_LABEL = 'rehearse.dev/undo';

/** Where local journals lie: `$REHEARSE_STATE_DIR`, else the user's state folder (XDG). */
export function stateDirectory(environment: NodeJS.ProcessEnv): string {
  return (
    environment['REHEARSE_STATE_DIR'] ?? join(environment['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'rehearse')
  );
}

function journalPath(stateDir: string, runId: string): string {
  return join(stateDir, 'undo', `${runId}.json`);
}

/** Name of the cluster's copy. */
function undoSecret(journal: Pick<UndoJournal, 'runId' | 'namespace'>): ObjectRef {
  return { apiVersion: 'v1', kind: 'Secret', namespace: journal.namespace, name: `rehearse-undo-${journal.runId}` };
}

function journalText(journal: UndoJournal): string {
  const text = JSON.stringify(journal);
  return journal.blind ? sealText(text) : text;
}

/** @throws an error that says what is wrong with it */
function parseJournal(text: string): UndoJournal {
  const parsed = undoJournal.safeParse(JSON.parse(openText(text)));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error).replaceAll(/\s+/g, ' '));
  return parsed.data;
}

/** Writes the local file: on disk, with its folder entry, when this resolves. @throws RehearseError (refused) when it cannot be written. */
export async function writeLocalJournal(stateDir: string, journal: UndoJournal): Promise<string> {
  const path = journalPath(stateDir, journal.runId);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const draft = `${path}.new`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(journalText(journal));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    const folder = await open(dirname(path), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return path;
  } catch (cause) {
    throw new RehearseError(`the undo journal could not be written to ${path}: ${(cause as Error).message}`, {
      exitCode: EXIT.refused,
      hint: 'nothing was injected; free the disk, or set REHEARSE_STATE_DIR to a folder that can be written',
      cause,
    });
  }
}

/** Writes the cluster's copy. @throws RehearseError (refused) when it cannot be written. */
export async function writeClusterJournal(
  cluster: Cluster,
  journal: UndoJournal,
  clock: Clock = systemClock,
): Promise<ObjectRef> {
  const secret = undoSecret(journal);
  try {
    // Its name is that of the run: whatever is there is ours.
    await createOwn(cluster, secretOf(journal), () => true, clock);
    return secret;
  } catch (cause) {
    throw new RehearseError(
      `the cluster's copy of the undo journal (Secret ${secret.name}) could not be written: ${(cause as Error).message}`,
      {
        exitCode: EXIT.refused,
        hint: `nothing was injected; rehearse needs to create, patch and delete Secrets in namespace ${journal.namespace}`,
        cause,
      },
    );
  }
}

/** Writes the cluster's copy anew, with what was added to the journal. */
export async function replaceClusterJournal(cluster: Cluster, journal: UndoJournal): Promise<void> {
  await cluster.patch(undoSecret(journal), { data: secretOf(journal)['data'] }, 'merge');
}

function secretOf(journal: UndoJournal): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'rehearse.dev/undo',
    metadata: {
      name: undoSecret(journal).name,
      namespace: journal.namespace,
      labels: { [UNDO_LABEL]: 'pending' },
      annotations: {
        // How long a drill may take differs between scenarios.
        ...(journal.blind ? {} : { 'rehearse.dev/deadline': journal.deadline }),
        'rehearse.dev/by': journal.by,
        'rehearse.dev/host': journal.host,
      },
    },
    data: { 'journal.json': Buffer.from(journalText(journal)).toString('base64') },
  };
}

export async function removeJournal(
  stateDir: string,
  cluster: Cluster | undefined,
  journal: Pick<UndoJournal, 'runId' | 'namespace'>,
): Promise<void> {
  // Somebody may have restored it from elsewhere, or deleted the namespace.
  await cluster?.delete(undoSecret(journal)).catch(error => {
    if ((error as { status?: number }).status !== 404) throw error;
  });
  await rm(journalPath(stateDir, journal.runId), { force: true });
}

/** Journals on this machine whose run did not end with a proven restore. A file that cannot be read is told, not skipped. */
export async function localJournals(
  stateDir: string,
): Promise<{ path: string; journal: UndoJournal | undefined; problem?: string }[]> {
  const folder = join(stateDir, 'undo');
  const names = await readdir(folder).catch(() => [] as string[]);
  return Promise.all(
    names
      .filter(name => name.endsWith('.json'))
      .map(async name => {
        const path = join(folder, name);
        try {
          return { path, journal: parseJournal(await readFile(path, 'utf8')) };
        } catch (error) {
          return { path, journal: undefined, problem: (error as Error).message };
        }
      }),
  );
}

/** What lies in a namespace of the cluster: journals, and Secrets that say they are one and cannot be restored from. */
export interface ClusterJournals {
  journals: UndoJournal[];
  unusable: { secret: string; problem: string }[];
}

/**
 * Each journal without what only the machine that wrote it knows: paths of its kubeconfig and of its records mean nothing elsewhere, and are
 * not taken from a Secret that others could have written.
 */
export async function clusterJournals(cluster: Cluster, namespace: string): Promise<ClusterJournals> {
  const secrets = await cluster.list({ apiVersion: 'v1', kind: 'Secret' }, { namespace, labelSelector: UNDO_LABEL });
  const found: ClusterJournals = { journals: [], unusable: [] };
  for (const { metadata, ...secret } of secrets.items) {
    const { name } = metadata;
    try {
      const text = Buffer.from(String(secret['data']?.['journal.json'] ?? ''), 'base64').toString('utf8');
      const { kubeconfig: _theirs, directory: _also, ...journal } = parseJournal(text);
      // A request to anywhere, made by whoever restores, is no part of putting something back.
      if (asksUrl(journal.steadyState?.probes)) delete journal.steadyState;
      const problem = notOfDrill(journal, { secret: name, namespace });
      if (problem === undefined) found.journals.push(journal);
      else found.unusable.push({ secret: name, problem });
    } catch (error) {
      found.unusable.push({ secret: name, problem: `it cannot be read: ${(error as Error).message}` });
    }
  }
  return found;
}

const asksUrl = (probes: unknown): boolean =>
  Array.isArray(probes) && probes.some(probe => (probe as { url?: unknown } | null)?.url !== undefined);

/**
 * Is the process that wrote a journal of this machine still at work? A pid that is taken says so until the deadline: later it is another process.
 * For a journal of the cluster ask its Lease instead (runs-at-work.ts): host names are not unique, so a pid of one may be looked for on another.
 */
export function isAbandoned(journal: UndoJournal, here: { host: string; now: Date }): boolean {
  return new Date(journal.deadline) < here.now || isDead(journal, here);
}

/** Whether no process here has the pid that wrote the journal. */
export function isDead(journal: UndoJournal, here: { host: string }): boolean {
  if (journal.host !== here.host) return false;
  try {
    process.kill(journal.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
