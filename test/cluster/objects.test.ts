import { describe, expect, test } from 'vitest';
import { objectDiff, unifiedDiff } from '../../src/cluster/diff.ts';
import { rolloutStatus } from '../../src/cluster/rollout.ts';
import { templateChanges } from '../../src/cluster/template-changes.ts';
import { selectorOf } from '../../src/cluster/workloads.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';

const object = (kind: string, spec: object, given: { status?: object; metadata?: object; data?: object } = {}): RawObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: 'payments', namespace: 'shop', ...given.metadata },
  spec,
  ...(given.status ? { status: given.status } : {}),
  ...(given.data ? { data: given.data } : {}),
});

describe('a diff', () => {
  test('shows what somebody asked for, not the bookkeeping of servers and controllers', () => {
    const before = object(
      'Deployment',
      { replicas: 3 },
      {
        metadata: {
          resourceVersion: '1',
          generation: 1,
          managedFields: [{}],
          annotations: { 'deployment.kubernetes.io/revision': '1' },
        },
        status: { replicas: 3 },
      },
    );
    const after = object(
      'Deployment',
      { replicas: 5 },
      { metadata: { resourceVersion: '9', generation: 2, annotations: { 'deployment.kubernetes.io/revision': '2' } } },
    );
    expect(objectDiff(before, after)).toBe(
      ['@@ -4,4 +4,4 @@', '   name: payments', '   namespace: shop', ' spec:', '-  replicas: 3', '+  replicas: 5', ''].join('\n'),
    );
    expect(objectDiff(before, { ...before, metadata: { ...before.metadata, resourceVersion: '2' } })).toBe('');
  });

  test('of what is created or deleted has every line', () => {
    const created = objectDiff(undefined, object('Deployment', { replicas: 1 }));
    expect(created).toContain('@@ -0,0 +1,7 @@\n+apiVersion: apps/v1');
    expect(objectDiff(object('Deployment', { replicas: 1 }), undefined)).toContain('@@ -1,7 +0,0 @@');
  });

  test('never shows a secret, yet shows that it changed', () => {
    const secret = (key: string) => object('Secret', {}, { data: { 'api-key': key } });
    const pod = (value: string) =>
      object('Deployment', {
        template: {
          spec: {
            containers: [
              {
                env: [
                  { name: 'DB_PASSWORD', value },
                  { name: 'DB', value: `postgres://me:${value}@db/x` },
                ],
              },
            ],
          },
        },
      });
    const config = (value: string) =>
      object('ConfigMap', {}, { data: { 'app.yaml': `host: db\napiToken: ${value}\n`, password: value } });
    for (const make of [secret, pod, config]) {
      const text = objectDiff(make('hunter2hunter2'), make('correcthorsebattery'));
      expect(text).toContain('(redacted');
      expect(text).not.toMatch(/hunter2|correcthorse/);
      expect(text).toMatch(/^-.*redacted/m);
    }
  });

  const container = (fields: object) =>
    object('Deployment', { template: { spec: { containers: [{ name: 'app', ...fields }] } } });

  test('hides passwords on command lines, in headers and in annotations, and keeps the rest of them', () => {
    const text = objectDiff(
      undefined,
      container({
        command: ['serve', '--db-password=hunter2-a', '--token', 'hunter2-b', '--port', '8080', '-p', 'hunter2-c'],
        args: ['sh', '-c', 'mysql -phunter2-d -h db && curl -u me:hunter2-e --api-key "hunter2-f" https://shop/health'],
        readinessProbe: { httpGet: { path: '/ready', httpHeaders: [{ name: 'Authorization', value: 'hunter2-g' }] } },
        metadata: {
          annotations: { 'example.com/api-token': 'hunter2-h', 'kubernetes.io/change-cause': 'set env KEY=hunter2-i' },
        },
      }),
    );
    expect(text).not.toContain('hunter2');
    for (const shown of ['serve', '--db-password=', '--token', '8080', 'mysql', '-h db', 'me:', 'https://shop/health', '/ready'])
      expect(text).toContain(shown);
  });

  test('hides what surrounds the change, and keeps what the scenario itself sets', () => {
    const having = (url: string) =>
      container({
        env: [
          { name: 'STRIPE_KEY', value: 'hunter2' },
          { name: 'PAYMENTS_URL', value: url },
          { name: 'DSN', value: 'hunter2' },
          { name: 'CACHE_KEY_PREFIX', value: 'shop:v1' },
        ],
      });
    const text = objectDiff(having('http://payments'), having('http://payments-v2'));
    expect(text).not.toContain('hunter2');
    expect(text).toContain('-              value: http://payments\n+              value: http://payments-v2');
  });

  test('hides settings inside of the files of a ConfigMap, on one line, in blocks, and files that are nothing else', () => {
    const text = objectDiff(
      undefined,
      object(
        'ConfigMap',
        {},
        {
          data: {
            'app.json': '{"db":{"host":"db","password":"hunter2, \\"too","port":5432}}',
            'app.yaml': 'log: debug\npassword: |\n  hunter2\n  hunter2\nsmtpPassword: hunter2 and more\nretries: 3',
            credentials: 'me\nhunter2',
            'tls.key': '-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----',
          },
        },
      ),
    );
    expect(text).not.toMatch(/hunter2|and more/);
    for (const shown of ['"host":"db"', '5432', 'log: debug', 'retries: 3']) expect(text).toContain(shown);
  });

  test('keeps hunks apart, and its line numbers can be applied', () => {
    const before = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
    const after = before.toSpliced(24, 1).toSpliced(2, 0, 'inserted');
    expect(unifiedDiff(before, after).match(/^@@.*@@$/gm)).toEqual(['@@ -1,5 +1,6 @@', '@@ -22,7 +23,6 @@']);
  });
});

describe('rollout status, as kubectl judges it', () => {
  const deployment = (status: object, generation = 2) =>
    object('Deployment', { replicas: 3 }, { metadata: { generation }, status: { observedGeneration: 2, ...status } });
  test.each([
    [
      'the newest generation is not seen yet',
      deployment({ updatedReplicas: 3, replicas: 3, availableReplicas: 3 }, 3),
      'progressing',
    ],
    [
      'a missed deadline',
      deployment({ conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] }),
      'failed',
    ],
    ['new pods are missing', deployment({ updatedReplicas: 2, replicas: 3, availableReplicas: 3 }), 'progressing'],
    ['old pods are still there', deployment({ updatedReplicas: 3, replicas: 4, availableReplicas: 4 }), 'progressing'],
    ['new pods are not available', deployment({ updatedReplicas: 3, replicas: 3, availableReplicas: 2 }), 'progressing'],
    ['all is there', deployment({ updatedReplicas: 3, replicas: 3, availableReplicas: 3 }), 'done'],
  ])('%s', (_what, workload, state) => {
    expect(rolloutStatus(workload).state).toBe(state);
  });

  test('StatefulSets and DaemonSets have rules of their own', () => {
    const set = (status: object, spec: object = {}) => object('StatefulSet', { replicas: 3, ...spec }, { status });
    expect(rolloutStatus(set({ readyReplicas: 2, updateRevision: 'b', currentRevision: 'b' })).state).toBe('progressing');
    expect(rolloutStatus(set({ readyReplicas: 3, updateRevision: 'b', currentRevision: 'a' })).state).toBe('progressing');
    expect(rolloutStatus(set({ readyReplicas: 3, updateRevision: 'b', currentRevision: 'b' })).state).toBe('done');
    expect(
      rolloutStatus(set({ readyReplicas: 3, updatedReplicas: 1 }, { updateStrategy: { rollingUpdate: { partition: 2 } } })).state,
    ).toBe('done');
    expect(rolloutStatus(set({}, { updateStrategy: { type: 'OnDelete' } })).state).toBe('failed');
    const daemons = (status: object) => object('DaemonSet', {}, { status });
    expect(rolloutStatus(daemons({ desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1 })).state).toBe(
      'progressing',
    );
    expect(rolloutStatus(daemons({ desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 })).state).toBe(
      'done',
    );
  });
});

describe('what a new template changes, in words', () => {
  const template = (container: object, spec: object = {}) =>
    ({
      metadata: { labels: { app: 'payments' } },
      spec: { containers: [{ name: 'payments', image: 'shop:1', ...container }], ...spec },
    }) as unknown as RawObject;
  const probe = (path: string) => ({ readinessProbe: { httpGet: { path, port: 8080 } } });
  test.each([
    ['image shop:1 → shop:2', template({}), template({ image: 'shop:2' })],
    ['A 1 → 2', template({ env: [{ name: 'A', value: '1' }] }), template({ env: [{ name: 'A', value: '2' }] })],
    ['A removed', template({ env: [{ name: 'A', value: '1' }] }), template({})],
    ['TOKEN set to (redacted)', template({}), template({ env: [{ name: 'TOKEN', value: 'abc' }] })],
    [
      'K taken from secret s, key k',
      template({}),
      template({ env: [{ name: 'K', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
    ],
    ['args of the image → ["x"]', template({}), template({ args: ['x'] })],
    ['readiness probe GET /a on port 8080 → GET /b on port 8080', template(probe('/a')), template(probe('/b'))],
    ['memory request none → 1Gi', template({}), template({ resources: { requests: { memory: '1Gi' } } })],
    [
      'configmap a → b',
      template({}, { volumes: [{ name: 'v', configMap: { name: 'a' } }] }),
      template({}, { volumes: [{ name: 'v', configMap: { name: 'b' } }] }),
    ],
    ['nodeSelector of the pods', template({}), template({}, { nodeSelector: { disk: 'ssd' } })],
  ])('%s', (text, before, after) => {
    expect(templateChanges(before, after).map(change => change.text)).toEqual([text]);
  });

  test('nothing', () => {
    expect(templateChanges(template({}), template({}))).toEqual([]);
  });
});

test('label selectors of workloads are written as the API wants them', () => {
  const selector = {
    matchLabels: { app: 'x' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'canary', operator: 'DoesNotExist' },
    ],
  };
  expect(selectorOf(object('Deployment', { selector }))).toBe('app=x,tier in (a,b),!canary');
});

describe('a diff that people read', () => {
  test('says nothing of keys that only moved', () => {
    const object = (spec: Record<string, unknown>) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec,
    });
    const before = object({ replicas: 2, template: { image: 'a', args: ['x'] }, strategy: { type: 'Recreate' } });
    const after = object({ strategy: { type: 'Recreate' }, template: { args: ['x'], image: 'b' }, replicas: 2 });
    expect(
      objectDiff(before, after)
        .split('\n')
        .filter(line => /^[-+]/.test(line)),
    ).toEqual(['-    image: a', '+    image: b']);
  });
});
