import type { CheckResult, ObjectRef } from '../record/events.ts';
import type { Cluster, RawObject, TargetObserver } from '../rehearsal/ports.ts';
import { sameTemplate } from './desired-state.ts';
import { rolloutStatus } from './rollout.ts';
import { untilSeen } from './seen.ts';
import { liveRevision, revisionsOf, shortName } from './workloads.ts';

/** Controllers that would put back, or fight, what a drill changes. */
const GITOPS_MARKS: readonly { label: string; by: string }[] = [
  { label: 'argocd.argoproj.io/tracking-id', by: 'Argo CD' },
  { label: 'argocd.argoproj.io/instance', by: 'Argo CD' },
  { label: 'kustomize.toolkit.fluxcd.io/name', by: 'Flux' },
  { label: 'helm.toolkit.fluxcd.io/name', by: 'Flux' },
];

export function createTargetObserver(cluster: Cluster, target: ObjectRef): TargetObserver {
  return {
    async preflight() {
      const live = await cluster.get(target);
      if (!live) {
        return [
          {
            name: 'target exists',
            ok: false,
            detail: `there is no ${shortName(target)} in namespace ${target.namespace}`,
            remedy: 'correct spec.target of the scenario, or deploy the app first',
          },
        ];
      }
      return preflightOf(live, target);
    },

    async liveRevision(signal) {
      let observed: RawObject | undefined;
      const missing = await untilSeen(cluster, target, signal, object => {
        observed = object;
        const seen = Number(object['status']?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
        return seen ? { done: true } : { waitingFor: 'its controller has not seen the newest generation' };
      });
      signal.throwIfAborted();
      if (missing !== undefined || !observed) throw new Error(`${shortName(target)}: ${missing}`);
      const revision = liveRevision(observed, await revisionsOf(cluster, observed));
      if (!revision) throw new Error(`${shortName(target)} has no revision for its live template`);
      return String(revision.number);
    },

    async watchKnownGood(snapshot, signal, on) {
      let equal: boolean | undefined;
      await cluster.watch(
        { apiVersion: target.apiVersion, kind: target.kind },
        {
          ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
          fieldSelector: `metadata.name=${target.name}`,
          signal,
        },
        (type, object) => {
          const now = type !== 'DELETED' && sameTemplate(object, snapshot);
          if (now !== equal) on(now);
          equal = now;
        },
      );
    },
  };
}

function preflightOf(live: RawObject, target: ObjectRef): CheckResult[] {
  const name = shortName(target);
  const { spec } = live as RawObject & { spec: { paused?: boolean; replicas?: number } };
  const rollout = rolloutStatus(live);
  const marks = { ...live.metadata.labels, ...live.metadata.annotations };
  const owner = GITOPS_MARKS.find(({ label }) => marks[label] !== undefined);
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
    check(
      'not managed by GitOps',
      owner === undefined,
      owner
        ? `${owner.by} manages ${name} and would put back what the drill changes`
        : 'no GitOps controller marks it as its own',
      'rehearse a workload that is deployed by hand or by a pipeline',
    ),
  ];
}
