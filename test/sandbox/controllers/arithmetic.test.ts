import { describe, expect, test } from 'vitest';
import {
  maxSurge,
  maxUnavailable,
  newReplicaSetSize,
  proportionalSizes,
} from '../../../src/sandbox/controllers/deployment-arithmetic.ts';
import { type DeploymentSync, rolloutRolling } from '../../../src/sandbox/controllers/deployment-rollout.ts';
import { podsToDelete } from '../../../src/sandbox/controllers/pod-deletion-order.ts';
import { sameTemplate } from '../../../src/sandbox/controllers/template-equality.ts';
import type { Deployment, Pod, ReplicaSet } from '../../../src/sandbox/controllers/types.ts';
import { deployment } from './fixture.ts';

const rolling = (replicas: number, surge: number | string, unavailable: number | string): Deployment =>
  deployment({
    replicas,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
  }) as Deployment;

const set = (name: string, replicas: number, { max, at = 0 }: { max?: number; at?: number } = {}): ReplicaSet =>
  ({
    metadata: {
      name,
      creationTimestamp: `2026-01-01T00:00:0${at}Z`,
      annotations: max === undefined ? {} : { 'deployment.kubernetes.io/max-replicas': String(max) },
    },
    spec: { replicas },
  }) as unknown as ReplicaSet;

describe('maxSurge and maxUnavailable', () => {
  test.each([
    // replicas, maxSurge, maxUnavailable, pods above, pods below: surge is rounded up, unavailability down, never both 0
    [3, '25%', '25%', 1, 0],
    [4, '25%', '25%', 1, 1],
    [10, '25%', '25%', 3, 2],
    [2, '0%', '1%', 0, 1],
    [1, '1%', '25%', 1, 0],
    [1, 0, 0, 0, 1],
    [3, 5, 9, 5, 3],
    [0, '25%', '25%', 0, 0],
  ])('%i replicas, %s, %s', (replicas, surge, unavailable, above, below) => {
    const subject = rolling(replicas, surge, unavailable);
    expect([maxSurge(subject), maxUnavailable(subject)]).toEqual([above, below]);
  });

  test('the new ReplicaSet grows no further than the surge lets it, and no further than needed', () => {
    expect(newReplicaSetSize(rolling(10, 3, 2), [set('old', 10), set('new', 0)], 0)).toBe(3);
    expect(newReplicaSetSize(rolling(10, 3, 2), [set('old', 8), set('new', 5)], 5)).toBe(5);
    expect(newReplicaSetSize(rolling(10, '100%', 0), [set('old', 10), set('new', 0)], 0)).toBe(10);
  });
});

test('an old ReplicaSet that has not caught up with its last scaling is left alone, not scaled up again', () => {
  const withStatus = (each: ReplicaSet, availableReplicas: number): ReplicaSet => ({
    ...each,
    status: { replicas: 3, availableReplicas },
  });
  const resized: number[] = [];
  const sync = {
    deployment: rolling(3, '100%', 0),
    syncRevision: () => ({ newSet: withStatus(set('new', 3), 3), oldSets: [withStatus(set('old', 1), 3)] }),
    resize: (_: ReplicaSet, size: number) => {
      resized.push(size);
      return { draft: set('old', size), write: () => set('old', size) };
    },
    scaled: () => {},
    cleanUp: () => {},
    writeRolloutStatus: () => {},
  } as unknown as DeploymentSync;
  rolloutRolling(sync);
  expect(resized).toEqual([]);
});

describe('scaling during a rollout shares in proportion', () => {
  const sizes = (subject: Deployment, sets: ReplicaSet[]) =>
    Object.fromEntries(proportionalSizes(subject, sets).map(({ set: { metadata }, size }) => [metadata.name, size]));

  test('up, the rest of the rounding to the largest', () => {
    expect(sizes(rolling(20, 0, 1), [set('new', 5, { max: 10, at: 1 }), set('old', 5, { max: 10 })])).toEqual({
      new: 10,
      old: 10,
    });
    expect(sizes(rolling(12, 0, 1), [set('new', 3, { max: 10, at: 1 }), set('old', 7, { max: 10 })])).toEqual({ new: 4, old: 8 });
    expect(sizes(rolling(15, 3, 2), [set('new', 5, { max: 13, at: 1 }), set('old', 8, { max: 13 })])).toEqual({
      new: 7,
      old: 11,
    });
  });

  test('down, and to zero', () => {
    expect(sizes(rolling(5, 0, 1), [set('new', 5, { max: 10, at: 1 }), set('old', 5, { max: 10 })])).toEqual({ new: 3, old: 2 });
    expect(sizes(rolling(0, 3, 2), [set('new', 5, { max: 13, at: 1 }), set('old', 8, { max: 13 })])).toEqual({ new: 0, old: 0 });
  });
});

describe('which pods a shrinking ReplicaSet gives up', () => {
  const now = Date.parse('2026-01-01T01:00:00Z');
  const pod = (
    name: string,
    { node = 'n', phase = 'Running', ready = true, restarts = 0, cost = '', readyAt = '00:00:00' } = {},
  ): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      uid: name,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(cost ? { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } } : {}),
    },
    spec: node ? { nodeName: node } : {},
    status: {
      phase: phase as 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: `2026-01-01T${readyAt}Z` }],
      containerStatuses: [{ name: 'c', restartCount: restarts, ready }],
    },
  });

  test.each([
    ['without a node', pod('x', { node: '', phase: 'Pending', ready: false }), pod('a', { phase: 'Pending', ready: false })],
    ['pending', pod('x', { phase: 'Pending', ready: false }), pod('a', { ready: false })],
    ['not ready', pod('x', { ready: false }), pod('a')],
    ['of lower deletion cost', pod('x', { cost: '-5' }), pod('a')],
    ['on the fuller node', pod('x', { node: 'full' }), pod('a', { node: 'roomy' })],
    ['ready for less time', pod('x', { readyAt: '00:59:59' }), pod('a')],
    ['restarted more often', pod('x', { restarts: 4 }), pod('a', { restarts: 1 })],
  ])('the one %s', (_, goes, stays) => {
    const related = [goes, stays, pod('other', { node: 'full' })];
    expect(podsToDelete([stays, goes], related, 1, now).map(each => each.metadata.name)).toEqual(['x']);
    expect(podsToDelete([goes, stays], related, 1, now).map(each => each.metadata.name)).toEqual(['x']);
  });
});

describe('the same template, however written', () => {
  const template = (container: object) => ({ metadata: { labels: { app: 'web' } }, spec: { containers: [container] } });

  test('quantities, empty lists and the hash label make no new ReplicaSet', () => {
    const a = template({ name: 'c', resources: { limits: { cpu: '1000m', memory: '1Gi' } }, env: [] });
    const b = template({ name: 'c', resources: { limits: { cpu: '1', memory: '1024Mi' } } });
    b.metadata.labels = { app: 'web', 'pod-template-hash': 'x' } as never;
    expect(sameTemplate(a, b)).toBe(true);
  });

  test('any other difference does', () => {
    expect(sameTemplate(template({ name: 'c' }), template({ name: 'c', env: [{ name: 'A' }] }))).toBe(false);
    expect(
      sameTemplate(template({ name: 'c', resources: { limits: { cpu: '1' } } }), template({ name: 'c', resources: {} })),
    ).toBe(false);
    expect(sameTemplate(template({ securityContext: {} }), template({}))).toBe(false);
  });
});
