import { hostname } from 'node:os';
import { connect } from '../../cluster/connection.ts';
import { serverVersion } from '../../cluster/providers/server-version.ts';
import type { TheirsChoice } from '../../cluster/restore.ts';
import { forgetJournal, restoreJournal } from '../../cluster/safety-net.ts';
import { clusterJournals, isAbandoned, localJournals, stateDirectory, type UndoJournal } from '../../cluster/undo-journal.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { unsealRun } from '../../record/store.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import { steadyAgain } from '../steady-again.ts';
import { chooseTheirs } from '../theirs.ts';

const LIMIT_MS = 180_000;

/** Puts back what abandoned runs left behind, and proves it. Exit code 5 when one could not be proven. */
export async function restore(args: {
  run?: string | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
  theirs?: TheirsChoice | undefined;
}): Promise<void> {
  const stateDir = stateDirectory(process.env);
  const journals = (await findJournals(args, stateDir)).filter(journal => args.run === undefined || journal.runId === args.run);
  if (args.run !== undefined && journals.length === 0) {
    throw new RehearseError(`no undo journal of run ${args.run}`, {
      exitCode: EXIT.usage,
      hint: 'it was restored already, or its journal lies in the cluster only: add --context and --namespace',
    });
  }
  if (journals.length === 0) process.stdout.write('nothing to restore\n');
  for (const journal of journals) {
    if (args.run === undefined && !isAbandoned(journal, { host: hostname(), now: systemClock.now() })) {
      // How long a drill may take differs between scenarios.
      const until = journal.blind ? '' : ` (until ${journal.deadline})`;
      process.stdout.write(`${journal.runId}: still running${until}, left alone; name it to restore it all the same\n`);
      continue;
    }
    if (!(await restoreOne(journal, args, stateDir))) process.exitCode = EXIT.notRestored;
  }
}

async function findJournals(
  args: { kubeconfig?: string | undefined; context?: string | undefined; namespace?: string | undefined },
  stateDir: string,
): Promise<UndoJournal[]> {
  if (args.context === undefined)
    return (await localJournals(stateDir))
      .flatMap(({ journal }) => journal ?? [])
      .filter(journal => journal.provider !== 'sandbox');
  if (args.namespace === undefined)
    throw new RehearseError('--context needs --namespace', { exitCode: EXIT.usage, hint: 'name the namespace of the target' });
  const cluster = await connect({
    context: args.context,
    ...(args.kubeconfig === undefined ? {} : { kubeconfig: args.kubeconfig }),
  });
  try {
    return await clusterJournals(cluster, args.namespace);
  } finally {
    cluster.close();
  }
}

async function restoreOne(
  journal: UndoJournal,
  args: { kubeconfig?: string | undefined; context?: string | undefined; theirs?: TheirsChoice | undefined },
  stateDir: string,
): Promise<boolean> {
  const kubeconfig = args.kubeconfig ?? journal.kubeconfig;
  const cluster = await connect({
    context: args.context ?? journal.context,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
  try {
    if (cluster.server !== journal.server) {
      throw new RehearseError(`context ${cluster.context} points to ${cluster.server}, the run was on ${journal.server}`, {
        exitCode: EXIT.usage,
        hint: 'name the right one with --context and --kubeconfig',
      });
    }
    // Nobody is to wait for a server that is not there at all.
    await serverVersion(cluster);
    const say = (text: string) => process.stdout.write(`${journal.runId}: ${text}\n`);
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
    if (proven) await forgetJournal(cluster, journal, stateDir);
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
