/** The safety contract on a real API server: guard, halt switch, undo journal, lease, restore and its proof. */
import { homedir, hostname } from 'node:os';
import { sep } from 'node:path';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { CheckResult, ObjectRef } from '../record/events.ts';
import type { Clock, Cluster, RawObject, SafetyNet } from '../rehearsal/ports.ts';
import type { StagingOptIn } from './config.ts';
import { desiredState } from './desired-state.ts';
import { differences } from './fields.ts';
import { checkGuard } from './guard.ts';
import { acquireLeases, type HeldLeases, LeaseTaken, leaseFor, leasesOfNamespace } from './lease.ts';
import { patiently } from './patience.ts';
import { ownedRevisions, putBack, type RestoreOptions, removeDrillRevisions } from './restore.ts';
import { untilSettled } from './rollout.ts';
import { unlessAborted } from './single-flight.ts';
import { onlyByHand } from './their-changes.ts';
import {
  clusterJournals,
  type DrillField,
  removeJournal,
  replaceClusterJournal,
  type UndoEntry,
  type UndoJournal,
  writeClusterJournal,
  writeLocalJournal,
} from './undo-journal.ts';
import { revisionOf, sameTemplates, sameWorkload } from './workloads.ts';

/** A ConfigMap of this name in the target's namespace stops every drill there, before and in the middle. */
const HALT_SWITCH = 'rehearse-halt';
/** It is honoured within a second, on a server that answers in time. */
const HALT_INTERVAL_MS = 400;
const HALT_TIMEOUT_MS = 5000;
const HALT_AT_ONCE = 4;
const AGAIN_MS = 1000;

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
  /** Somebody practises: what is done to the objects by hand while the drill runs is the drill's. */
  byHand?: boolean;
  /** Told of what goes wrong beside the drill and does not end it. */
  onTrouble?: (message: string) => void;
  /** Probes and steady state of the scenario, for a restore that is made without it. */
  steadyState?: UndoJournal['steadyState'];
}

export function createSafetyNet(options: SafetyNetOptions): SafetyNet {
  const { cluster, clock, target, namespace, runId, stateDir } = options;
  const haltRef: ObjectRef = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: HALT_SWITCH };
  const tell = (message: string) => options.onTrouble?.(message);
  const haltText = (by: string | undefined) => `halted by ConfigMap ${HALT_SWITCH}${by ? `: ${by}` : ''}`;
  let journal: UndoJournal | undefined;
  let leases: HeldLeases | undefined;
  let conflict = false;
  /** Changes of the journal, one after the other. */
  let writing: Promise<unknown> = Promise.resolve();

  function change<T>(work: (journal: UndoJournal) => Promise<T>): Promise<T> {
    const changed = writing.then(() => {
      if (!journal) throw new RehearseError('no undo journal was written', { exitCode: EXIT.error });
      return work(journal);
    });
    writing = changed.catch(() => {});
    return changed;
  }

  async function rewrite(entries: UndoEntry[]): Promise<void> {
    if (!journal) return;
    const changed = { ...journal, entries };
    await writeLocalJournal(stateDir, changed);
    await replaceClusterJournal(cluster, changed);
    journal = changed;
  }

  return {
    guard: () => checkGuard(cluster, namespace, options.optIns),

    async preflight() {
      const [halt, pending, held] = await Promise.all([
        cluster.get(haltRef),
        clusterJournals(cluster, namespace),
        cluster.get(leaseFor(target)),
      ]);
      // A blind drill stands in everybody's way: who is told that another target is free would know the one that is not.
      const orphan = pending.journals.find(
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
            ? `${runText(orphan)}, has not ${orphan.blind ? 'ended; it is blind and needs the namespace for itself' : 'ended, or not restored the target'}${renewedText(held, orphan, clock.now())}`
            : 'no undo journal in the namespace names the target',
          ...(orphan
            ? {
                remedy: `wait for it to end, or end it: kubectl -n ${namespace} create configmap ${HALT_SWITCH}; if it died: rehearse restore ${orphan.runId} --context ${cluster.context} -n ${namespace}`,
              }
            : {}),
        },
        ...pending.unusable.map(({ secret, problem }) => ({
          name: 'undo journals that can be used',
          ok: false,
          detail: `Secret ${secret} is no undo journal that can be restored from: ${problem}`,
          remedy: `look whose it is; if nobody needs it: kubectl -n ${namespace} delete secret ${secret}`,
        })),
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
      const entries = await Promise.all(
        changes.map(({ object, before, after }) =>
          undoEntry(cluster, object, before, after && differences(before && desiredState(before), desiredState(after))),
        ),
      );
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
        // Whatever else the drill changes, decoys and a Service too, is in no other drill's hands meanwhile.
        otherLeases: options.blind
          ? (await leasesOfNamespace(cluster, namespace)).filter(({ name }) => name !== lease.name)
          : otherLeases(changes, lease),
        ...(options.blind ? { blind: true, directory: options.blind.directory } : {}),
        ...(options.steadyState === undefined ? {} : { steadyState: options.steadyState }),
        entries,
      };
      const path = await writeLocalJournal(stateDir, draft);
      try {
        const copy = await writeClusterJournal(cluster, draft, clock);
        journal = draft;
        return { journal: homeRelative(path), cluster: copy, objects: entries.map(entry => entry.object) };
      } catch (error) {
        // It may have arrived although no answer came.
        await removeJournal(stateDir, cluster, draft).catch(() => removeJournal(stateDir, undefined, draft));
        throw error;
      }
    },

    extendUndo: object =>
      change(async ({ entries }) => {
        if (entries.some(entry => entry.object.kind === object.kind && entry.object.name === object.name)) return;
        await rewrite([...entries, await undoEntry(cluster, object, await cluster.get(object), [], 'any')]);
      }),

    observeOwn() {
      const { entries = [] } = journal ?? {};
      const look = () => Promise.all(entries.map(({ object }) => cluster.get(object)));
      const before = look();
      before.catch(() => {});
      return () => {
        // What could not be read is taken for somebody else's, and asked about.
        change(async ({ entries: now }) => {
          const [were, are] = await Promise.all([before, look()]);
          const own = entries.map((_entry, index) => {
            const [was, is] = [were[index], are[index]];
            if (was && is && !onlyByHand(was, is)) return [];
            return differences(was && desiredState(was), is && desiredState(is)).map(drillField);
          });
          if (own.every(fields => fields.length === 0)) return;
          const added = (entry: UndoEntry) => own[entries.findIndex(({ object }) => object === entry.object)] ?? [];
          await rewrite(now.map(entry => ({ ...entry, ...(entry.drill ? { drill: [...entry.drill, ...added(entry)] } : {}) })));
        }).catch(error => tell(`what the command changed is not in the undo journal: ${(error as Error).message}`));
      };
    },

    async acquireLease(signal, lost) {
      const lease = leaseFor(target);
      try {
        leases = await acquireLeases(cluster, journal ? leasesOf(journal) : [lease], runId, { clock, signal, lost });
      } catch (error) {
        // Nothing was changed, and what is there may be another drill's bad deploy by now: there is nothing to put back.
        const written = journal;
        journal = undefined;
        if (written)
          await removeJournal(stateDir, cluster, written).catch(failure => {
            tell(`the cluster's copy of the undo journal is left, and is to be deleted: ${(failure as Error).message}`);
            return removeJournal(stateDir, undefined, written);
          });
        throw await withHolder(error, cluster, namespace);
      }
      return lease;
    },

    async confirm() {
      const lost = leases ? await leases.stillHeld() : 'no lease was taken';
      const { journals } = await clusterJournals(cluster, namespace);
      if (lost === undefined && journals.some(other => other.runId === runId)) return;
      throw new RehearseError(lost ?? "the cluster's copy of the undo journal is gone: somebody restored the target", {
        exitCode: EXIT.refused,
        hint: 'nothing more is changed',
      });
    },

    async watchHalt(signal, halt) {
      const path = `/api/v1/namespaces/${namespace}/configmaps/${HALT_SWITCH}`;
      let isSet = false;
      const ask = async () => {
        const { status, body } = await cluster.request('GET', path, { signal, timeoutMs: HALT_TIMEOUT_MS });
        if (status !== 200 && status !== 404) throw new Error(`HTTP ${status} for ${path}`);
        if (status === 404 || isSet) return;
        isSet = true;
        halt(haltText(JSON.parse(body).data?.reason));
      };
      await ask();
      // Asked for rather than watched: a watch whose connection died in silence would tell minutes later. A slow answer holds up no other.
      let open = 0;
      let failing = false;
      void (async () => {
        while (!isSet && !signal.aborted) {
          await clock.sleep(HALT_INTERVAL_MS, signal).catch(() => {});
          if (signal.aborted || open >= HALT_AT_ONCE) continue;
          open++;
          void ask()
            .then(() => {
              failing = false;
            })
            .catch(error => {
              if (!failing && !signal.aborted) tell(`the halt switch cannot be read: ${(error as Error).message}`);
              failing = true;
            })
            .finally(() => {
              open--;
            });
        }
      })();
    },

    async restore(signal) {
      if (!journal) throw new RehearseError('no undo journal was written', { exitCode: EXIT.notRestored });
      await unlessAborted(writing, signal);
      const restored = await restoreJournal(cluster, journal, clock, signal, options.byHand ? { byHand: true } : {});
      conflict = restored.objects.some(({ action, equal }) => action === 'left' && !equal);
      return restored;
    },

    async release({ proven }) {
      // The journal last: whoever dies in between leaves something that a restore finds.
      await leases?.release();
      if (proven && journal) await removeJournal(stateDir, cluster, journal);
    },

    remedy: () =>
      conflict
        ? `somebody else changed what the drill changed: rehearse restore ${runId} shows it and asks (or --theirs keep|overwrite|merge)`
        : `rehearse restore ${runId}`,
  };
}

/** Who is at it, since when and from where. How long a blind drill may take would tell which one it is. */
export function runText(journal: UndoJournal): string {
  const { runId, scenario, by, host, writtenAt, deadline, blind } = journal;
  return `run ${runId}${blind ? '' : ` (${scenario})`} by ${by} from ${host}, since ${toTheSecond(writtenAt)}${blind ? '' : `, until ${toTheSecond(deadline)} at the latest`}`;
}

const toTheSecond = (at: string) => at.replace(/\.\d+(?=Z$)/, '');

/** For people: clocks of two machines differ, so nothing is decided by it. */
function renewedText(lease: RawObject | undefined, journal: UndoJournal, now: Date): string {
  const { holderIdentity, renewTime } = lease?.['spec'] ?? {};
  if (holderIdentity !== journal.runId) return '; it holds no lease';
  return `; its lease was renewed ${Math.round((now.getTime() - new Date(renewTime).getTime()) / 1000)} s ago`;
}

/** A lease tells the run that holds it, and the journal of that run who and where. */
async function withHolder(error: unknown, cluster: Cluster, namespace: string): Promise<unknown> {
  if (!(error instanceof LeaseTaken)) return error;
  const { journals } = await clusterJournals(cluster, namespace).catch(() => ({ journals: [] as UndoJournal[] }));
  const holder = journals.find(({ runId }) => runId === error.holder);
  return holder ? new LeaseTaken(error.lease, error.holder, `${error.detail}; it is ${runText(holder)}`) : error;
}

/** Another run that is at work on what a journal would put back: its bad deploy must not be taken for the one to undo. */
async function rivalOf(cluster: Cluster, journal: UndoJournal): Promise<string | undefined> {
  for (const lease of leasesOf(journal)) {
    const holder = (await cluster.get(lease))?.['spec']?.holderIdentity;
    if (holder === undefined || holder === journal.runId) continue;
    const rival = (await clusterJournals(cluster, journal.namespace)).journals.find(({ runId }) => runId === holder);
    if (rival) return `the target is in the hands of another run, ${runText(rival)}: nothing was done to it`;
  }
  return undefined;
}

const drillField = ({ path, after }: { path: string[]; after: unknown }): DrillField => ({
  path,
  ...(after === undefined ? {} : { value: after }),
});

/**
 * @param changes what the drill itself is going to ask for; undefined when that is not known
 * @param backTo revisions that the drill may roll back to: the live one, or any when the workload is blamed for what it has not done
 */
async function undoEntry(
  cluster: Cluster,
  object: ObjectRef,
  before: RawObject | undefined,
  changes: readonly { path: string[]; after: unknown }[] | undefined,
  backTo: 'live' | 'any' = 'live',
): Promise<UndoEntry> {
  const revisions = before ? await ownedRevisions(cluster, before) : [];
  const rollbacks = before ? revisions.flatMap(revision => rollbackFields(before, revision, backTo)) : [];
  return {
    object: before?.metadata.uid === undefined ? object : { ...object, uid: before.metadata.uid },
    ...(before === undefined ? {} : { before }),
    revisions: revisions.flatMap(revision => revision.metadata.uid ?? []),
    ...(changes === undefined ? {} : { drill: [...rollbacks, ...changes.map(drillField)] }),
  };
}

/** What `rollout undo` to a revision changes: the template, and the annotations of a Deployment, which become those of the ReplicaSet. */
function rollbackFields(before: RawObject, object: RawObject, backTo: 'live' | 'any'): DrillField[] {
  const { template } = revisionOf(object);
  if (backTo === 'live' && !sameTemplates(template, before['spec'].template)) return [];
  const state = desiredState(before) as { metadata: { annotations: Record<string, string> }; spec: object };
  const own = ([name]: [string, unknown]) => !/^(deployment\.kubernetes\.io|kubectl\.kubernetes\.io)\//.test(name);
  const theirs = Object.entries(state.metadata.annotations).filter(entry => !own(entry));
  const annotations =
    object.kind === 'ReplicaSet'
      ? Object.fromEntries([...theirs, ...Object.entries(object.metadata.annotations ?? {}).filter(own)])
      : state.metadata.annotations;
  const undone = { ...state, metadata: { ...state.metadata, annotations }, spec: { ...state.spec, template } };
  return differences(state, undone).map(drillField);
}

/**
 * Restores from a journal, whoever wrote it: puts back, waits for the workloads to settle, tidies their history, compares again.
 * @throws RehearseError (not restored) when another run is at work on what it would put back
 */
export async function restoreJournal(
  cluster: Cluster,
  journal: UndoJournal,
  clock: Clock,
  signal: AbortSignal,
  how: Pick<RestoreOptions, 'choose' | 'byHand'> = {},
): ReturnType<SafetyNet['restore']> {
  const options = { ...how, ...(how.choose ? { choose: askedOnce(how.choose) } : {}), clock, signal };
  const rival = await patiently(() => rivalOf(cluster, journal), options);
  if (rival !== undefined)
    throw new RehearseError(rival, { exitCode: EXIT.notRestored, hint: 'wait for it to end, or restore it first' });
  const first = await putBack(cluster, journal.entries, options);
  const workloads = first
    .filter(({ equal, action }) => equal && action !== 'left')
    .filter(({ object }) => journal.entries.some(entry => entry.before?.['spec']?.template && sameWorkload(entry.object, object)))
    .map(({ object }) => object);
  const unsettled = new Map<ObjectRef, string>();
  await Promise.all(
    workloads.map(workload =>
      patiently(() => atRest(cluster, clock, workload, signal), options).catch(error =>
        unsettled.set(workload, (error as Error).message),
      ),
    ),
  );
  const removedRevisions = await patiently(() => removeDrillRevisions(cluster, journal.entries, options), options);
  // The proof is taken last: what is live after everything has settled, not what was sent.
  const second = await putBack(cluster, journal.entries, options);
  const objects = second.map((entry, index) => {
    const { action = entry.action, object } = first[index] ?? {};
    const notes = [first[index]?.note ?? entry.note, object && unsettled.get(object)].filter(note => note !== undefined);
    return { ...entry, action, ...(notes.length === 0 ? {} : { note: notes.join('; ') }) };
  });
  return { proven: unsettled.size === 0 && objects.every(entry => entry.equal), objects, removedRevisions };
}

/**
 * Waits until what was put back runs. That the bad deploy missed its progress deadline stays in the conditions of a Deployment until the
 * first pod of the one after it is ready (k8s.io/kubernetes/pkg/controller/deployment/util, DeploymentTimedOut): no failure of ours.
 */
async function atRest(cluster: Cluster, clock: Clock, workload: ObjectRef, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { state, message } = await untilSettled(cluster, clock, workload, signal);
    if (state === 'done') return;
    await clock.sleep(AGAIN_MS, signal).catch(() => {
      throw new RehearseError(`it has not settled: ${message}`);
    });
  }
}

/** The same change of the same object is shown once; another one since is shown again. */
function askedOnce(choose: NonNullable<RestoreOptions['choose']>): NonNullable<RestoreOptions['choose']> {
  const chosen = new Map<string, ReturnType<typeof choose>>();
  return change => {
    const theirs = { ...change, fields: change.fields.filter(field => field.by !== 'drill') };
    const key = JSON.stringify(theirs);
    const choice = chosen.get(key) ?? choose(change);
    chosen.set(key, choice);
    return choice;
  };
}

/** Deletes both copies of a journal and a lease that its run left. */
export async function forgetJournal(cluster: Cluster, journal: UndoJournal, stateDir: string): Promise<void> {
  for (const lease of leasesOf(journal)) {
    const held = await cluster.get(lease);
    if (held?.['spec']?.holderIdentity === journal.runId) await cluster.delete(lease);
  }
  await removeJournal(stateDir, cluster, journal);
}

function otherLeases(changes: readonly { object: ObjectRef; before?: RawObject | undefined }[], lease: ObjectRef): ObjectRef[] {
  const leases = changes.filter(({ before }) => before !== undefined).map(({ object }) => leaseFor(object));
  return leases.filter(({ name }, index) => name !== lease.name && leases.findIndex(one => one.name === name) === index);
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
