/** The safety contract on a real API server: guard, halt switch, undo journal, lease, restore and its proof. */
import { homedir, hostname } from 'node:os';
import { sep } from 'node:path';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { CheckResult, ObjectRef } from '../record/events.ts';
import type { Clock, Cluster, RawObject, SafetyNet } from '../rehearsal/ports.ts';
import type { StagingOptIn } from './config.ts';
import { checkGuard } from './guard.ts';
import { acquireLeases, type HeldLeases, leaseFor, leasesOfNamespace } from './lease.ts';
import { ownedRevisions, putBack, removeDrillRevisions } from './restore.ts';
import { settle } from './settle.ts';
import {
  clusterJournals,
  removeJournal,
  replaceClusterJournal,
  type UndoEntry,
  type UndoJournal,
  writeClusterJournal,
  writeLocalJournal,
} from './undo-journal.ts';

/** A ConfigMap of this name in the target's namespace stops every drill there, before and in the middle. */
const HALT_SWITCH = 'rehearse-halt';

export interface SafetyNetOptions {
  cluster: Cluster;
  clock: Clock;
  target: ObjectRef;
  namespace: string;
  runId: string;
  scenario: string;
  operator: string;
  provider: UndoJournal['provider'];
  kubeconfig: string | undefined;
  optIns: readonly StagingOptIn[];
  stateDir: string;
  /** Nobody is to learn from the journals or the leases what the drill does; `directory` is the sealed folder of the run. */
  blind?: { directory: string };
}

export function createSafetyNet(options: SafetyNetOptions): SafetyNet {
  const { cluster, clock, target, namespace, runId, stateDir } = options;
  const haltRef: ObjectRef = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: HALT_SWITCH };
  const haltText = (by: string | undefined) => `halted by ConfigMap ${HALT_SWITCH}${by ? `: ${by}` : ''}`;
  let journal: UndoJournal | undefined;
  let leases: HeldLeases | undefined;

  return {
    guard: () => checkGuard(cluster, namespace, options.optIns),

    async preflight() {
      const [halt, pending, held] = await Promise.all([
        cluster.get(haltRef),
        clusterJournals(cluster, namespace),
        cluster.get(leaseFor(target)),
      ]);
      // A blind drill stands in everybody's way: who is told that another target is free would know the one that is not.
      const orphan = pending.find(
        other =>
          other.blind ||
          other.lease.name === leaseFor(target).name ||
          other.entries.some(entry => entry.object.kind === target.kind && entry.object.name === target.name),
      );
      const checks: CheckResult[] = [
        {
          name: 'halt switch',
          ok: halt === undefined,
          detail: halt ? haltText(halt['data']?.reason) : `no ConfigMap ${HALT_SWITCH} in namespace ${namespace}`,
          ...(halt ? { remedy: `when drills may run again: kubectl -n ${namespace} delete configmap ${HALT_SWITCH}` } : {}),
        },
        {
          name: 'no earlier run to restore',
          ok: orphan === undefined,
          detail: orphan
            ? `run ${orphan.runId} by ${orphan.by} has not ${orphan.blind ? 'ended; it is blind and needs the namespace for itself' : 'restored the target'}`
            : 'no undo journal in the namespace names the target',
          ...(orphan
            ? { remedy: `${orphan.blind ? 'wait for it to end; if it died: ' : ''}rehearse restore ${orphan.runId}` }
            : {}),
        },
      ];
      if (held && !orphan)
        checks.push({
          name: 'lease',
          ok: true,
          detail: `a lease of ${held['spec']?.holderIdentity} exists; it is taken over only when it has run out`,
        });
      return checks;
    },

    async writeUndo(changes, deadline) {
      const entries = await Promise.all(changes.map(({ object, before }) => undoEntry(cluster, object, before)));
      const lease = leaseFor(target);
      const draft: UndoJournal = {
        version: 1,
        runId,
        scenario: options.scenario,
        writtenAt: clock.now().toISOString(),
        deadline: deadline.toISOString(),
        by: options.operator,
        host: hostname(),
        pid: process.pid,
        provider: options.provider,
        context: cluster.context,
        server: cluster.server,
        ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
        namespace,
        lease,
        ...(options.blind
          ? {
              otherLeases: (await leasesOfNamespace(cluster, namespace)).filter(({ name }) => name !== lease.name),
              blind: true,
              directory: options.blind.directory,
            }
          : {}),
        entries,
      };
      const path = await writeLocalJournal(stateDir, draft);
      try {
        const copy = await writeClusterJournal(cluster, draft);
        journal = draft;
        return { journal: homeRelative(path), cluster: copy, objects: entries.map(entry => entry.object) };
      } catch (error) {
        await removeJournal(stateDir, undefined, draft);
        throw error;
      }
    },

    async extendUndo(object) {
      if (!journal) throw new RehearseError('no undo journal was written', { exitCode: EXIT.error });
      if (journal.entries.some(entry => entry.object.kind === object.kind && entry.object.name === object.name)) return;
      const entry = await undoEntry(cluster, object, await cluster.get(object));
      const extended = { ...journal, entries: [...journal.entries, entry] };
      await writeLocalJournal(stateDir, extended);
      await replaceClusterJournal(cluster, extended);
      journal = extended;
    },

    async acquireLease(signal) {
      const lease = leaseFor(target);
      leases = await acquireLeases(cluster, journal ? leasesOf(journal) : [lease], runId, clock, signal);
      return lease;
    },

    async watchHalt(signal, halt) {
      await cluster.watch(
        { apiVersion: 'v1', kind: 'ConfigMap' },
        { namespace, fieldSelector: `metadata.name=${HALT_SWITCH}`, signal },
        (type, object) => {
          if (type !== 'DELETED') halt(haltText(object['data']?.reason));
        },
      );
    },

    async restore(signal) {
      if (!journal) throw new RehearseError('no undo journal was written', { exitCode: EXIT.notRestored });
      return restoreJournal(cluster, journal, clock, signal);
    },

    async release({ proven }) {
      if (proven && journal) await removeJournal(stateDir, cluster, journal);
      await leases?.release();
    },

    remedy: () => `rehearse restore ${runId}`,
  };
}

async function undoEntry(cluster: Cluster, object: ObjectRef, before: RawObject | undefined): Promise<UndoEntry> {
  return {
    object: before?.metadata.uid === undefined ? object : { ...object, uid: before.metadata.uid },
    ...(before === undefined ? {} : { before }),
    revisions: before ? (await ownedRevisions(cluster, before)).flatMap(revision => revision.metadata.uid ?? []) : [],
  };
}

/** Restores from a journal, whoever wrote it: puts back, waits for the workloads to settle, tidies their history, compares again. */
export async function restoreJournal(
  cluster: Cluster,
  journal: UndoJournal,
  clock: Clock,
  signal: AbortSignal,
): ReturnType<SafetyNet['restore']> {
  const first = await putBack(cluster, journal.entries);
  const workloads = journal.entries.filter(entry => entry.before?.['spec']?.template !== undefined).map(entry => entry.object);
  await Promise.all(workloads.map(workload => settle(cluster, clock, workload, signal)));
  const removedRevisions = await removeDrillRevisions(cluster, journal.entries);
  // The proof is taken last: what is live after everything has settled, not what was sent.
  const second = await putBack(cluster, journal.entries);
  const objects = second.map((entry, index) => ({ ...entry, action: first[index]?.action ?? entry.action }));
  return { proven: objects.every(entry => entry.equal), objects, removedRevisions };
}

/** Deletes both copies of a journal and a lease that its run left. */
export async function forgetJournal(cluster: Cluster, journal: UndoJournal, stateDir: string): Promise<void> {
  for (const lease of leasesOf(journal)) {
    const held = await cluster.get(lease);
    if (held?.['spec']?.holderIdentity === journal.runId) await cluster.delete(lease);
  }
  await removeJournal(stateDir, cluster, journal);
}

/** In the order in which they are taken. */
function leasesOf(journal: UndoJournal): ObjectRef[] {
  return [journal.lease, ...(journal.otherLeases ?? [])].sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** The record is shared with others: it does not tell whose home it was. */
function homeRelative(path: string): string {
  const home = homedir();
  return path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
