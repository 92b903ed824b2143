import { badConditions } from '../cluster/conditions.ts';
import { podTroubles, type Trouble } from '../cluster/pod-trouble.ts';
import { controllerOf, refOf, sameWorkload, shortName, workloadRef } from '../cluster/workloads.ts';
import type { ObjectRef } from '../record/events.ts';
import type { Detector, RawObject } from '../rehearsal/ports.ts';
import { type DetectorSpec, durationMs } from '../scenario/schema.ts';

type ConditionsSpec = Extract<DetectorSpec, { kind: 'conditions' }>;

/** A watch tells within a round trip; what blurs it is that status changes are written in batches. */
const UNCERTAINTY_MS = 100;

/** Tells what Kubernetes shows of the workloads, by watch. Pods that were in trouble before it started count only when they get worse. */
export function createConditionsDetector(spec: ConditionsSpec): Detector {
  const unreadyForMs = durationMs(spec.unreadyFor);
  return {
    name: spec.name ?? 'conditions',
    kind: 'conditions',
    summary: `what Kubernetes shows of ${spec.workloads?.join(', ') ?? 'every workload of the namespace'}: waiting reasons, crashes, pods not ready for ${spec.unreadyFor}, missed deadlines`,

    async start(context, signal, on) {
      const { cluster, clock, namespace } = context;
      const wanted = spec.workloads?.map(text => workloadRef(text, namespace));
      const replicaSets = new Map<string, RawObject>();
      /** Firing, by workload and kind of trouble, with the objects that show it. */
      const firing = new Map<string, Set<string>>();
      const tracked = new Map<string, Map<string, { trouble: Trouble; told: boolean; ended: AbortController }>>();
      const foundAtStart = new Set<string>();
      let baseline = true;

      const ownerOf = (pod: RawObject): ObjectRef | undefined => {
        const owner = controllerOf(pod);
        if (!owner) return undefined;
        if (owner.kind !== 'ReplicaSet') return { apiVersion: 'apps/v1', kind: owner.kind, namespace, name: owner.name };
        const replicaSet = replicaSets.get(owner.uid);
        const deployment = replicaSet && controllerOf(replicaSet);
        // Without its ReplicaSet the name tells: it is the Deployment's with the hash behind it.
        const name = deployment?.name ?? owner.name.replace(new RegExp(`-${pod.metadata.labels?.['pod-template-hash']}$`), '');
        return { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name };
      };
      const watches = (workload: ObjectRef) =>
        ['Deployment', 'StatefulSet', 'DaemonSet'].includes(workload.kind) &&
        (!wanted || wanted.some(ref => sameWorkload(ref, workload)));

      const fire = (
        group: string,
        member: string,
        found: { message: string; object: ObjectRef; sourceAt?: string },
        again: boolean,
      ) => {
        const members = firing.get(group) ?? new Set();
        const fresh = members.size === 0;
        members.add(member);
        firing.set(group, members);
        if (fresh || again) on.signal({ ...found, uncertaintyMs: UNCERTAINTY_MS });
      };
      const cease = (group: string, member: string, what: string) => {
        const members = firing.get(group);
        if (!members?.delete(member) || members.size > 0) return;
        firing.delete(group);
        if (firing.size === 0) on.clear(what);
      };

      const seePod = (type: string, pod: RawObject) => {
        const workload = ownerOf(pod);
        if (!workload || !watches(workload)) return;
        const id = pod.metadata.uid ?? pod.metadata.name;
        const before = tracked.get(id) ?? new Map();
        const now = type === 'DELETED' ? [] : podTroubles(pod, unreadyForMs);
        const groupOf = (trouble: Trouble) => `${shortName(workload)} ${trouble.kind}`;
        for (const [key, entry] of before) {
          if (now.some(trouble => trouble.key === key)) continue;
          entry.ended.abort();
          before.delete(key);
          cease(groupOf(entry.trouble), id, `${shortName(workload)}: no pod is in trouble any more`);
        }
        for (const trouble of now) {
          const old = before.get(trouble.key);
          const tell = (again: boolean) => {
            const entry = before.get(trouble.key);
            if (entry) entry.told = true;
            fire(
              groupOf(trouble),
              id,
              {
                message: `pod ${pod.metadata.name}: ${entry?.trouble.message ?? trouble.message}`,
                object: refOf(pod),
                ...(trouble.sourceAt === undefined ? {} : { sourceAt: trouble.sourceAt }),
              },
              again,
            );
          };
          if (old) {
            const worse = trouble.level > old.trouble.level;
            old.trouble = trouble;
            if (worse && !old.told) tell(false);
            continue;
          }
          const ended = new AbortController();
          before.set(trouble.key, { trouble, told: false, ended });
          if (baseline && trouble.kind !== 'unready') {
            context.log.info({ pod: pod.metadata.name }, `in trouble before the drill, not counted: ${trouble.message}`);
          } else if (trouble.afterMs === 0) tell(false);
          else if (!baseline)
            clock.sleep(trouble.afterMs, AbortSignal.any([signal, ended.signal])).then(
              () => tell(false),
              () => {},
            );
        }
        if (before.size) tracked.set(id, before);
        else tracked.delete(id);
      };

      const seeWorkload = (type: string, object: RawObject) => {
        const workload = refOf(object);
        if (!watches(workload)) return;
        const bad = type === 'DELETED' ? [] : badConditions(object);
        for (const kind of ['deadline', 'replicas']) {
          const found = bad.find(condition => condition.kind === kind);
          const group = `${shortName(workload)} ${kind}`;
          if (!found) {
            foundAtStart.delete(group);
            cease(group, group, `${shortName(workload)}: its conditions are good again`);
          } else if (baseline) {
            foundAtStart.add(group);
            context.log.info({ workload: workload.name }, `in trouble before the drill, not counted: ${found.message}`);
          } else if (!foundAtStart.has(group) && !firing.has(group))
            fire(
              group,
              group,
              {
                message: `${shortName(workload)}: ${found.message}`,
                object: workload,
                ...(found.sourceAt ? { sourceAt: found.sourceAt } : {}),
              },
              false,
            );
        }
      };

      const scope = { namespace, signal };
      await cluster.watch({ apiVersion: 'apps/v1', kind: 'ReplicaSet' }, scope, (type, object) => {
        if (type === 'DELETED') replicaSets.delete(object.metadata.uid ?? '');
        else replicaSets.set(object.metadata.uid ?? '', object);
      });
      await Promise.all([
        cluster.watch({ apiVersion: 'v1', kind: 'Pod' }, scope, seePod),
        cluster.watch({ apiVersion: 'apps/v1', kind: 'Deployment' }, scope, seeWorkload),
      ]);
      baseline = false;
    },
  };
}
