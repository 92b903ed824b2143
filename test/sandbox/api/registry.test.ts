import { describe, expect, test } from 'vitest';
import { createRegistry } from '../../../src/sandbox/registry/registry.ts';
import type { KubeObject, SandboxClock, WatchEvent } from '../../../src/sandbox/registry/resources.ts';

function start() {
  let now = Date.parse('2026-01-02T03:04:05Z');
  const clock: SandboxClock = { now: () => now, after: () => () => {} };
  const registry = createRegistry(clock);
  registry.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } });
  return { registry, advance: (ms: number) => (now += ms) };
}

const deployment = (fields: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'a' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } },
    ...fields,
  },
});
const configMap = (data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', namespace: 'a' },
  data,
});

describe('writes', () => {
  test('a change of spec counts the generation up, a change of status or labels does not', () => {
    const { registry } = start();
    registry.create(deployment());
    registry.modify('deployments.apps', 'a', 'web', draft => {
      draft.metadata.labels = { x: 'y' };
    });
    registry.modify(
      'deployments.apps',
      'a',
      'web',
      draft => {
        draft.status = { replicas: 1 };
      },
      { subresource: 'status' },
    );
    expect(registry.get('deployments.apps', 'a', 'web')?.metadata.generation).toBe(1);
    registry.modify('deployments.apps', 'a', 'web', draft => {
      draft.spec.replicas = 3;
    });
    expect(registry.get('deployments.apps', 'a', 'web')).toMatchObject({ metadata: { generation: 2 }, status: { replicas: 1 } });
  });

  test('a plain write leaves status alone and a status write leaves spec alone', () => {
    const { registry } = start();
    registry.create(deployment());
    registry.modify('deployments.apps', 'a', 'web', draft => {
      draft.status = { replicas: 9 };
    });
    expect(registry.get('deployments.apps', 'a', 'web')?.status).toEqual({});
    registry.modify(
      'deployments.apps',
      'a',
      'web',
      draft => {
        draft.spec.replicas = 9;
      },
      { subresource: 'status' },
    );
    expect(registry.get('deployments.apps', 'a', 'web')?.spec.replicas).toBe(1);
  });

  test('a stale write is a conflict in the words of upstream', () => {
    const { registry } = start();
    const old = registry.create(configMap({ a: '1' }));
    registry.update(configMap({ a: '2' }));
    expect(() => registry.update({ ...structuredClone(old), data: { a: '3' } })).toThrow(
      'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('a write that changes nothing makes no version and no event', () => {
    const { registry } = start();
    const stored = registry.create(configMap({ a: '1' }));
    const events: WatchEvent[] = [];
    registry.watch('configmaps', event => events.push(event));
    expect(registry.update(structuredClone(stored))).toBe(stored);
    expect(events).toHaveLength(1);
  });

  test('a namespace that is not there, and one that is going', () => {
    const { registry } = start();
    expect(() => registry.create({ ...deployment(), metadata: { name: 'x', namespace: 'nope' } })).toThrow(
      'namespaces "nope" not found',
    );
    registry.delete('namespaces', undefined, 'a');
    expect(() => registry.create(deployment())).toThrow(
      'deployments.apps "web" is forbidden: unable to create new content in namespace a because it is being terminated',
    );
  });
});

describe('deletes', () => {
  test('a scheduled pod stays until its grace period is over, an unscheduled one goes at once', () => {
    const { registry } = start();
    const pod = (name: string, nodeName?: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'a' },
      spec: { containers: [{ name: 'c', image: 'x' }], terminationGracePeriodSeconds: 7, ...(nodeName ? { nodeName } : {}) },
    });
    registry.create(pod('scheduled', 'node'));
    registry.create(pod('pending'));
    registry.delete('pods', 'a', 'pending');
    expect(registry.get('pods', 'a', 'pending')).toBeUndefined();
    registry.delete('pods', 'a', 'scheduled');
    expect(registry.get('pods', 'a', 'scheduled')?.metadata).toMatchObject({
      deletionTimestamp: '2026-01-02T03:04:12Z',
      deletionGracePeriodSeconds: 7,
    });
    registry.delete('pods', 'a', 'scheduled', { gracePeriodSeconds: 0 });
    expect(registry.get('pods', 'a', 'scheduled')).toBeUndefined();
  });

  test('a finalizer holds an object until it is taken off', () => {
    const { registry } = start();
    registry.create({ ...configMap({}), metadata: { name: 'c', namespace: 'a', finalizers: ['example.com/hold'] } });
    registry.delete('configmaps', 'a', 'c');
    expect(registry.get('configmaps', 'a', 'c')?.metadata.deletionTimestamp).toBeDefined();
    registry.modify('configmaps', 'a', 'c', draft => {
      delete draft.metadata.finalizers;
    });
    expect(registry.get('configmaps', 'a', 'c')).toBeUndefined();
  });
});

test('a snapshot shows the past as it was, and too old a past is Expired', () => {
  const { registry } = start();
  registry.create(configMap({ a: '1' }));
  const then = registry.version();
  registry.update(configMap({ a: '2' }));
  registry.create({ ...configMap({}), metadata: { name: 'later', namespace: 'a' } });
  expect(registry.snapshot('configmaps', then).map(object => object.data)).toEqual([{ a: '1' }]);
  for (let i = 0; i < 3_000; i++) registry.update(configMap({ a: String(i + 10) }));
  expect(() => registry.since('configmaps', then)).toThrow('too old resource version');
});

describe('validation', () => {
  test.each([
    ['selector', { selector: { matchLabels: { app: 'other' } } }, '`selector` does not match template `labels`'],
    ['replicas', { replicas: -1 }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ['strategy', { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }, 'may not be 0 when `maxSurge` is 0'],
  ])('a Deployment with a wrong %s is refused as upstream refuses it', (_name, fields, message) => {
    const { registry } = start();
    expect(() => registry.create(deployment(fields))).toThrow(message);
  });

  test('a selector is immutable', () => {
    const { registry } = start();
    registry.create(deployment());
    expect(() =>
      registry.modify('deployments.apps', 'a', 'web', draft => {
        draft.spec.selector = { matchLabels: { app: 'x' } };
        draft.spec.template.metadata.labels = { app: 'x' };
      }),
    ).toThrow('Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable');
  });
});
