/** Watches a namespace and scrapes its pods, as a team's dashboards do, and gives what was seen as an `Observation`. */
import { badConditions } from '../cluster/conditions.ts';
import { podTroubles, type Trouble } from '../cluster/pod-trouble.ts';
import { routingChanges, sameRouting, serviceRevision } from '../cluster/services.ts';
import { templateChanges } from '../cluster/template-changes.ts';
import {
  controllerOf,
  isReady,
  type Revision,
  refOf,
  revisionHashOf,
  revisionOf,
  sameTemplates,
  WORKLOAD_KINDS,
} from '../cluster/workloads.ts';
import type { Cluster, RawObject, RoleContext } from '../rehearsal/ports.ts';
import { callGraph } from './call-graph.ts';
import { deadServices } from './dead-services.ts';
import type { Change, Observation, RevisionObservation, RevisionTrouble, WorkloadObservation } from './observation.ts';
import { createScraper } from './scraper.ts';
import { TrafficHistory } from './traffic.ts';

const SCRAPE_MS = 1000;
const REFRESH_MS = 500;
/** Changes longer ago than this are no suspects. */
const RECENT_MS = 15 * 60_000;
/** What pods did in this stretch is "now". */
const LATELY_MS = 15_000;
/** A pod that is not ready for so long is in trouble as far as diagnosis goes; one that just starts is not. */
const UNREADY_MS = 5000;

type Context = Omit<RoleContext, 'target'>;

export interface Observer {
  start(signal: AbortSignal): Promise<void>;
  /** Scrapes once more, so that the answer rests on what is now. */
  refresh(): Promise<void>;
  observe(impact: Observation['impact']): Observation;
}

export function createObserver(context: Context): Observer {
  const { cluster, clock, namespace } = context;
  const workloads = new Map<string, RawObject>();
  const revisions = new Map<string, RawObject>();
  const pods = new Map<string, RawObject>();
  const services = new Map<string, RawObject>();
  const configMaps = new Map<string, RawObject>();
  /** Run time at which a trouble of a pod was first seen, by pod and key. */
  const troubleSince = new Map<string, number>();
  /** Run time at which a workload was seen moving to a template, by workload uid; the newest last. */
  const moves = new Map<string, { tMs: number; template: RawObject }[]>();
  /** The last time that a Service was seen changing whom it leads to, by name. */
  const rerouted = new Map<string, { tMs: number; before: RawObject; after: RawObject }>();
  const history = new TrafficHistory();
  let startTMs = 0;
  let scrapeOnce: () => Promise<void> = async () => {};

  function seeWorkload(type: string, object: RawObject) {
    const id = object.metadata.uid ?? object.metadata.name;
    if (type === 'DELETED') {
      workloads.delete(id);
      return;
    }
    const before = workloads.get(id);
    workloads.set(id, object);
    if (before && !sameTemplates(before['spec'].template, object['spec'].template)) {
      const known = moves.get(id) ?? [];
      known.push({ tMs: context.tMs(), template: object['spec'].template });
      history.changedAt(context.tMs());
      moves.set(id, known);
    }
    note(`${id} deadline`, badConditions(object).length > 0);
  }

  function seeService(type: string, object: RawObject) {
    const { name } = object.metadata;
    const before = services.get(name);
    if (type === 'DELETED') services.delete(name);
    else services.set(name, object);
    if (type === 'DELETED' || !before || sameRouting(before, object)) return;
    rerouted.set(name, { tMs: context.tMs(), before, after: object });
    history.changedAt(context.tMs());
  }

  function seePod(type: string, pod: RawObject) {
    const id = pod.metadata.uid ?? pod.metadata.name;
    if (type === 'DELETED') {
      pods.delete(id);
      history.forget(id);
      for (const key of troubleSince.keys()) if (key.startsWith(`${id} `)) troubleSince.delete(key);
      return;
    }
    pods.set(id, pod);
    const now = new Set(podTroubles(pod, UNREADY_MS).map(trouble => `${id} ${trouble.key}`));
    for (const key of troubleSince.keys()) if (key.startsWith(`${id} `) && !now.has(key)) troubleSince.delete(key);
    for (const key of now) note(key, true);
  }

  function note(key: string, present: boolean) {
    if (!present) troubleSince.delete(key);
    else if (!troubleSince.has(key)) troubleSince.set(key, context.tMs());
  }

  function workloadOfPod(pod: RawObject): RawObject | undefined {
    const owner = controllerOf(pod);
    if (!owner) return undefined;
    const replicaSet = owner.kind === 'ReplicaSet' ? revisions.get(owner.uid) : undefined;
    return workloads.get((replicaSet ? controllerOf(replicaSet)?.uid : owner.uid) ?? '');
  }

  function revisionsOfWorkload(workload: RawObject): Revision[] {
    return [...revisions.values()]
      .filter(object => controllerOf(object)?.uid === workload.metadata.uid)
      .map(revisionOf)
      .sort((left, right) => right.number - left.number);
  }

  /** Run time of a server's timestamp: only for what was there before the watch began. */
  function runTimeOf(timestamp: string): number {
    return context.tMs() - (clock.now().getTime() - Date.parse(timestamp));
  }

  function changesOf(workload: RawObject): Change[] {
    const all = revisionsOfWorkload(workload);
    const id = workload.metadata.uid ?? workload.metadata.name;
    const live = all.find(revision => sameTemplates(revision.template, workload['spec'].template));
    if (!live) return [];
    const seen = (moves.get(id) ?? []).findLast(move => sameTemplates(move.template, live.template));
    const before = all.find(revision => revision.number < live.number);
    // The first revision of a workload is its installation, not a change.
    if (!before && !seen) return [];
    const atTMs = seen?.tMs ?? runTimeOf(live.createdAt);
    if (context.tMs() - atTMs > RECENT_MS) return [];
    return [
      {
        workload: refOf(workload),
        revision: String(live.number),
        hash: live.hash,
        atTMs,
        changes: templateChanges(before?.template, live.template),
      },
    ];
  }

  function reroutings(): Change[] {
    return [...rerouted.values()]
      .filter(({ tMs }) => context.tMs() - tMs <= RECENT_MS)
      .map(({ tMs, before, after }) => ({
        workload: refOf(after),
        revision: serviceRevision(after),
        hash: '',
        atTMs: tMs,
        changes: routingChanges(before, after).map(text => ({ aspect: 'other', text })),
      }));
  }

  function observeRevision(workload: RawObject, revision: Revision, windows: { normalUntilTMs: number }): RevisionObservation {
    const mine = [...pods.values()].filter(
      pod => !pod.metadata.deletionTimestamp && workloadOfPod(pod) === workload && revisionHashOf(pod) === revision.hash,
    );
    const tMs = context.tMs();
    const key = `${workload.metadata.uid} ${revision.hash}`;
    return {
      hash: revision.hash,
      pods: mine.length,
      ready: mine.filter(isReady).length,
      troubles: [...podTroublesOf(mine), ...rolloutTroubles(workload, revision)],
      traffic: history.between(key, Math.max(tMs - LATELY_MS, startTMs), tMs),
      normal: history.between(key, startTMs, windows.normalUntilTMs),
    };
  }

  function podTroublesOf(mine: readonly RawObject[]): RevisionTrouble[] {
    const grouped = new Map<string, RevisionTrouble>();
    for (const pod of mine) {
      for (const trouble of podTroubles(pod, UNREADY_MS)) {
        const sinceTMs = unreadySince(pod, trouble);
        if (context.tMs() - sinceTMs < trouble.afterMs) continue;
        const known = grouped.get(trouble.kind);
        grouped.set(trouble.kind, {
          kind: trouble.kind,
          message: known?.message ?? trouble.message,
          pods: (known?.pods ?? 0) + 1,
          sinceTMs: Math.min(known?.sinceTMs ?? Number.POSITIVE_INFINITY, sinceTMs),
        });
      }
    }
    return [...grouped.values()];
  }

  function unreadySince(pod: RawObject, trouble: Trouble): number {
    return troubleSince.get(`${pod.metadata.uid ?? pod.metadata.name} ${trouble.key}`) ?? context.tMs();
  }

  function rolloutTroubles(workload: RawObject, revision: Revision): RevisionTrouble[] {
    if (!sameTemplates(revision.template, workload['spec'].template)) return [];
    const id = workload.metadata.uid ?? workload.metadata.name;
    return badConditions(workload).map(({ kind, message }) => ({
      kind,
      message,
      pods: 0,
      sinceTMs: troubleSince.get(`${id} deadline`) ?? context.tMs(),
    }));
  }

  return {
    async start(signal) {
      startTMs = context.tMs();
      const scope = { namespace, signal };
      const keep = (into: Map<string, RawObject>, by: 'uid' | 'name') => (type: string, object: RawObject) => {
        const key = (by === 'uid' ? object.metadata.uid : undefined) ?? object.metadata.name;
        if (type === 'DELETED') into.delete(key);
        else into.set(key, object);
      };
      await Promise.all([
        ...WORKLOAD_KINDS.map(kind => cluster.watch({ apiVersion: 'apps/v1', kind }, scope, seeWorkload)),
        ...['ReplicaSet', 'ControllerRevision'].map(kind =>
          cluster.watch({ apiVersion: 'apps/v1', kind }, scope, keep(revisions, 'uid')),
        ),
        cluster.watch({ apiVersion: 'v1', kind: 'Service' }, scope, seeService),
        cluster.watch({ apiVersion: 'v1', kind: 'ConfigMap' }, scope, keep(configMaps, 'name')),
        cluster.watch({ apiVersion: 'v1', kind: 'Pod' }, scope, seePod),
      ]);
      const separable = cluster as Cluster & { separate?: () => Cluster & { close(): void } };
      const own = separable.separate?.();
      signal.addEventListener('abort', () => own?.close(), { once: true });
      const scrape = createScraper({ cluster: own ?? cluster, namespace, signal, timeoutMs: 2 * SCRAPE_MS });
      scrapeOnce = async () => {
        await Promise.all(
          [...pods.values()].map(async pod => {
            const samples = await scrape(pod);
            const workload = workloadOfPod(pod);
            if (!samples || !workload) return;
            const fresh = runTimeOf(pod.metadata.creationTimestamp ?? '') > startTMs - 1000;
            history.add(
              `${workload.metadata.uid} ${revisionHashOf(pod)}`,
              pod.metadata.uid ?? pod.metadata.name,
              fresh,
              context.tMs(),
              samples,
            );
          }),
        );
      };
      await scrapeOnce();
      void (async () => {
        for (;;) {
          await clock.sleep(SCRAPE_MS, signal);
          await scrapeOnce();
        }
      })().catch(() => {});
    },

    // A pod that hangs must not hold up the answer.
    refresh: () => Promise.race([scrapeOnce(), clock.sleep(REFRESH_MS)]),

    observe(impact) {
      const changes = [...[...workloads.values()].flatMap(changesOf), ...reroutings()];
      // Normal is what was before the first change that was seen happening.
      const firstMove = Math.min(
        ...[...moves.values()].flat().map(move => move.tMs),
        ...[...rerouted.values()].map(({ tMs }) => tMs),
        context.tMs(),
      );
      const seen: WorkloadObservation[] = [...workloads.values()].map(workload => ({
        ref: refOf(workload),
        revisions: revisionsOfWorkload(workload)
          .map(revision => observeRevision(workload, revision, { normalUntilTMs: firstMove }))
          .filter(revision => revision.pods > 0 || revision.traffic || revision.normal || revision.troubles.length > 0),
      }));
      const nodes = [...workloads.values()].map((workload, index) => ({
        name: workload.metadata.name,
        template: workload['spec'].template as RawObject,
        seen: (seen[index]?.revisions ?? []).flatMap(revision => revision.traffic?.calls.map(call => call.target) ?? []),
      }));
      return {
        nowTMs: context.tMs(),
        scrapeMs: SCRAPE_MS,
        changes,
        workloads: seen,
        calls: callGraph(nodes, [...services.values()], configMaps, namespace),
        deadServices: deadServices([...services.values()], [...pods.values()]),
        impact,
      };
    },
  };
}
