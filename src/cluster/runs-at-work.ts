import type { Clock, Cluster } from '../rehearsal/ports.ts';
import { LEASE_SECONDS } from './lease.ts';
import type { UndoJournal } from './undo-journal.ts';

const LOOK_MS = 2000;

export interface Judged {
  journal: UndoJournal;
  /** running: its deadline is ahead. renewed: it has passed, and somebody renews a lease of the run all the same. */
  state: 'running' | 'renewed' | 'expired';
}

/** Which runs nobody will end any more: their deadline has passed, and nobody is at work on them. */
export async function judgeRuns(
  cluster: Cluster,
  journals: readonly UndoJournal[],
  clock: Clock,
  signal: AbortSignal,
): Promise<Judged[]> {
  const over = journals.filter(({ deadline }) => new Date(deadline) < clock.now());
  const atWork = await runsAtWork(cluster, over, clock, signal);
  return journals.map(journal => ({
    journal,
    state: !over.includes(journal) ? 'running' : atWork.has(journal.runId) ? 'renewed' : 'expired',
  }));
}

/**
 * Ids of the runs that somebody is at work on: a lease of theirs is renewed while we watch, for as long as a lease holds. Renewals
 * were written by another machine's clock, so one is not judged by its time but by whether the object changes before our eyes,
 * as client-go's leader election does (https://pkg.go.dev/k8s.io/client-go/tools/leaderelection).
 */
export async function runsAtWork(
  cluster: Cluster,
  journals: readonly UndoJournal[],
  clock: Clock,
  signal: AbortSignal,
): Promise<Set<string>> {
  const before = await Promise.all(journals.map(journal => heldLeases(cluster, journal)));
  const atWork = new Set<string>();
  // A run releases its leases when it ends: without one there is nobody to wait for.
  const untilMs = clock.monotonicMs() + LEASE_SECONDS * 1000;
  const waitFor = () => journals.filter((journal, index) => before[index]?.size && !atWork.has(journal.runId));
  while (waitFor().length > 0 && clock.monotonicMs() < untilMs) {
    await clock.sleep(Math.min(LOOK_MS, untilMs - clock.monotonicMs()), signal);
    for (const journal of waitFor()) {
      const held = before[journals.indexOf(journal)];
      const now = await heldLeases(cluster, journal);
      if ([...now].some(([name, version]) => held?.get(name) !== version)) atWork.add(journal.runId);
    }
  }
  return atWork;
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
