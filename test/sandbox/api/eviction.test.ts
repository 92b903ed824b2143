import { describe, expect, test } from 'vitest';
import { evict } from '../../../src/sandbox/api/eviction.ts';
import { createRegistry } from '../../../src/sandbox/registry/registry.ts';
import type { KubeObject, SandboxClock } from '../../../src/sandbox/registry/resources.ts';

const clock: SandboxClock = { now: () => Date.parse('2026-01-02T03:04:05Z'), after: () => () => {} };
const SPENT = "Cannot evict pod as it would violate the pod's disruption budget.";

/** Two running pods under a budget that needs one of them; the disruption controller has just looked and does not look again. */
function start(budget: Record<string, unknown> = {}) {
  const registry = createRegistry(clock);
  registry.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } });
  const setStatus = (resource: string, name: string, status: Record<string, unknown>) =>
    registry.modify(
      resource,
      'a',
      name,
      draft => {
        draft.status = status;
      },
      { subresource: 'status' },
    ) as KubeObject;
  const addPod = (name: string, ready: 'True' | 'False') => {
    const metadata = { name, namespace: 'a', labels: { app: 'web' } };
    registry.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'x:1' }] },
    });
    return setStatus('pods', name, { phase: 'Running', conditions: [{ type: 'Ready', status: ready }] });
  };
  const addBudget = (name: string, allowed: number) => {
    const selector = { matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] };
    registry.create({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace: 'a' },
      spec: { minAvailable: 1, selector, ...budget },
    });
    const healthy = { currentHealthy: 1 + allowed, desiredHealthy: 1 };
    setStatus('poddisruptionbudgets.policy', name, { ...healthy, disruptionsAllowed: allowed, observedGeneration: 1 });
  };
  const going = (name: string) => registry.get('pods', 'a', name)?.metadata.deletionTimestamp !== undefined;
  return { registry, addPod, addBudget, going };
}

describe('eviction', () => {
  test('two in a row cannot both spend the one disruption that the budget allows', () => {
    const { registry, addPod, addBudget, going } = start();
    const [first, second] = [addPod('first', 'True'), addPod('second', 'True')];
    addBudget('b', 1);
    evict(registry, clock, first, {});
    expect(going('first')).toBe(true);
    expect(() => evict(registry, clock, second, {})).toThrow(SPENT);
    expect(going('second')).toBe(false);
  });

  test('a dry run spends nothing', () => {
    const { registry, addPod, addBudget, going } = start();
    const pod = addPod('first', 'True');
    addBudget('b', 1);
    evict(registry, clock, pod, { dryRun: true });
    evict(registry, clock, pod, { dryRun: true });
    expect(going('first')).toBe(false);
  });

  test.each([
    ['IfHealthyBudget', false],
    ['AlwaysAllow', true],
  ])('a pod that is not ready while too few are healthy, by %s: %s', (unhealthyPodEvictionPolicy, allowed) => {
    const { registry, addPod, addBudget, going } = start({ unhealthyPodEvictionPolicy, minAvailable: 2 });
    const pod = addPod('sick', 'False');
    addBudget('b', -1);
    if (allowed) evict(registry, clock, pod, {});
    else expect(() => evict(registry, clock, pod, {})).toThrow(SPENT);
    expect(going('sick')).toBe(allowed);
  });

  test('two budgets over one pod are an error of whoever made them, and nothing is deleted', () => {
    const { registry, addPod, addBudget, going } = start();
    const pod = addPod('first', 'True');
    addBudget('b', 1);
    addBudget('c', 1);
    expect(() => evict(registry, clock, pod, {})).toThrow('more than one PodDisruptionBudget');
    expect(going('first')).toBe(false);
  });
});
