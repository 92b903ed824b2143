import { type ConnectedCluster, connect } from '../../cluster/connection.ts';
import { judgeRuns } from '../../cluster/runs-at-work.ts';
import { forgetJournal, restoreJournal } from '../../cluster/safety-net.ts';
import { clusterJournals, stateDirectory, type UndoJournal } from '../../cluster/undo-journal.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { systemClock } from '../../rehearsal/clock.ts';

const LIMIT_MS = 300_000;

/**
 * What the guard in the cluster does every minute: restores runs whose deadline has passed and whose lease nobody renews, from the
 * cluster's copies, and leaves every other alone. One line of JSON for each thing that it saw or did. Exit code 5 when one could not be proven.
 */
export async function restoreExpired(args: {
  run?: string | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
}): Promise<void> {
  if (args.context === undefined || args.namespace === undefined)
    throw new RehearseError('--expired needs --context and --namespace', {
      exitCode: EXIT.usage,
      hint: 'it looks at the journals in a cluster; in a pod: --context in-cluster',
    });
  const { namespace } = args;
  const cluster = await connect({
    context: args.context,
    ...(args.kubeconfig === undefined ? {} : { kubeconfig: args.kubeconfig }),
  });
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const { journals, unusable } = await clusterJournals(cluster, namespace);
    const judged = await judgeRuns(cluster, journals, systemClock, signal);
    tell('looked', { namespace, runs: judged.length });
    for (const found of unusable) {
      tell('refused', found);
      process.exitCode = EXIT.notRestored;
    }
    cluster.onWrite(write => tell('wrote', { ...write }));
    for (const { journal, state } of judged) {
      if (args.run !== undefined && journal.runId !== args.run) continue;
      if (state === 'expired') {
        // One that fails must not keep the others from being restored.
        await restore(cluster, journal, signal).catch((error: Error) => {
          tell('not-restored', { run: journal.runId, proven: false, reason: error.message });
          process.exitCode = EXIT.notRestored;
        });
      }
      // How long a blind drill may take would tell which one it is.
      else tell('left-alone', { run: journal.runId, state, ...(journal.blind ? {} : { deadline: journal.deadline }) });
    }
  } finally {
    cluster.close();
  }
}

async function restore(cluster: ConnectedCluster, journal: UndoJournal, signal: AbortSignal): Promise<void> {
  const run = journal.runId;
  const { scenario, by, host, deadline } = journal;
  tell('restoring', { run, scenario, by, host, deadline });
  const { proven, objects, removedRevisions } = await restoreJournal(cluster, journal, systemClock, signal);
  for (const { object, ...done } of objects) tell('object', { run, object: `${object.kind}/${object.name}`, ...done });
  if (proven) await forgetJournal(cluster, journal, stateDirectory(process.env));
  else process.exitCode = EXIT.notRestored;
  tell(proven ? 'restored' : 'not-restored', { run, proven, removedRevisions });
}

function tell(event: string, details: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ at: systemClock.now().toISOString(), event, ...details })}\n`);
}
