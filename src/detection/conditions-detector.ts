import { badConditions } from '../cluster/conditions.ts';
import { podTroubles, type Trouble } from '../cluster/pod-trouble.ts';
import { controllerOf, refOf, sameWorkload, shortName, WORKLOAD_KINDS, workloadRef } from '../cluster/workloads.ts';
import type { ObjectRef } from '../record/events.ts';
import type { Detector, RawObject } from '../rehearsal/ports.ts';
import { type DetectorSpec, durationMs } from '../scenario/schema.ts';
import { TroubleBoard } from './trouble-board.ts';

type ConditionsSpec = Extract<DetectorSpec, { kind: 'conditions' }>;

/** A watch tells within a round trip; what blurs it is that kubelets and controllers write status in batches. */
const UNCERTAINTY_MS = 100;

/** Tells what Kubernetes shows of the workloads, by watch. What was wrong before it started counts only when it gets worse. */
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
      const objects = new Map<string, RawObject>();
      let atStart = true;

      const watched = (workload: ObjectRef) =>
        (WORKLOAD_KINDS as readonly string[]).includes(workload.kind) &&
        (wanted?.some(ref => sameWorkload(ref, workload)) ?? true);

      const board = new TroubleBoard(
        {
          fire(subject, trouble) {
            const object = objects.get(subject.id);
            on.signal({
              message: `${object?.kind === 'Pod' ? `pod ${object.metadata.name}` : subject.workload}: ${trouble.message}`,
              ...(object ? { object: refOf(object) } : {}),
              ...(trouble.sourceAt === undefined ? {} : { sourceAt: trouble.sourceAt }),
              uncertaintyMs: UNCERTAINTY_MS,
            });
          },
          clear: subject => on.clear(`${subject.workload}: nothing is in trouble any more`),
        },
        (ms, ended) => clock.sleep(ms, AbortSignal.any([signal, ended])),
      );

      const see = (type: string, object: RawObject, workload: ObjectRef | undefined, troubles: Trouble[]) => {
        if (!workload || !watched(workload)) return;
        const id = object.metadata.uid ?? object.metadata.name;
        objects.set(id, object);
        if (atStart && troubles.some(trouble => trouble.kind !== 'unready'))
          context.log.info(
            { object: object.metadata.name },
            `in trouble before the drill, counts only if it gets worse: ${troubles[0]?.message}`,
          );
        board.see({ workload: shortName(workload), id }, troubles, atStart);
        if (type === 'DELETED') objects.delete(id);
      };

      const scope = { namespace, signal };
      await cluster.watch({ apiVersion: 'apps/v1', kind: 'ReplicaSet' }, scope, (type, object) => {
        if (type === 'DELETED') replicaSets.delete(object.metadata.uid ?? '');
        else replicaSets.set(object.metadata.uid ?? '', object);
      });
      await Promise.all([
        cluster.watch({ apiVersion: 'v1', kind: 'Pod' }, scope, (type, pod) =>
          see(type, pod, workloadOf(pod, replicaSets), type === 'DELETED' ? [] : podTroubles(pod, unreadyForMs)),
        ),
        cluster.watch({ apiVersion: 'apps/v1', kind: 'Deployment' }, scope, (type, object) =>
          see(type, object, refOf(object), type === 'DELETED' ? [] : rolloutTroubles(object)),
        ),
      ]);
      atStart = false;
    },
  };
}

/** The workload that a pod belongs to; undefined for a pod of its own or of a Job. */
function workloadOf(pod: RawObject, replicaSets: ReadonlyMap<string, RawObject>): ObjectRef | undefined {
  const owner = controllerOf(pod);
  if (!owner) return undefined;
  const { namespace } = pod.metadata;
  const ref = (kind: string, name: string): ObjectRef => ({
    apiVersion: 'apps/v1',
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
  });
  if (owner.kind !== 'ReplicaSet') return ref(owner.kind, owner.name);
  const replicaSet = replicaSets.get(owner.uid);
  const deployment = replicaSet && controllerOf(replicaSet);
  // Its pod may be seen before its ReplicaSet: then the name tells, which is the Deployment's with the hash behind it.
  return ref('Deployment', deployment?.name ?? owner.name.replace(`-${pod.metadata.labels?.['pod-template-hash']}`, ''));
}

function rolloutTroubles(deployment: RawObject): Trouble[] {
  return badConditions(deployment).map(({ kind, message, sourceAt }) => ({
    key: kind,
    kind,
    level: 0,
    afterMs: 0,
    message,
    ...(sourceAt === undefined ? {} : { sourceAt }),
  }));
}
