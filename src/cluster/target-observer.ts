import type { CheckResult, ObjectRef } from '../record/events.ts';
import type { Cluster, RawObject, TargetObserver } from '../rehearsal/ports.ts';
import { sameTemplate } from './desired-state.ts';
import { lastChange } from './last-change.ts';
import { type Permission, permissionCheck, reviewPermissions } from './permissions.ts';
import { type Rival, rivalChecks } from './rivals.ts';
import { rolloutStatus } from './rollout.ts';
import { untilSeen } from './seen.ts';
import { sameRouting, serviceRevision } from './services.ts';
import { liveRevision, revisionsOf, shortName } from './workloads.ts';

export interface TargetObserverOptions {
  /** What the bad deploy changes, when that is not the workload itself: its Service. */
  faulted?: ObjectRef;
  /** Workloads that get a harmless deploy beside the bad one: what is not fit for that one is not fit for these. */
  decoys?: readonly ObjectRef[];
  /** What the scenario is about, and therefore not refused for. */
  tolerate?: readonly Rival[];
  /** What the drill must be allowed to do. */
  permissions?: readonly Permission[];
}

export function createTargetObserver(cluster: Cluster, target: ObjectRef, options: TargetObserverOptions = {}): TargetObserver {
  const { faulted, decoys = [], tolerate = [], permissions = [] } = options;
  const deployed = faulted ?? target;
  return {
    async preflight() {
      const [live, other] = await Promise.all([cluster.get(target), faulted ? cluster.get(faulted) : undefined]);
      for (const [found, ref] of [[live, target] as const, ...(faulted ? [[other, faulted] as const] : [])])
        if (!found) return [missing(ref)];
      return [
        ...preflightOf(live as RawObject, target),
        ...(await rivalChecks(cluster, live as RawObject, target, other ? [other] : [], tolerate)),
        ...(await decoyChecks(cluster, decoys, tolerate)),
        ...(permissions.length === 0
          ? []
          : [permissionCheck(await reviewPermissions(cluster, target.namespace ?? '', permissions))]),
      ];
    },

    async liveRevision(signal) {
      if (faulted) {
        const live = await cluster.get(faulted);
        if (!live) throw new Error(`${shortName(faulted)} does not exist`);
        return serviceRevision(live);
      }
      let observed: RawObject | undefined;
      const waitingFor = await untilSeen(cluster, target, signal, object => {
        observed = object;
        const seen = Number(object['status']?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
        return seen ? { done: true } : { waitingFor: 'its controller has not seen the newest generation' };
      });
      signal.throwIfAborted();
      if (waitingFor !== undefined || !observed) throw new Error(`${shortName(target)}: ${waitingFor}`);
      const revision = liveRevision(observed, await revisionsOf(cluster, observed));
      if (!revision) throw new Error(`${shortName(target)} has no revision for its live template`);
      return String(revision.number);
    },

    async watchKnownGood(snapshot, signal, on) {
      let equal: boolean | undefined;
      await cluster.watch(
        { apiVersion: deployed.apiVersion, kind: deployed.kind },
        {
          ...(deployed.namespace === undefined ? {} : { namespace: deployed.namespace }),
          fieldSelector: `metadata.name=${deployed.name}`,
          signal,
        },
        (type, object) => {
          const now = type !== 'DELETED' && (faulted ? sameRouting : sameTemplate)(object, snapshot);
          if (now !== equal) on(now);
          equal = now;
        },
      );
    },

    lastChange: () => lastChange(cluster, deployed),
  };
}

async function decoyChecks(cluster: Cluster, decoys: readonly ObjectRef[], tolerate: readonly Rival[]): Promise<CheckResult[]> {
  if (decoys.length === 0) return [];
  const found = await Promise.all(
    decoys.map(async decoy => {
      const live = await cluster.get(decoy);
      const checks = live
        ? [...preflightOf(live, decoy), ...(await rivalChecks(cluster, live, decoy, [], tolerate))]
        : [missing(decoy)];
      return checks.filter(check => !check.ok).map(check => ({ ...check, name: `decoy ${shortName(decoy)}: ${check.name}` }));
    }),
  );
  const unfit = found.flat();
  const names = decoys.map(shortName).join(', ');
  return unfit.length > 0 ? unfit : [{ name: 'decoys fit too', ok: true, detail: `${names}: the same checks hold` }];
}

function missing(ref: ObjectRef): CheckResult {
  return {
    name: 'target exists',
    ok: false,
    detail: `there is no ${shortName(ref)} in namespace ${ref.namespace}`,
    remedy: 'correct spec.target of the scenario, or deploy the app first',
  };
}

function preflightOf(live: RawObject, target: ObjectRef): CheckResult[] {
  const name = shortName(target);
  const { spec } = live as RawObject & { spec: { paused?: boolean; replicas?: number } };
  const rollout = rolloutStatus(live);
  const check = (title: string, ok: boolean, detail: string, remedy: string): CheckResult => ({
    name: title,
    ok,
    detail,
    ...(ok ? {} : { remedy }),
  });
  return [
    check('target exists', true, `${name} in namespace ${target.namespace}`, ''),
    check(
      'rollout complete',
      rollout.state === 'done',
      rollout.message,
      `wait for the rollout of ${name} to end, or repair it, and run again`,
    ),
    check(
      'not paused',
      spec.paused !== true,
      spec.paused ? `${name} is paused` : 'rollouts are not paused',
      `kubectl rollout resume ${name}`,
    ),
    check(
      'has pods',
      target.kind === 'DaemonSet' || (spec.replicas ?? 1) > 0,
      target.kind === 'DaemonSet' ? 'a pod on each node' : `${spec.replicas ?? 1} replicas`,
      `scale ${name} up first`,
    ),
  ];
}
