/** What `doctor` and `plan` look at without starting a drill: the guard, the target, the permissions. Reads, until the guard allows more. */
import { userInfo } from 'node:os';
import { type ReviewedPermission, reviewPermissions } from '../cluster/permissions.ts';
import type { ProvidedCluster } from '../cluster/providers/provided-cluster.ts';
import { createSafetyNet } from '../cluster/safety-net.ts';
import { createTargetObserver } from '../cluster/target-observer.ts';
import { stateDirectory } from '../cluster/undo-journal.ts';
import { workloadRef } from '../cluster/workloads.ts';
import { faultedObject } from '../faults/faults.ts';
import type { CheckResult, ObjectRef } from '../record/events.ts';
import { systemClock } from '../rehearsal/clock.ts';
import type { BoundScenario } from '../scenario/bind.ts';
import { permissionsOf } from './needs.ts';

export interface Place {
  target: ObjectRef;
  faulted: ObjectRef | undefined;
  guard(): Promise<{ allowed: boolean; checks: CheckResult[] }>;
  /** Only after the guard: it reads what only a drill has a reason to read. */
  preflight(): Promise<CheckResult[]>;
  /** Only after the guard: reviews are sent. */
  permissions(): Promise<ReviewedPermission[]>;
}

export function placeOfDrill(
  { scenario, workload }: BoundScenario,
  provided: ProvidedCluster,
  play: { practice?: boolean } = {},
): Place {
  const { cluster } = provided;
  const { spec, metadata } = scenario;
  const { namespace } = spec.target;
  const target = workloadRef(workload, namespace);
  const faulted = faultedObject(spec.fault, namespace);
  const safety = createSafetyNet({
    cluster,
    clock: systemClock,
    target,
    namespace,
    runId: '',
    scenario: metadata.name,
    operator: userInfo().username,
    provider: provided.provider,
    kubeconfig: provided.kubeconfig,
    optIns: provided.optIns,
    stateDir: stateDirectory(process.env),
  });
  const observer = createTargetObserver(cluster, target, {
    tolerate: spec.target.tolerate,
    decoys: spec.decoys.map(decoy => workloadRef(decoy.workload, namespace)),
    ...(faulted === undefined ? {} : { faulted }),
  });
  return {
    target,
    faulted,
    guard: () => safety.guard(),
    preflight: async () => [...(await observer.preflight()), ...(await safety.preflight())],
    permissions: () => reviewPermissions(cluster, namespace, permissionsOf(scenario, workload, play)),
  };
}
