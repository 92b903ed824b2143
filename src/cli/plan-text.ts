/** A plan as people read it. */
import { permissionText, type ReviewedPermission } from '../cluster/permissions.ts';
import { shortName } from '../cluster/workloads.ts';
import type { CheckResult, ObjectChange } from '../record/events.ts';
import type { Plan } from './commands/plan.ts';

export function planText(plan: Plan): string {
  const { cluster, fault, watched, rollback } = plan;
  const blocks = [
    [
      `${plan.scenario.title} (${plan.scenario.name})`,
      `on ${shortName(plan.target)} in namespace ${cluster.namespace} of ${cluster.context} (${cluster.server}, Kubernetes ${cluster.kubernetes})`,
      ...plan.notes.map(note => `note: ${note}`),
    ],
    section('Staging guard', checks(plan.guard.checks)),
    plan.preflight ? section('Preflight', checks(plan.preflight.checks)) : [],
    section('Bad deploy', [
      fault.summary,
      ...(fault.neededOfApp === undefined ? [] : [`felt only with the app's help: ${fault.neededOfApp}`]),
      ...changed(fault, plan.guard.allowed),
    ]),
    ...plan.decoys.map(decoy => section(`Decoy, ${decoy.when}`, [decoy.summary, ...changed(decoy, plan.guard.allowed)])),
    section('Watched', [
      ...watched.probes.map(text => `probe ${text}`),
      ...watched.detectors.map(text => `detector ${text}`),
      ...watched.steadyState.map(text => `steady state ${text}`),
      ...watched.verification.map(text => `verification ${text}`),
      ...watched.abort.map(text => `ended at once by ${text}`),
      ...(watched.runbook === undefined ? [] : [`runbook ${watched.runbook}`]),
    ]),
    section('Rollback', [
      `${rollback.summary}${rollback.toRevision === undefined ? '' : `: revision ${rollback.toRevision}`}`,
      ...(rollback.problem === undefined ? [] : [`cannot be done: ${rollback.problem}`]),
    ]),
    plan.undo
      ? section(
          'Undo, whatever happens',
          plan.undo.map(({ object, action }) => `${shortName(object)} ${action}`),
        )
      : [],
    plan.pods
      ? section('Pods at risk', [
          `taken away: ${plan.pods.atOnce}`,
          ...plan.pods.pods.map(pod => `${pod.name}${pod.ready ? '' : ', not ready'}${pod.node ? `, on ${pod.node}` : ''}`),
        ])
      : [],
    plan.permissions ? section('Permissions', permissionLines(plan.permissions)) : [],
    [plan.ready ? 'ready: `rehearse run` would inject this once the steady state holds' : 'a drill would be refused'],
  ];
  return `${blocks
    .filter(block => block.length > 0)
    .map(block => block.join('\n'))
    .join('\n\n')}\n`;
}

/** One line for each resource and purpose. */
function permissionLines(permissions: readonly ReviewedPermission[]): string[] {
  const lines = new Map<string, { verbs: string[]; permission: ReviewedPermission }>();
  for (const permission of permissions) {
    const { group, resource, name = '', why, allowed } = permission;
    const key = [group, resource, name, why, allowed].join(' ');
    const line = lines.get(key) ?? { verbs: [], permission };
    line.verbs.push(permission.verb);
    lines.set(key, line);
  }
  return [...lines.values()].map(
    ({ verbs, permission }) =>
      `${permission.allowed ? 'ok     ' : 'MISSING'}  ${permissionText({ ...permission, verb: verbs.join(', ') })}: ${permission.why}`,
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, ...lines.flatMap(line => line.trimEnd().split('\n')).map(line => `  ${line}`)];
}

function checks(results: readonly CheckResult[]): string[] {
  return results.flatMap(({ name, ok, detail, remedy }) => [
    `${ok ? 'ok    ' : 'FAILED'}  ${name}: ${detail}`,
    ...(ok || remedy === undefined ? [] : remedy.split('\n').map(line => `        → ${line}`)),
  ]);
}

function changed(part: { changes?: ObjectChange[]; problem?: string }, allowed: boolean): string[] {
  if (part.problem !== undefined) return [`cannot be done: ${part.problem}`];
  if (!part.changes) return allowed ? [] : ['the difference is not known: a refused cluster is not even asked for a dry run'];
  return part.changes.flatMap(({ object, action, diff }) => [`${action} ${shortName(object)}`, diff]);
}
