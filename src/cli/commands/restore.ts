import { hostname } from 'node:os';
import { type ConnectedCluster, connect } from '../../cluster/connection.ts';
import { withDesiredState } from '../../cluster/desired-state.ts';
import { objectDiff } from '../../cluster/diff.ts';
import { pathText } from '../../cluster/fields.ts';
import { serverVersion } from '../../cluster/providers/server-version.ts';
import type { TheirsChoice } from '../../cluster/restore.ts';
import { runsAtWork } from '../../cluster/runs-at-work.ts';
import { forgetJournal, restoreJournal, runText } from '../../cluster/safety-net.ts';
import { changedFields } from '../../cluster/their-changes.ts';
import {
  clusterJournals,
  isAbandoned,
  isDead,
  localJournals,
  stateDirectory,
  type UndoJournal,
} from '../../cluster/undo-journal.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { writeText } from '../../record/event-text.ts';
import { unsealRun } from '../../record/store.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import { steadyAgain } from '../steady-again.ts';
import { chooseTheirs } from '../theirs.ts';

const LIMIT_MS = 180_000;

export interface RestoreArguments {
  run?: string | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
  theirs?: TheirsChoice | undefined;
  /** Of a run that somebody is at work on, too. */
  force: boolean;
  /** Tells what would be put back, and does nothing. */
  dryRun: boolean;
}

/** What is to be restored from, and what looked like it and cannot be. */
interface Found {
  journals: UndoJournal[];
  unusable: { where: string; problem: string }[];
}

const write = (text: string) => void process.stdout.write(`${text}\n`);

/** Puts back what abandoned runs left behind, and proves it. Exit code 5 when one could not be proven, or its journal not be used. */
export async function restore(args: RestoreArguments): Promise<void> {
  if (args.context === undefined) {
    if (args.namespace !== undefined)
      throw new RehearseError('--namespace goes with --context', {
        exitCode: EXIT.usage,
        hint: 'without them, it restores from the journals of this machine, which know where their runs were',
      });
    const found = await onThisMachine();
    const atWork = found.journals.filter(journal => !isAbandoned(journal, here()));
    await restoreAll(found, new Set(atWork.map(({ runId }) => runId)), args, journal => connectAgain(journal, args));
    return;
  }
  const { context, namespace } = args;
  if (namespace === undefined)
    throw new RehearseError('--context needs --namespace', { exitCode: EXIT.usage, hint: 'name the namespace of the target' });
  const cluster = await connect({ context, ...(args.kubeconfig === undefined ? {} : { kubeconfig: args.kubeconfig }) });
  try {
    const { journals: copies, unusable } = await clusterJournals(cluster, namespace);
    // The folder of a blind run is known to the machine that made it.
    const local = await onThisMachine();
    const journals = copies.map(copy => {
      const { directory } = local.journals.find(({ runId }) => runId === copy.runId) ?? {};
      return { ...copy, ...(directory === undefined ? {} : { directory }) };
    });
    const named = journals.filter(journal => args.run === undefined || journal.runId === args.run);
    const atWork = isForced(args) ? new Set<string>() : await stillAtWork(cluster, named, local);
    const found = { journals, unusable: unusable.map(({ secret, problem }) => ({ where: `Secret ${secret}`, problem })) };
    await restoreAll(found, atWork, args, async () => cluster.separate());
  } finally {
    cluster.close();
  }
}

/** A drill that is only to be looked at goes on, and may be blind: what it does is nobody's business then. */
const isForced = (args: RestoreArguments) => args.force && !args.dryRun;

const here = () => ({ host: hostname(), now: systemClock.now() });

/** A sandbox went with its run. */
async function onThisMachine(): Promise<Found> {
  const found = await localJournals(stateDirectory(process.env));
  return {
    journals: found.flatMap(({ journal }) => (journal && journal.provider !== 'sandbox' ? [journal] : [])),
    unusable: found.flatMap(({ path, journal, problem = '' }) =>
      journal
        ? []
        : [{ where: path, problem: `it cannot be read: ${problem}. The cluster has a copy: rehearse restore --context … -n …` }],
    ),
  };
}

/** Whose process is known to be dead needs no watching. */
async function stillAtWork(cluster: ConnectedCluster, journals: readonly UndoJournal[], local: Found): Promise<Set<string>> {
  const dead = new Set(local.journals.filter(journal => isDead(journal, here())).map(({ runId }) => runId));
  const unknown = journals.filter(({ runId }) => !dead.has(runId));
  if (unknown.length > 0)
    write(`looking for up to 30 s whether somebody is at work on ${unknown.map(({ runId }) => runId).join(', ')}`);
  return runsAtWork(cluster, unknown, systemClock, AbortSignal.timeout(LIMIT_MS));
}

async function restoreAll(
  found: Found,
  atWork: ReadonlySet<string>,
  args: RestoreArguments,
  connectTo: (journal: UndoJournal) => Promise<ConnectedCluster>,
): Promise<void> {
  const journals = found.journals.filter(journal => args.run === undefined || journal.runId === args.run);
  for (const { where, problem } of found.unusable) {
    write(`${where} is no undo journal that can be restored from: ${problem}`);
    if (args.run === undefined) process.exitCode = EXIT.notRestored;
  }
  if (args.run !== undefined && journals.length === 0) {
    throw new RehearseError(`no undo journal of run ${args.run}`, {
      exitCode: EXIT.usage,
      hint: 'it was restored already, or its journal lies in the cluster only: add --context and --namespace',
    });
  }
  if (journals.length === 0 && found.unusable.length === 0) write('nothing to restore');
  for (const journal of journals) {
    if (atWork.has(journal.runId) && !isForced(args)) {
      write(
        `${runText(journal)}: still running, left alone. To end it: kubectl -n ${journal.namespace} create configmap rehearse-halt; --force restores it all the same`,
      );
      if (args.run !== undefined) process.exitCode = EXIT.refused;
      continue;
    }
    // One that fails must not keep the others from being restored.
    const restored = await (args.dryRun ? showOne(journal, connectTo) : restoreOne(journal, args, connectTo)).catch(
      (error: Error) => {
        const hint = error instanceof RehearseError && error.hint ? `\n  ${error.hint}` : '';
        write(`${journal.runId}: NOT restored, the journal is kept: ${error.message}${hint}`);
        return false;
      },
    );
    if (!restored) process.exitCode = EXIT.notRestored;
  }
}

async function restoreOne(
  journal: UndoJournal,
  args: RestoreArguments,
  connectTo: (journal: UndoJournal) => Promise<ConnectedCluster>,
): Promise<boolean> {
  const cluster = await connectTo(journal);
  const say = (text: string) => write(`${journal.runId}: ${text}`);
  try {
    cluster.onWrite(one => say(`wrote ${writeText(one)}`));
    const limit = pausableLimit(LIMIT_MS);
    const choose = chooseTheirs(args.theirs, process.stdin, process.stdout);
    const { proven, objects } = await restoreJournal(cluster, journal, systemClock, limit.signal, {
      // A person who is asked may take their time.
      choose: change => limit.paused(() => choose(change)),
    }).finally(() => limit.end());
    for (const { object, action, equal, diff, kept = [], note } of objects) {
      const but = kept
        .map(({ field, before, now, by }) => `\n  kept ${field}: ${before} → ${now}${by ? ` (${by})` : ''}`)
        .join('');
      const result = equal ? `equal to the snapshot${kept.length > 0 ? ', but for' : ''}` : `differs:\n${diff}`;
      say(`${object.kind}/${object.name} ${action}, ${result}${but}${note === undefined ? '' : `\n  ${note}`}`);
    }
    if (proven) await forgetJournal(cluster, journal, stateDirectory(process.env));
    if (journal.directory !== undefined) unsealRun(journal.directory);
    say(proven ? 'restored, proven' : 'NOT restored: the journal is kept');
    if (!proven) return false;
    try {
      say(await steadyAgain(cluster, journal, AbortSignal.timeout(LIMIT_MS)));
      return true;
    } catch (error) {
      say(`every object is as it was, yet ${(error as Error).message}`);
      return false;
    }
  } finally {
    cluster.close();
  }
}

/** What a restore would change, and what is as it was. */
async function showOne(journal: UndoJournal, connectTo: (journal: UndoJournal) => Promise<ConnectedCluster>): Promise<boolean> {
  const cluster = await connectTo(journal);
  try {
    write(`${runText(journal)}: not restored, this is what the snapshot would change`);
    for (const entry of journal.entries) {
      const { object, before } = entry;
      const live = await cluster.get(object);
      const wanted = before && live ? withDesiredState(live, before) : before;
      const diff = objectDiff(live, wanted);
      write(
        `  ${object.kind}/${object.name} ${diff === '' ? 'is as it was' : `would be ${before ? (live ? 'put back' : 'created again') : 'deleted'}:\n${diff}`}`,
      );
      const theirs = live && before ? changedFields(entry, live).filter(field => field.by !== 'drill') : [];
      if (theirs.length > 0)
        write(`  of somebody else, so kept or asked about: ${theirs.map(field => pathText(field.path)).join(', ')}`);
    }
    return true;
  } finally {
    cluster.close();
  }
}

/** The cluster that a run of this machine was on, as its journal knows it. */
async function connectAgain(journal: UndoJournal, args: RestoreArguments): Promise<ConnectedCluster> {
  const kubeconfig = args.kubeconfig ?? journal.kubeconfig;
  const cluster = await connect({ context: journal.context, ...(kubeconfig === undefined ? {} : { kubeconfig }) });
  try {
    // Nobody is to wait for a server that is not there at all.
    await serverVersion(cluster);
    // The same cluster may have another address by now: it is known by its copy of the journal.
    const isSame = async () =>
      (await clusterJournals(cluster, journal.namespace)).journals.some(({ runId }) => runId === journal.runId);
    if (cluster.server !== journal.server && !(await isSame()))
      throw new RehearseError(
        `context ${cluster.context} points to ${cluster.server}, the run was on ${journal.server}, and no copy of its journal is there`,
        { exitCode: EXIT.usage, hint: 'name the right one with --context, --namespace and --kubeconfig' },
      );
    return cluster;
  } catch (error) {
    cluster.close();
    throw error;
  }
}

/** Aborts after the time, not counting what is done in a pause. */
function pausableLimit(ms: number) {
  const limit = new AbortController();
  const start = () => setTimeout(() => limit.abort(new Error(`the restore took longer than ${ms / 1000} s`)), ms);
  let timer = start();
  return {
    signal: limit.signal,
    async paused<T>(work: () => Promise<T>): Promise<T> {
      clearTimeout(timer);
      try {
        return await work();
      } finally {
        timer = start();
      }
    },
    end: () => clearTimeout(timer),
  };
}
