/** What a scenario's drill does in the cluster, as permissions: each request that it makes, and why. */
import { leaseFor } from '../cluster/lease.ts';
import type { Permission } from '../cluster/permissions.ts';
import { workloadRef } from '../cluster/workloads.ts';
import { faultedObject } from '../faults/faults.ts';
import type { Scenario } from '../scenario/schema.ts';

const PLURALS = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' } as const;
const WATCH = ['get', 'list', 'watch'];

const plural = (kind: string) => PLURALS[kind as keyof typeof PLURALS];

/**
 * @param workload `deployment/payments`: what the scenario is bound to
 * @param play a person who practises may blame and roll back any workload of the namespace; a blind drill must not tell its target by what it asks for
 */
export function permissionsOf(
  { spec }: Scenario,
  workload: string,
  play: { practice?: boolean; blind?: boolean } = {},
): Permission[] {
  const { namespace } = spec.target;
  const target = workloadRef(workload, namespace);
  const deployed = [target, ...spec.decoys.map(decoy => workloadRef(decoy.workload, namespace))];
  const found: Permission[] = [];
  const need = (verbs: readonly string[], group: string, resources: readonly string[], why: string, name?: string) => {
    for (const resource of resources)
      for (const verb of verbs) found.push({ verb, group, resource, why, ...(name === undefined ? {} : { name }) });
  };

  need(['get'], '', ['namespaces'], 'staging guard: the label of the namespace', namespace);
  need(['list', 'watch'], 'apps', Object.values(PLURALS), 'rollouts and what changed');
  const looked = play.practice || play.blind ? Object.keys(PLURALS) : [...new Set(deployed.map(ref => ref.kind))];
  need(['get'], 'apps', looked.map(plural), 'rollouts and what changed');
  need(['list', 'watch'], 'apps', ['replicasets', 'controllerrevisions'], 'revisions');
  need(['list', 'watch'], '', ['pods', 'services'], 'what runs, and who calls whom');
  need(WATCH, '', ['configmaps'], 'halt switch, and what configuration names');
  need(['list'], '', ['events'], 'evidence for the runbook');
  need(['get'], '', ['pods/log'], 'evidence for the runbook');
  need(['get'], '', ['pods/proxy'], 'metrics of pods for the diagnosis');
  for (const probe of spec.probes)
    if (probe.service !== undefined)
      need([probe.method === 'POST' ? 'create' : 'get'], '', ['services/proxy'], `requests of probe ${probe.name}`);
  need(['list'], 'policy', ['poddisruptionbudgets'], 'preflight: room for a disruption');
  need(['list'], 'autoscaling', ['horizontalpodautoscalers'], 'preflight: nobody scales the target');
  for (const [group, resource] of [
    ['autoscaling.k8s.io', 'verticalpodautoscalers'],
    ['keda.sh', 'scaledobjects'],
  ] as const)
    found.push({ verb: 'list', group, resource, why: 'preflight: nobody scales the target', ifServed: true });

  need(['list', 'create', 'patch', 'delete'], '', ['secrets'], 'undo journal');
  const anyWorkload = play.practice === true || play.blind === true;
  need(['create'], 'coordination.k8s.io', ['leases'], 'one rehearsal per target');
  const faulted = faultedObject(spec.fault, namespace);
  const leased = [...deployed, ...(faulted === undefined ? [] : [faulted])].map(object => leaseFor(object).name);
  for (const name of play.blind ? [undefined] : new Set(leased))
    need(['get', 'update', 'patch', 'delete'], 'coordination.k8s.io', ['leases'], 'one rehearsal per target', name);

  const kinds = anyWorkload ? Object.keys(PLURALS) : [...new Set(deployed.map(ref => ref.kind))];
  if (anyWorkload) {
    need(['patch', 'update'], 'apps', kinds.map(plural), 'bad deploy, rollback of whatever is blamed, and restore');
  } else {
    for (const { kind, name } of deployed) {
      const why = name === target.name ? 'bad deploy, rollback and restore' : 'decoy and restore';
      need(['patch', 'update'], 'apps', [plural(kind)], why, name);
    }
  }
  for (const resource of new Set(kinds.map(kind => (kind === 'Deployment' ? 'replicasets' : 'controllerrevisions'))))
    need(['delete'], 'apps', [resource], 'restore: takes the bad revision out of the history');
  if (kinds.includes('StatefulSet'))
    need(['delete'], '', ['pods'], 'rollback: frees a StatefulSet that waits for its broken pod');

  const { fault } = spec;
  if (fault.kind === 'config') need(['create', 'delete'], '', ['configmaps'], 'bad deploy: a changed copy');
  if (fault.kind === 'missing-secret') need(['get'], '', ['secrets'], 'bad deploy: that it does not exist', fault.secret);
  if (fault.kind === 'service')
    need(['get', 'patch', 'update'], '', ['services'], 'bad deploy, rollback and restore', fault.service);
  return found;
}
