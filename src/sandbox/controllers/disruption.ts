import { equal } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { conditionOf } from './conditions.ts';
import { type ControlLoop, type ControllerContext, startControlLoop, storeStatus } from './control-loop.ts';
import { scaledValue } from './int-or-percent.ts';
import { selects } from './label-selector.ts';
import { controllerOf, keyOf, splitKey } from './owner.ts';
import { isPodReady } from './pod-state.ts';
import { millis, timestamp } from './timestamp.ts';
import type { Condition, Pod, PodDisruptionBudget } from './types.ts';

/** An eviction that did not end in a deletion within this time is forgotten, ms. */
const EVICTION_TIMEOUT_MS = 120_000;
const SCALED_BY = ['deployments.apps', 'replicasets.apps', 'statefulsets.apps'];

/** PodDisruptionBudgets: how many of the pods may be evicted now (pkg/controller/disruption). */
export function startDisruptionController(context: ControllerContext): ControlLoop {
  const { resources } = context;
  return startControlLoop({
    name: 'disruption',
    context,
    sync: key => syncBudget(context, key),
    watches: {
      'poddisruptionbudgets.policy': ({ object }, queue) => queue.add(keyOf(object)),
      pods: ({ object, previous }, queue) => {
        for (const budget of resources.list<PodDisruptionBudget>('poddisruptionbudgets.policy', {
          namespace: object.metadata.namespace,
        })) {
          const { selector } = budget.spec;
          if (selects(selector, object.metadata.labels) || (previous && selects(selector, previous.metadata.labels)))
            queue.add(keyOf(budget));
        }
      },
      ...Object.fromEntries(
        SCALED_BY.map(resource => [
          resource,
          ({ object, previous }: { object: KubeObject; previous?: KubeObject }, queue: { add(key: string): void }) => {
            if (previous?.spec?.replicas === object.spec?.replicas) return;
            for (const budget of resources.list('poddisruptionbudgets.policy', { namespace: object.metadata.namespace }))
              queue.add(keyOf(budget));
          },
        ]),
      ),
    },
  });
}

function syncBudget(context: ControllerContext, key: string): void {
  const { resources, clock } = context;
  const { namespace, name } = splitKey(key);
  const budget = resources.get<PodDisruptionBudget>('poddisruptionbudgets.policy', namespace, name);
  if (!budget || budget.metadata.deletionTimestamp !== undefined) return;
  const pods = resources.list<Pod>('pods', { namespace, labels: labels => selects(budget.spec.selector, labels) });
  const { expected, desired } = expectation(context, budget, pods);
  const evicted = stillDisrupted(budget, pods, clock.now());
  const healthy = pods.filter(
    pod => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined && !(pod.metadata.name in evicted),
  ).length;
  const allowed = expected <= 0 || healthy < desired ? 0 : healthy - desired;
  const status: PodDisruptionBudget['status'] = {
    conditions: allowedConditions(budget.status?.conditions ?? [], allowed, budget.metadata.generation ?? 0, clock.now()),
    currentHealthy: healthy,
    desiredHealthy: desired,
    ...(Object.keys(evicted).length ? { disruptedPods: evicted } : {}),
    disruptionsAllowed: allowed,
    expectedPods: expected,
    observedGeneration: budget.metadata.generation ?? 0,
  };
  if (!equal(budget.status, status)) storeStatus(context, 'poddisruptionbudgets.policy', budget, status ?? {});
}

/** How many pods there should be, and how many of them must stay healthy; percentages are rounded up. */
function expectation(
  context: ControllerContext,
  budget: PodDisruptionBudget,
  pods: Pod[],
): { expected: number; desired: number } {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (maxUnavailable !== undefined) {
    const expected = wantedPods(context, pods);
    return { expected, desired: Math.max(0, expected - scaledValue(maxUnavailable, expected, true)) };
  }
  if (minAvailable === undefined) return { expected: pods.length, desired: 0 };
  if (typeof minAvailable === 'number') return { expected: pods.length, desired: minAvailable };
  const expected = wantedPods(context, pods);
  return { expected, desired: scaledValue(minAvailable, expected, true) };
}

/** The sum of spec.replicas of whatever controls the pods. */
function wantedPods(context: ControllerContext, pods: Pod[]): number {
  const scales = new Map<string, number>();
  for (const pod of pods) {
    const owner = topOwner(context, pod);
    if (owner) scales.set(owner.metadata.uid ?? '', owner.spec.replicas ?? 1);
  }
  return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
}

function topOwner(context: ControllerContext, object: KubeObject): KubeObject | undefined {
  const reference = controllerOf(object);
  const resource = { ReplicaSet: 'replicasets.apps', StatefulSet: 'statefulsets.apps', Deployment: 'deployments.apps' }[
    reference?.kind ?? ''
  ];
  const owner = resource && reference ? context.resources.get(resource, object.metadata.namespace, reference.name) : undefined;
  return owner && (topOwner(context, owner) ?? owner);
}

function stillDisrupted(budget: PodDisruptionBudget, pods: Pod[], now: number): Record<string, string> {
  const live = new Set(pods.filter(pod => pod.metadata.deletionTimestamp === undefined).map(pod => pod.metadata.name));
  return Object.fromEntries(
    Object.entries(budget.status?.disruptedPods ?? {}).filter(
      ([name, time]) => live.has(name) && millis(time) + EVICTION_TIMEOUT_MS > now,
    ),
  );
}

function allowedConditions(conditions: Condition[], allowed: number, generation: number, now: number): Condition[] {
  const status = allowed > 0 ? 'True' : 'False';
  const reason = allowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  const current = conditionOf(conditions, 'DisruptionAllowed');
  const lastTransitionTime = current?.status === status ? (current.lastTransitionTime ?? timestamp(now)) : timestamp(now);
  const next: Condition = {
    type: 'DisruptionAllowed',
    lastTransitionTime,
    message: '',
    observedGeneration: generation,
    reason,
    status,
  };
  return current ? conditions.map(each => (each === current ? next : each)) : [...conditions, next];
}
