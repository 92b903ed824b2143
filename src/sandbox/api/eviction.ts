import type { DeleteOptions, KubeObject, Resources, SandboxClock } from '../registry/resources.ts';
import { type LabelSelector, selectorMatcher } from '../registry/selectors.ts';
import { StatusError } from '../registry/status-error.ts';

const BUDGETS = 'poddisruptionbudgets.policy';

/**
 * pods/eviction: a delete that a PodDisruptionBudget may refuse (registry/core/pod/storage/eviction.go). What is granted is taken
 * off the budget at once, so that evictions that follow each other quickly cannot both spend it.
 * @throws StatusError TooManyRequests when the budget is spent, InternalError when several budgets cover the pod.
 */
export function evict(resources: Resources, clock: SandboxClock, pod: KubeObject, options: DeleteOptions): void {
  const { namespace, name } = pod.metadata;
  if (!ignoresBudgets(pod)) {
    const budgets = resources
      .list(BUDGETS, { namespace })
      .filter(({ spec }) => selectorMatcher(spec?.selector as LabelSelector)(pod.metadata.labels));
    if (budgets.length > 1) {
      throw new StatusError(
        'InternalError',
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      );
    }
    const budget = budgets[0];
    if (budget && !isSpareable(pod, budget)) spend(resources, clock, budget, name, options.dryRun === true);
  }
  resources.delete('pods', namespace, name, options);
}

/** Pods that serve nobody: ended, not started, or going already. */
const ignoresBudgets = ({ metadata, status }: KubeObject) =>
  ['Succeeded', 'Failed', 'Pending'].includes(status?.phase) || metadata.deletionTimestamp !== undefined;

/** A pod that is not ready may go whatever the budget says, under its unhealthyPodEvictionPolicy. */
function isSpareable(pod: KubeObject, { spec, status }: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = pod.status?.conditions ?? [];
  if (conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True')) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  return (status?.desiredHealthy ?? 0) > 0 && (status?.currentHealthy ?? 0) >= status.desiredHealthy;
}

function spend(resources: Resources, clock: SandboxClock, budget: KubeObject, podName: string, dryRun: boolean): void {
  const { name, namespace, generation = 0 } = budget.metadata;
  const { disruptionsAllowed = 0, desiredHealthy = 0, currentHealthy = 0, observedGeneration = 0 } = budget.status ?? {};
  const refuse = (why: string, retryAfterSeconds?: number) => {
    throw new StatusError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
      causes: [{ reason: 'DisruptionBudget', message: `The disruption budget ${name} ${why}` }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
  };
  if (observedGeneration < generation) refuse('is still being processed by the server.', 10);
  if (disruptionsAllowed < 1) refuse(`needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`);
  if (dryRun) return;
  resources.modify(
    BUDGETS,
    namespace,
    name,
    draft => {
      draft.status.disruptionsAllowed -= 1;
      draft.status.disruptedPods = {
        ...draft.status.disruptedPods,
        [podName]: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
      };
    },
    { subresource: 'status' },
  );
}
