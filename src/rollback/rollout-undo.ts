import { untilSettled } from '../cluster/rollout.ts';
import {
  liveRevision,
  type Revision,
  refOf,
  revisionKind,
  revisionsOf,
  sameTemplates,
  sameWorkload,
  shortName,
} from '../cluster/workloads.ts';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { ObjectRef } from '../record/events.ts';
import type { RawObject, RoleContext, Rollback } from '../rehearsal/ports.ts';
import { undoPatch } from './undo-patch.ts';

/**
 * Back to the revision that was live before the drill, by the patch that `kubectl rollout undo --to-revision` sends.
 * The revision is pinned by its ReplicaSet or ControllerRevision: revisions are renumbered by an undo, so "the previous one" given twice
 * would deploy the bad one again.
 */
export function createRolloutUndo(): Rollback {
  let pinned: { workload: ObjectRef; name: string; number: number } | undefined;

  /** What to go back to: the pinned revision of the target; the previous one of any other workload that was blamed. */
  async function destination(context: RoleContext, workload: RawObject): Promise<Revision> {
    const revisions = await revisionsOf(context.cluster, workload);
    if (pinned && sameWorkload(pinned.workload, refOf(workload))) {
      const { name } = pinned;
      const found = revisions.find(revision => revision.name === name);
      if (!found)
        throw failed(
          `${revisionKind(workload.kind).kind} ${name}, which held the good revision of ${shortName(refOf(workload))}, is gone`,
          'its history was cut: raise revisionHistoryLimit',
        );
      return found;
    }
    const live = liveRevision(workload, revisions);
    const previous = revisions.find(
      revision => revision !== live && revision.number < (live?.number ?? Number.POSITIVE_INFINITY),
    );
    if (!previous)
      throw failed(
        `${shortName(refOf(workload))} has no earlier revision to go back to`,
        `\`kubectl rollout history ${shortName(refOf(workload))}\` shows its history`,
      );
    return previous;
  }

  return {
    kind: 'rollout-undo',
    summary: 'kubectl rollout undo to the revision before the deploy',

    async prepare(context) {
      const workload = await read(context, context.target);
      checkCanUndo(workload);
      const revisions = await revisionsOf(context.cluster, workload);
      const live = liveRevision(workload, revisions);
      if (!live)
        throw failed(
          `${shortName(context.target)} has no revision for what runs now: there would be nothing to go back to`,
          'is its controller running?',
        );
      pinned = { workload: refOf(workload), name: live.name, number: live.number };
      return { toRevision: String(live.number) };
    },

    async issue(context, ref) {
      const workload = await read(context, ref);
      checkCanUndo(workload);
      const to = await destination(context, workload);
      const name = shortName(ref);
      if (sameTemplates(to.template, workload['spec'].template))
        return { summary: `${name} already runs revision ${to.number}: nothing to undo`, toRevision: String(to.number) };
      const { patch, type } = undoPatch(workload, to);
      await context.cluster.patch(ref, patch, type, { fieldManager: 'kubectl-rollout' });
      return { summary: `kubectl rollout undo ${name} --to-revision=${to.number}`, toRevision: String(to.number) };
    },

    async done(context, ref, signal) {
      const freed: string[] = [];
      const status = await untilSettled(context.cluster, context.clock, ref, signal, pods => {
        freed.push(...pods);
        context.log.info({ pods }, 'deleted pods of the broken revision that held up the rollback');
      });
      if (status.state === 'failed')
        throw failed(
          `the rollback of ${shortName(ref)} failed: ${status.message}`,
          `\`kubectl describe ${shortName(ref)}\` tells why`,
        );
      const words = freed.length
        ? `; deleted ${freed.join(', ')}, which held up the rollback because ${freed.length === 1 ? 'it was' : 'they were'} broken (kubernetes#67250)`
        : '';
      return `${status.message}${words}`;
    },
  };
}

async function read(context: RoleContext, ref: ObjectRef): Promise<RawObject> {
  const workload = await context.cluster.get(ref);
  if (!workload)
    throw failed(`${shortName(ref)} does not exist in namespace ${context.namespace}`, 'was it deleted during the drill?');
  return workload;
}

/** What `kubectl rollout undo` refuses, or would do without effect. */
function checkCanUndo(workload: RawObject): void {
  const name = shortName(workload.metadata.name ? refOf(workload) : { kind: workload.kind, name: '' });
  if (workload['spec']?.paused)
    throw failed(`${name} is paused: a rollback would not start`, `\`kubectl rollout resume ${name}\``);
  if (workload['spec']?.revisionHistoryLimit === 0)
    throw failed(
      `${name} keeps no history (revisionHistoryLimit is 0): there is nothing to go back to`,
      'set revisionHistoryLimit to 2 or more',
    );
  if (workload['spec']?.updateStrategy?.type === 'OnDelete')
    throw failed(
      `${name} updates only when somebody deletes its pods (OnDelete): an undo alone changes no pod`,
      'use the RollingUpdate strategy',
    );
}

function failed(message: string, hint: string): RehearseError {
  return new RehearseError(message, { exitCode: EXIT.error, hint });
}
