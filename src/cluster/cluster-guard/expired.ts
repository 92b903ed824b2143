import type { Clock, Cluster } from '../../rehearsal/ports.ts';
import { LEASE_SECONDS } from '../lease.ts';
import { clusterJournals, type UndoJournal } from '../undo-journal.ts';

export interface Judged {
  journal: UndoJournal;
  /** running: its deadline is ahead. renewed: it has passed, and somebody renews a lease of the run all the same. */
  state: 'running' | 'renewed' | 'expired';
}

/**
 * Which runs of a namespace nobody will end any more: their deadline has passed, and no lease of theirs was renewed while we watched for
 * as long as a lease holds. Deadlines and renewals were written by another machine's clock, so a renewal is not judged by its time but
 * by whether the object changes before our eyes, as client-go's leader election does
 * (https://pkg.go.dev/k8s.io/client-go/tools/leaderelection).
 */
export async function judgeRuns(cluster: Cluster, namespace: string, clock: Clock, signal: AbortSignal): Promise<Judged[]> {
  const journals = await clusterJournals(cluster, namespace);
  const over = journals.filter(({ deadline }) => new Date(deadline) < clock.now());
  const before = await Promise.all(over.map(journal => heldLeases(cluster, journal)));
  // A run releases its leases when it ends: without one there is nobody to wait for.
  if (before.some(held => held.size > 0)) await clock.sleep(LEASE_SECONDS * 1000, signal);
  const after = await Promise.all(over.map((journal, index) => (before[index]?.size ? heldLeases(cluster, journal) : new Map())));
  return journals.map(journal => {
    const index = over.indexOf(journal);
    if (index < 0) return { journal, state: 'running' };
    const renewed = [...(after[index] ?? [])].some(([name, version]) => before[index]?.get(name) !== version);
    return { journal, state: renewed ? 'renewed' : 'expired' };
  });
}

/** Leases that the run holds, with their versions. */
async function heldLeases(cluster: Cluster, journal: UndoJournal): Promise<Map<string, string | undefined>> {
  const held = new Map<string, string | undefined>();
  for (const lease of [journal.lease, ...(journal.otherLeases ?? [])]) {
    const found = await cluster.get(lease);
    if (found?.['spec']?.holderIdentity === journal.runId) held.set(lease.name, found.metadata.resourceVersion);
  }
  return held;
}
