/** Who would fight a drill on a workload, or be hurt by it: GitOps controllers, owners, autoscalers, disruption budgets. */
import type { CheckResult, ObjectRef } from '../record/events.ts';
import type { Cluster, RawObject } from '../rehearsal/ports.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { controllerOf, isSelected, shortName } from './workloads.ts';

/** What a scenario can be about, and then is not refused for. */
export type Rival = 'gitops' | 'owner' | 'autoscaler' | 'disruption-budget';

interface GitOpsMark {
  by: string;
  /** Label or annotation. Sources: argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking, fluxcd.io/flux/components. */
  mark?: string;
  /** Field manager of its writes: Argo CD can track by a label that Helm uses too. */
  manager?: string;
  pause: (name: string) => string;
}

const argo = (app: string) => `argocd app set ${app || 'APP'} --sync-policy none`;
const GITOPS: readonly GitOpsMark[] = [
  { by: 'Argo CD', mark: 'argocd.argoproj.io/tracking-id', pause: value => argo(value.split(':')[0] ?? '') },
  { by: 'Argo CD', mark: 'argocd.argoproj.io/instance', pause: argo },
  { by: 'Argo CD', manager: 'argocd-controller', pause: () => argo('') },
  {
    by: 'Flux',
    mark: 'kustomize.toolkit.fluxcd.io/name',
    pause: value => `flux suspend kustomization ${value}`,
  },
  { by: 'Flux', mark: 'helm.toolkit.fluxcd.io/name', pause: value => `flux suspend helmrelease ${value}` },
  { by: 'Flux', manager: 'kustomize-controller', pause: () => 'flux suspend kustomization NAME' },
  { by: 'Flux', manager: 'helm-controller', pause: () => 'flux suspend helmrelease NAME' },
];

/** Marks of a GitOps controller on one object: it puts back what differs from git. */
function gitOpsCheck(object: RawObject): CheckResult {
  const name = shortName({ kind: object.kind, name: object.metadata.name });
  const marks = { ...object.metadata.labels, ...object.metadata.annotations };
  const managers = ((object.metadata['managedFields'] ?? []) as { manager?: string; subresource?: string }[])
    .filter(field => !field.subresource)
    .map(field => field.manager);
  const found = GITOPS.find(({ mark, manager }) => (mark ? marks[mark] !== undefined : managers.includes(manager)));
  if (!found) return { name: 'not managed by GitOps', ok: true, detail: `no GitOps controller marks ${name} as its own` };
  const value = found.mark ? (marks[found.mark] ?? '') : '';
  return {
    name: 'not managed by GitOps',
    ok: false,
    detail: `${found.by} manages ${name} and would put back what the drill changes (${found.mark ? `${found.mark}: ${value}` : `field manager ${found.manager}`})`,
    remedy: `pause it for the drill (${found.pause(value)}), or rehearse a workload that is deployed by hand or by a pipeline`,
  };
}

function ownerCheck(workload: RawObject): CheckResult {
  const owner = controllerOf(workload);
  return owner
    ? {
        name: 'not owned by a controller',
        ok: false,
        detail: `${owner.kind} ${owner.name} owns it: its operator would put back what the drill changes`,
        remedy: `pause the operator of ${owner.kind} ${owner.name}, or rehearse a workload of its own`,
      }
    : { name: 'not owned by a controller', ok: true, detail: 'no other object owns it' };
}

interface TargetReference {
  apiVersion?: string;
  kind?: string;
  name?: string;
}

/** Autoscalers by kind, with how each names its workload. VPA and KEDA are there only where somebody installed them. */
const AUTOSCALERS: readonly { apiVersion: string; kind: string; target: (object: RawObject) => TargetReference | undefined }[] = [
  { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', target: object => object['spec']?.scaleTargetRef },
  {
    apiVersion: 'autoscaling.k8s.io/v1',
    kind: 'VerticalPodAutoscaler',
    target: object => (object['spec']?.updatePolicy?.updateMode === 'Off' ? undefined : object['spec']?.targetRef),
  },
  {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    // Its kind is a Deployment when left out.
    target: object => ({ kind: 'Deployment', ...object['spec']?.scaleTargetRef }),
  },
];

async function autoscalerCheck(cluster: Cluster, target: ObjectRef): Promise<CheckResult> {
  const name = 'no autoscaler';
  const lists = await Promise.all(
    AUTOSCALERS.map(async scaler =>
      (await listServed(cluster, scaler, target.namespace)).filter(object => {
        const wanted = scaler.target(object);
        return wanted?.kind === target.kind && wanted.name === target.name;
      }),
    ),
  );
  const found = lists.flat();
  if (found.length === 0) return { name, ok: true, detail: `none scales ${shortName(target)}` };
  return {
    name,
    ok: false,
    detail: `${found.map(told).join(' and ')} ${found.length === 1 ? 'scales' : 'scale'} ${shortName(target)} and would fight the drill`,
    remedy: 'rehearse a workload without an autoscaler, or take this one away for the drill',
  };
}

function told(autoscaler: RawObject): string {
  const owner = controllerOf(autoscaler);
  const { minReplicas, maxReplicas } = autoscaler['spec'] ?? {};
  const range = maxReplicas === undefined ? '' : ` (${minReplicas ?? 1} to ${maxReplicas} replicas)`;
  return `${autoscaler.kind} ${autoscaler.metadata.name}${range}${owner ? ` of ${owner.kind} ${owner.name}` : ''}`;
}

async function budgetCheck(cluster: Cluster, workload: RawObject): Promise<CheckResult> {
  const name = 'disruption budget has room';
  const labels = workload['spec']?.template?.metadata?.labels ?? {};
  const kind = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' };
  const budgets = (await listServed(cluster, kind, workload.metadata.namespace)).filter(budget =>
    isSelected(labels, budget['spec']?.selector),
  );
  if (budgets.length === 0) return { name, ok: true, detail: 'no PodDisruptionBudget selects its pods' };
  const full = budgets.filter(budget => (budget['status']?.expectedPods ?? 0) > 0 && !budget['status']?.disruptionsAllowed);
  const room = (budget: RawObject) => {
    const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = budget['status'] ?? {};
    return `PodDisruptionBudget ${budget.metadata.name} allows ${disruptionsAllowed} disruptions (${currentHealthy} pods healthy, ${desiredHealthy} needed)`;
  };
  return full.length === 0
    ? { name, ok: true, detail: budgets.map(room).join('; ') }
    : {
        name,
        ok: false,
        detail: full.map(room).join('; '),
        remedy: 'wait until all its pods are healthy, or scale it up: a drill takes pods away that the budget promises',
      };
}

/** Objects of a kind that may not be installed. @throws KubernetesError when they cannot be read. */
async function listServed(
  cluster: Cluster,
  kind: { apiVersion: string; kind: string },
  namespace: string | undefined,
): Promise<RawObject[]> {
  try {
    return (await cluster.list(kind, namespace === undefined ? {} : { namespace })).items;
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return [];
    throw error;
  }
}

/**
 * Each of them as a check. What a scenario tolerates is told and passes; what cannot be read does not pass: nobody knows who would fight.
 * @param faulted objects beside the workload that the drill changes
 */
export async function rivalChecks(
  cluster: Cluster,
  workload: RawObject,
  target: ObjectRef,
  faulted: readonly RawObject[],
  tolerated: readonly Rival[],
): Promise<CheckResult[]> {
  const unreadable =
    (name: string) =>
    (error: unknown): CheckResult => ({
      name,
      ok: false,
      detail: `it could not be found out: ${(error as Error).message}`,
      remedy: (error as KubernetesError).hint ?? '`rehearse plan --role` prints the permissions that are needed',
    });
  const gitOps = [workload, ...faulted].map(gitOpsCheck);
  const checks: [Rival, CheckResult][] = await Promise.all([
    Promise.resolve<[Rival, CheckResult]>(['gitops', gitOps.find(check => !check.ok) ?? (gitOps[0] as CheckResult)]),
    Promise.resolve<[Rival, CheckResult]>(['owner', ownerCheck(workload)]),
    autoscalerCheck(cluster, target)
      .catch(unreadable('no autoscaler'))
      .then((check): [Rival, CheckResult] => ['autoscaler', check]),
    budgetCheck(cluster, workload)
      .catch(unreadable('disruption budget has room'))
      .then((check): [Rival, CheckResult] => ['disruption-budget', check]),
  ]);
  return checks.map(([rival, check]) =>
    check.ok || !tolerated.includes(rival)
      ? check.ok
        ? check
        : { ...check, remedy: `${check.remedy}; a scenario that is about this says so: target: { tolerate: [${rival}] }` }
      : { name: check.name, ok: true, detail: `${check.detail}; the scenario tolerates it` },
  );
}
