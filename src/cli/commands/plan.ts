import { relative } from 'node:path';
import { stringify } from 'yaml';
import { permissionCheck, type ReviewedPermission, roleFor } from '../../cluster/permissions.ts';
import { type PodsAtRisk, podsAtRisk } from '../../cluster/pods-at-risk.ts';
import type { ProvidedCluster } from '../../cluster/providers/provided-cluster.ts';
import { workloadRef } from '../../cluster/workloads.ts';
import { createDetector } from '../../detection/detectors.ts';
import { createProbe } from '../../detection/probe.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { createDecoy, createFault, neededOfApp } from '../../faults/faults.ts';
import type { CheckResult, ObjectChange, ObjectRef } from '../../record/events.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import type { PlannedChange, Probe, RoleContext } from '../../rehearsal/ports.ts';
import { createRollback } from '../../rollback/rollbacks.ts';
import { abortText } from '../../scenario/abort-text.ts';
import { type LoadedScenario, loadScenario } from '../../scenario/load.ts';
import { createCheck } from '../../verification/checks.ts';
import { bind, type ClusterArguments } from '../bind.ts';
import { permissionsOf } from '../needs.ts';
import { type Place, placeOfDrill } from '../place.ts';
import { planText } from '../plan-text.ts';
import { provide } from '../provide.ts';

/** What a drill would do, without doing it. What the guard refuses has no changes, permissions or pods: they were not asked for. */
export interface Plan {
  scenario: { name: string; title: string; path: string };
  target: ObjectRef;
  cluster: { provider: string; context: string; server: string; kubernetes: string; namespace: string };
  notes: string[];
  guard: { allowed: boolean; checks: CheckResult[] };
  preflight?: { ok: boolean; checks: CheckResult[] };
  fault: { kind: string; summary: string; neededOfApp?: string; changes?: ObjectChange[]; problem?: string };
  decoys: { workload: string; when: string; summary: string; changes?: ObjectChange[]; problem?: string }[];
  watched: {
    probes: string[];
    detectors: string[];
    steadyState: string[];
    verification: string[];
    /** What ends the drill before its time. */
    abort: string[];
    runbook?: string;
  };
  rollback: { kind: string; summary: string; toRevision?: string; problem?: string };
  undo?: { object: ObjectRef; action: string }[];
  pods?: PodsAtRisk;
  permissions?: ReviewedPermission[];
  /** Whether `rehearse run` would inject, as far as can be told before the steady state. */
  ready: boolean;
}

/** Prints what a drill would do, or with `--role` the Role that it needs. Exit code 3 when the drill would be refused. */
export async function plan(
  args: ClusterArguments & { scenario: string; output: 'text' | 'json'; role: boolean; practice: boolean },
): Promise<void> {
  const loaded = await loadScenario(args.scenario);
  const bound = await bind(loaded.scenario, args);
  if (args.role) {
    process.stdout.write(roleText(bound, args));
    return;
  }
  const provided = await provide({
    ...args,
    context: bound.context,
    signal: new AbortController().signal,
    onProgress: text => process.stderr.write(`${text}\n`),
  });
  try {
    const made = await makePlan({ ...loaded, scenario: bound.scenario }, bound, provided, args);
    process.stdout.write(args.output === 'json' ? `${JSON.stringify(made, null, 2)}\n` : planText(made));
    if (!made.ready) process.exitCode = EXIT.refused;
  } finally {
    await provided.close();
  }
}

function roleText(
  { scenario, workload }: Awaited<ReturnType<typeof bind>>,
  { output, practice }: { output: 'text' | 'json'; practice: boolean },
): string {
  const { namespace } = scenario.spec.target;
  const objects = roleFor(`rehearse-${scenario.metadata.name}`, namespace, permissionsOf(scenario, workload, { practice }));
  if (output === 'json') return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, null, 2)}\n`;
  return [
    `# What the drill ${scenario.metadata.name} does on ${workload} in namespace ${namespace}, and nothing else.`,
    `# The subject is a ServiceAccount: kubectl -n ${namespace} create serviceaccount rehearse`,
    ...objects.map(object => stringify(object, { lineWidth: 0 }).trimEnd()),
  ]
    .join('\n---\n')
    .replace('\n---\n# The', '\n# The')
    .concat('\n');
}

async function makePlan(
  loaded: LoadedScenario,
  bound: Awaited<ReturnType<typeof bind>>,
  provided: ProvidedCluster,
  play: { practice: boolean },
): Promise<Plan> {
  const { spec, metadata } = loaded.scenario;
  const place = placeOfDrill(bound, provided, play);
  const { cluster } = provided;
  const fault = createFault(spec.fault);
  const needed = neededOfApp(spec.fault);
  const rollback = createRollback(spec.rollback, place.faulted);
  const guard = await place.guard();
  const made: Plan = {
    scenario: { name: metadata.name, title: metadata.title, path: relative(process.cwd(), loaded.path) },
    target: place.faulted ?? place.target,
    cluster: {
      provider: provided.provider,
      context: cluster.context,
      server: cluster.server,
      kubernetes: provided.kubernetes,
      namespace: spec.target.namespace,
    },
    notes: bound.notes,
    guard,
    fault: { kind: fault.kind, summary: fault.summary, ...(needed === undefined ? {} : { neededOfApp: needed }) },
    decoys: spec.decoys.map(({ workload, when, by }) => ({ workload, when: `${by} ${when}`, summary: `deploy of ${workload}` })),
    watched: watchedBy(spec),
    rollback: { kind: rollback.kind, summary: rollback.summary },
    ready: false,
  };
  if (guard.allowed) await lookCloser(made, { loaded, place, provided, fault, rollback });
  return made;
}

function watchedBy(spec: LoadedScenario['scenario']['spec']): Plan['watched'] {
  const probes = new Map<string, Probe>(spec.probes.map(probe => [probe.name, createProbe(probe)]));
  const named = ({ name, summary }: { name: string; summary: string }) => `${name}: ${summary}`;
  return {
    probes: [...probes.values()].map(named),
    detectors: spec.detectors.map(detector => named(createDetector(detector, probes))),
    steadyState: spec.steadyState.checks.map(check => named(createCheck(check, probes))),
    verification: spec.verification.checks.map(check => named(createCheck(check, probes))),
    abort: spec.abort.map(abortText),
    ...(spec.runbook === undefined ? {} : { runbook: spec.runbook }),
  };
}

/** What needs the cluster's leave: reviews and server-side dry runs. */
async function lookCloser(
  made: Plan,
  parts: {
    loaded: LoadedScenario;
    place: Place;
    provided: ProvidedCluster;
    fault: ReturnType<typeof createFault>;
    rollback: ReturnType<typeof createRollback>;
  },
): Promise<void> {
  const { loaded, place, provided, fault, rollback } = parts;
  const { spec } = loaded.scenario;
  const { cluster } = provided;
  const context: RoleContext = {
    cluster,
    clock: systemClock,
    tMs: () => 0,
    namespace: spec.target.namespace,
    target: place.target,
    emit() {},
    log: { debug() {}, info() {}, warn() {} },
  };
  made.permissions = await place.permissions();
  const planned: PlannedChange[] = [];
  const change = async (into: { changes?: ObjectChange[]; problem?: string }, make: () => Promise<PlannedChange[]>) => {
    try {
      const changes = await make();
      planned.push(...changes);
      into.changes = changes.map(({ object, action, diff }) => ({ object, action, diff }));
    } catch (error) {
      into.problem = problemOf(error);
    }
  };
  await change(made.fault, () => fault.plan(context));
  made.fault.summary = fault.summary;
  for (const [index, decoy] of spec.decoys.entries()) {
    const entry = made.decoys[index] as Plan['decoys'][number];
    const deploy = createDecoy(decoy);
    await change(entry, () => deploy.plan({ ...context, target: workloadRef(decoy.workload, context.namespace) }));
    entry.summary = deploy.summary;
  }
  try {
    made.rollback.toRevision = (await rollback.prepare(context)).toRevision;
  } catch (error) {
    made.rollback.problem = problemOf(error);
  }
  const checks = await place
    .preflight()
    .catch((error: unknown): CheckResult[] => [{ name: 'preflight', ok: false, detail: problemOf(error) }]);
  checks.push(permissionCheck(made.permissions));
  made.preflight = { ok: checks.every(check => check.ok), checks };
  made.undo = planned.map(({ object, before }) => ({ object, action: undoOf(before) }));
  const workload = await cluster.get(place.target);
  if (workload) made.pods = await podsAtRisk(cluster, workload);
  made.ready = made.preflight.ok && [made.fault, ...made.decoys, made.rollback].every(part => part.problem === undefined);
}

function undoOf(before: PlannedChange['before']): string {
  if (!before) return 'deleted';
  const { uid, generation } = before.metadata;
  const history = before['spec']?.template === undefined ? '' : '; the bad revision is taken out of its history';
  return `put back to what it is now (uid ${uid}${generation === undefined ? '' : `, generation ${generation}`}), field by field${history}`;
}

function problemOf(error: unknown): string {
  if (!(error instanceof RehearseError)) throw error;
  return error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
}
