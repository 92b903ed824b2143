import { sameTemplate } from '../cluster/desired-state.ts';
import { untilSettled } from '../cluster/rollout.ts';
import { sameRouting, serviceRevision } from '../cluster/services.ts';
import { liveRevision, refOf, revisionsOf, sameWorkload, shortName } from '../cluster/workloads.ts';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { ObjectRef } from '../record/events.ts';
import type { RawObject, RoleContext, Rollback } from '../rehearsal/ports.ts';

/**
 * Back to what was asked for before the deploy, as `kubectl apply` of the manifest from before does it. It needs no history, so it is the way
 * back for a Service. Only what a deploy changes is sent: selector and ports of a Service, the pod template of a workload.
 * @param faulted what the bad deploy changes; the target when left out
 */
export function createReapply(faulted?: ObjectRef): Rollback {
  let good: { object: RawObject; revision: string } | undefined;

  const known = (ref: ObjectRef) => {
    if (!good || !sameWorkload(refOf(good.object), ref))
      throw failed(
        `there is no manifest of ${shortName(ref)} from before the deploy`,
        'it is kept only of what the scenario changes: was it the right suspect?',
      );
    return good;
  };

  return {
    kind: 'reapply',
    summary: 'kubectl apply of the manifest from before the deploy',

    async prepare(context) {
      const ref = faulted ?? context.target;
      const object = await context.cluster.get(ref);
      if (!object) throw failed(`${shortName(ref)} does not exist in namespace ${context.namespace}`, 'correct the scenario');
      const revision =
        object.kind === 'Service'
          ? serviceRevision(object)
          : String(liveRevision(object, await revisionsOf(context.cluster, object))?.number ?? object.metadata.generation);
      good = { object, revision };
      return { toRevision: revision };
    },

    async issue(context, ref) {
      const { object, revision } = known(ref);
      const name = shortName(ref);
      const live = await read(context, ref);
      if (isSame(live, object)) return { summary: `${name} is as it was: nothing to apply`, toRevision: revision };
      const fields = object.kind === 'Service' ? ['selector', 'ports'] : ['template'];
      await context.cluster.patch(
        ref,
        fields.map(field => ({ op: 'add', path: `/spec/${field}`, value: object['spec'][field] })),
        'json',
      );
      return { summary: `kubectl apply of ${name} as it was before the deploy`, toRevision: revision };
    },

    async done(context, ref, signal) {
      const name = shortName(ref);
      if (ref.kind !== 'Service') {
        const status = await untilSettled(context.cluster, context.clock, ref, signal);
        if (status.state === 'failed')
          throw failed(`the rollback of ${name} failed: ${status.message}`, `kubectl describe ${name}`);
        return status.message;
      }
      if (!isSame(await read(context, ref), known(ref).object))
        throw failed(`${name} was changed again by somebody else`, `kubectl get ${name} --show-managed-fields tells by whom`);
      return `${name} configured`;
    },
  };
}

function isSame(left: RawObject, right: RawObject): boolean {
  return right.kind === 'Service' ? sameRouting(left, right) : sameTemplate(left, right);
}

async function read(context: RoleContext, ref: ObjectRef): Promise<RawObject> {
  const object = await context.cluster.get(ref);
  if (!object)
    throw failed(`${shortName(ref)} does not exist in namespace ${context.namespace}`, 'was it deleted during the drill?');
  return object;
}

function failed(message: string, hint: string): RehearseError {
  return new RehearseError(message, { exitCode: EXIT.error, hint });
}
