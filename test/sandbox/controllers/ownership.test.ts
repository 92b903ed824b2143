import { afterEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';
import { type Cluster, deployment, startCluster } from './fixture.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const service = (spec: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', labels: { team: 'shop' } },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
});

const ported = () =>
  deployment({
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'x', ports: [{ name: 'http', containerPort: 8080 }] }] },
    },
  });

const slice = () => cluster.resources.list('endpointslices.discovery.k8s.io', { namespace: 'default' })[0];
const endpoints = () => cluster.resources.get('endpoints', 'default', 'web');

describe('Endpoints and EndpointSlices', () => {
  test('follow the pods: named ports resolved, not ready ones kept apart, gone with the Service', async () => {
    let ready = true;
    cluster = startCluster({ behaviour: () => (ready ? 'ready' : 'unready') });
    cluster.resources.create(service({ clusterIP: '10.0.0.7' }));
    await cluster.settle();
    expect(slice()?.endpoints).toEqual([]);
    cluster.resources.create(ported());
    await cluster.settle();
    expect(slice()).toMatchObject({
      metadata: {
        generateName: 'web-',
        labels: {
          team: 'shop',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    });
    expect(slice()?.endpoints.map((each: { conditions: object }) => each.conditions)).toEqual(
      Array(3).fill({ ready: true, serving: true, terminating: false }),
    );
    expect(endpoints()?.subsets).toMatchObject([{ ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }]);
    expect(endpoints()?.subsets[0].addresses).toHaveLength(3);
    ready = false;
    cluster.nudge();
    await cluster.settle();
    expect(endpoints()?.subsets[0]).not.toHaveProperty('addresses');
    expect(endpoints()?.subsets[0].notReadyAddresses).toHaveLength(3);
    expect(slice()?.endpoints.some((each: { conditions: { ready: boolean } }) => each.conditions.ready)).toBe(false);
    cluster.resources.delete('services', 'default', 'web', { propagationPolicy: 'Background' });
    await cluster.settle();
    expect(endpoints()).toBeUndefined();
    expect(slice()).toBeUndefined();
  });

  test('publishNotReadyAddresses tells of all of them as ready; a headless Service is labelled', async () => {
    cluster = startCluster({ behaviour: () => 'unready' });
    cluster.resources.create(service({ clusterIP: 'None', publishNotReadyAddresses: true }));
    cluster.resources.create(ported());
    await cluster.settle();
    expect(endpoints()?.subsets[0].addresses).toHaveLength(3);
    expect(slice()?.endpoints[0].conditions).toEqual({ ready: true, serving: false, terminating: false });
    expect(slice()?.metadata.labels).toHaveProperty('service.kubernetes.io/headless', '');
  });
});

const count = (resource: string) => cluster.resources.list(resource, { namespace: 'default' }).length;

describe('deletion', () => {
  test('background: the Deployment goes at once, its ReplicaSets and pods after it', async () => {
    cluster = startCluster();
    cluster.resources.create(deployment());
    await cluster.settle();
    cluster.resources.delete('deployments.apps', 'default', 'web', { propagationPolicy: 'Background' });
    expect(count('deployments.apps')).toBe(0);
    await cluster.settle();
    expect([count('replicasets.apps'), count('pods')]).toEqual([0, 0]);
  });

  test('foreground: the Deployment stays until the last pod is gone', async () => {
    cluster = startCluster();
    cluster.resources.create(deployment());
    await cluster.settle();
    const order: string[] = [];
    for (const resource of ['deployments.apps', 'replicasets.apps', 'pods']) {
      cluster.resources.watch(resource, ({ type, object }) => {
        if (type === 'DELETED') order.push(object.kind);
      });
    }
    cluster.resources.delete('deployments.apps', 'default', 'web', { propagationPolicy: 'Foreground' });
    await cluster.settle();
    expect(order).toEqual(['Pod', 'Pod', 'Pod', 'ReplicaSet', 'Deployment']);
  });

  test('orphan: the ReplicaSet stays with its pods, and a new Deployment of the same selector adopts it', async () => {
    cluster = startCluster();
    cluster.resources.create(deployment());
    await cluster.settle();
    const [before] = cluster.resources.list('replicasets.apps');
    cluster.resources.delete('deployments.apps', 'default', 'web', { propagationPolicy: 'Orphan' });
    await cluster.settle();
    expect([count('deployments.apps'), count('replicasets.apps'), count('pods')]).toEqual([0, 1, 3]);
    expect(cluster.resources.list('replicasets.apps')[0]?.metadata.ownerReferences).toBeUndefined();
    cluster.resources.create(deployment());
    await cluster.settle();
    const [after] = cluster.resources.list('replicasets.apps');
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect(after?.metadata.ownerReferences?.[0]?.kind).toBe('Deployment');
    expect(count('pods')).toBe(3);
  });

  test('a namespace takes everything in it along, and nothing new gets in meanwhile', async () => {
    cluster = startCluster();
    cluster.resources.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'gone' } });
    await cluster.settle();
    expect(cluster.resources.get('serviceaccounts', 'gone', 'default')).toBeDefined();
    expect(cluster.resources.get('configmaps', 'gone', 'kube-root-ca.crt')).toBeDefined();
    const web = deployment();
    cluster.resources.create({ ...web, metadata: { name: 'web', namespace: 'gone' } });
    await cluster.settle();
    cluster.resources.delete('namespaces', undefined, 'gone');
    expect(() => cluster.resources.create({ ...web, metadata: { name: 'late', namespace: 'gone' } })).toThrow('being terminated');
    await cluster.pass(5_000);
    expect(cluster.resources.get('namespaces', undefined, 'gone')).toBeUndefined();
    expect(cluster.resources.list('pods', { namespace: 'gone' })).toEqual([]);
    expect(cluster.resources.list('events', { namespace: 'gone' })).toEqual([]);
  });
});

test('adoption: a ReplicaSet takes in a pod that matches, releases one that is relabelled, and makes up for it', async () => {
  cluster = startCluster();
  cluster.resources.create(deployment());
  await cluster.settle();
  const [pod] = cluster.resources.list('pods');
  cluster.resources.modify('pods', 'default', pod?.metadata.name ?? '', draft => {
    draft.metadata.labels = { app: 'quarantine' };
  });
  await cluster.settle();
  expect(cluster.resources.get('pods', 'default', pod?.metadata.name ?? '')?.metadata.ownerReferences).toBeUndefined();
  expect(count('pods')).toBe(4);
});

test('a PodDisruptionBudget counts what may go', async () => {
  cluster = startCluster();
  cluster.resources.create(deployment());
  const budget = (name: string, spec: object) =>
    cluster.resources.create({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    });
  budget('two', { minAvailable: 2 });
  budget('third', { maxUnavailable: '34%' });
  await cluster.settle();
  const status = (name: string) => cluster.resources.get('poddisruptionbudgets.policy', 'default', name)?.status;
  expect(status('two')).toMatchObject({ currentHealthy: 3, desiredHealthy: 2, disruptionsAllowed: 1, expectedPods: 3 });
  expect(status('third')).toMatchObject({ currentHealthy: 3, desiredHealthy: 1, disruptionsAllowed: 2, expectedPods: 3 });
  expect(status('two').conditions[0]).toMatchObject({ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' });
});

describe('events', () => {
  const about: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default', uid: 'u' } };
  const source = { component: 'kubelet', host: 'node-1' };
  const list = () => cluster.resources.list('events').filter(event => event.involvedObject.name === 'p');

  test('the same again counts up; ten different messages of one reason are combined; spam is dropped', async () => {
    cluster = startCluster();
    for (let i = 0; i < 3; i++) cluster.recordEvent(about, 'Warning', 'BackOff', 'again', source);
    expect(list().map(event => [event.message, event.count])).toEqual([['again', 3]]);
    for (let i = 0; i < 12; i++) cluster.recordEvent(about, 'Normal', 'Pulled', `image ${i}`, source);
    const pulled = list().filter(event => event.reason === 'Pulled');
    expect(pulled).toHaveLength(10);
    expect(pulled.map(event => event.message).at(-1)).toBe('(combined from similar events): image 11');
    expect(pulled.at(-1)?.count).toBe(3);
    for (let i = 0; i < 40; i++) cluster.recordEvent(about, 'Warning', 'BackOff', 'again', source);
    expect(list().find(event => event.message === 'again')?.count).toBe(25);
    await cluster.pass(301_000);
    cluster.recordEvent(about, 'Warning', 'BackOff', 'again', source);
    expect(list().find(event => event.message === 'again')?.count).toBe(44);
  });

  test('an event is gone an hour after it last happened', async () => {
    cluster = startCluster();
    cluster.recordEvent(about, 'Normal', 'Started', 'started', source);
    await cluster.pass(1_800_000);
    cluster.recordEvent(about, 'Normal', 'Started', 'started', source);
    await cluster.pass(3_500_000);
    expect(list()).toHaveLength(1);
    await cluster.pass(200_000);
    expect(list()).toHaveLength(0);
  });
});
