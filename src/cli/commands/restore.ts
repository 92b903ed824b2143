import { hostname } from 'node:os';
import { connect } from '../../cluster/connection.ts';
import { forgetJournal, restoreJournal } from '../../cluster/safety-net.ts';
import { clusterJournals, isAbandoned, localJournals, stateDirectory, type UndoJournal } from '../../cluster/undo-journal.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { unsealRun } from '../../record/store.ts';
import { systemClock } from '../../rehearsal/clock.ts';

const LIMIT_MS = 180_000;

/** Puts back what abandoned runs left behind, and proves it. Exit code 5 when one could not be proven. */
export async function restore(args: {
  run?: string | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
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
  args: { kubeconfig?: string | undefined; context?: string | undefined },
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
    const { proven, objects } = await restoreJournal(cluster, journal, systemClock, AbortSignal.timeout(LIMIT_MS));
    for (const { object, action, equal, diff } of objects) {
      process.stdout.write(
        `${journal.runId}: ${object.kind}/${object.name} ${action}, ${equal ? 'equal to the snapshot' : `differs:\n${diff}`}\n`,
      );
    }
    if (proven) await forgetJournal(cluster, journal, stateDir);
    if (journal.directory !== undefined) unsealRun(journal.directory);
    process.stdout.write(`${journal.runId}: ${proven ? 'restored, proven' : 'NOT restored: the journal is kept'}\n`);
    return proven;
  } finally {
    cluster.close();
  }
}
