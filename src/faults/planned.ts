/** Plans a change of a workload's pod template so that exactly what was planned is applied later, or a clear conflict. */
import { KubernetesError } from '../cluster/connection.ts';
import { sameDesiredState } from '../cluster/desired-state.ts';
import { objectDiff } from '../cluster/diff.ts';
import { isTransient, pauseMs } from '../cluster/patience.ts';
import { CHANGE_CAUSE, refOf, shortName, WORKLOAD_KINDS } from '../cluster/workloads.ts';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { PlannedChange, RawObject, RoleContext } from '../rehearsal/ports.ts';

const SEND_ATTEMPTS = 4;

/** Gets the target. @throws RehearseError when it does not exist or is no workload. */
export async function readTarget(context: RoleContext): Promise<RawObject> {
  const { target } = context;
  if (!(WORKLOAD_KINDS as readonly string[]).includes(target.kind))
    throw refused(`${target.kind} is not a workload that can be deployed`);
  const object = await context.cluster.get(target);
  if (!object)
    throw refused(
      `${shortName(target)} does not exist in namespace ${context.namespace}`,
      `\`kubectl -n ${context.namespace} get deployments,statefulsets,daemonsets\` lists what does`,
    );
  return object;
}

/** The container that is changed: the named one, or the first. */
export function containerIn(template: RawObject, name: string | undefined, target: { kind: string; name: string }): RawObject {
  const containers: RawObject[] = template['spec']?.containers ?? [];
  const found = name === undefined ? containers[0] : containers.find(container => container['name'] === name);
  if (!found)
    throw refused(
      `${shortName(target)} has no container ${name ? `"${name}"` : 'at all'}`,
      `its containers: ${containers.map(container => container['name']).join(', ')}`,
    );
  return found;
}

/**
 * The change of the target to `template`, tried by the server without effect (dry run), with the difference that it makes.
 * The patch tests that the template is still the one that was planned against.
 */
export async function planTemplate(
  context: RoleContext,
  before: RawObject,
  template: RawObject,
  changeCause: string,
): Promise<PlannedChange> {
  const annotations = before.metadata.annotations;
  const patch = [
    { op: 'test', path: '/metadata/uid', value: before.metadata.uid },
    { op: 'test', path: '/spec/template', value: before['spec'].template },
    ...(annotations ? [] : [{ op: 'add', path: '/metadata/annotations', value: {} }]),
    { op: 'add', path: `/metadata/annotations/${CHANGE_CAUSE.replace('/', '~1')}`, value: changeCause },
    { op: 'replace', path: '/spec/template', value: template },
  ];
  const object = refOf(before);
  const after = await attempt(context.target, () => context.cluster.patch(object, patch, 'json', { dryRun: true }));
  if (JSON.stringify(after['spec'].template) === JSON.stringify(before['spec'].template))
    throw refused(
      `the fault changes nothing: ${shortName(object)} already runs with it`,
      'was an earlier drill not restored? `rehearse restore` puts it back',
    );
  return { object, action: 'update', diff: objectDiff(before, after), before, after, patch };
}

/** Applies planned changes in order; the last one makes the deploy bad, its times are t0. */
export async function applyPlanned(
  context: RoleContext,
  planned: readonly PlannedChange[],
): Promise<{ sentTMs: number; acceptedTMs: number }> {
  let times: { sentTMs: number; acceptedTMs: number } | undefined;
  for (const change of planned) {
    const sentTMs = context.tMs();
    const { create, patch } = change;
    if (create) await send(context, change, () => context.cluster.create(create));
    else if (patch) await send(context, change, () => context.cluster.patch(change.object, patch, 'json'));
    times = { sentTMs, acceptedTMs: context.tMs() };
  }
  if (!times) throw refused('nothing was planned');
  return times;
}

/** Sends a change; when no answer comes, looks whether it arrived, and only if it did not sends it again. */
async function send(context: RoleContext, change: PlannedChange, call: () => Promise<RawObject>): Promise<void> {
  const { cluster, clock } = context;
  const { object, before, after } = change;
  for (let number = 1; ; number++) {
    try {
      await call();
      return;
    } catch (error) {
      if (!isTransient(error) || number >= SEND_ATTEMPTS) {
        await attempt(object, () => Promise.reject(error));
        return;
      }
      await clock.sleep(pauseMs(error, number));
      const live = await cluster.get(object);
      if (live && after && sameDesiredState(live, after)) return;
      const untouched = before ? live && sameDesiredState(live, before) : !live;
      if (!untouched) await attempt(object, () => Promise.reject(error));
    }
  }
}

/** Failed `test` operations come as 422 without causes; whoever reads it must know that somebody else changed the target. */
export async function attempt(object: { kind: string; name: string }, call: () => Promise<RawObject>): Promise<RawObject> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    if (isTransient(error))
      throw new RehearseError(`the API server did not take the change of ${shortName(object)}: ${error.message}`, {
        exitCode: EXIT.error,
        hint: error.hint ?? 'start the drill again when the cluster answers',
        cause: error,
      });
    const changed =
      error.status === 409 ||
      /test(ing)? .*(failed|value)|rejected our request due to an error in our request/i.test(error.serverMessage);
    if (error.status === 409 || (error.status === 422 && changed))
      throw new RehearseError(
        `${shortName(object)} ${error.reason === 'AlreadyExists' ? 'exists already' : 'was changed by somebody else since the drill was planned'}: nothing of it was changed`,
        { exitCode: EXIT.refused, hint: 'start the drill again when the target is at rest', cause: error },
      );
    throw new RehearseError(`the cluster does not take this fault: ${error.serverMessage}`, {
      exitCode: EXIT.refused,
      hint: error.hint ?? 'correct `spec.fault` of the scenario',
      cause: error,
    });
  }
}

export function refused(message: string, hint?: string): RehearseError {
  return new RehearseError(message, { exitCode: EXIT.refused, ...(hint === undefined ? {} : { hint }) });
}
