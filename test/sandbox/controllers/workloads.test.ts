import { afterEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';
import { type Behaviour, type Cluster, follow, startCluster } from './fixture.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const template = (image = 'good') => ({
  metadata: { labels: { app: 'db' } },
  spec: { containers: [{ name: 'db', image }] },
});

const statefulSet = (overrides: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db', namespace: 'default' },
  spec: { replicas: 3, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: template(), ...overrides },
});

const byImage: Behaviour = pod => (pod.spec.containers[0].image === 'bad' ? 'unready' : 'ready');

const setImage = (resource: string, image: string) =>
  cluster.resources.modify(resource, 'default', 'db', draft => {
    draft.spec.template.spec.containers[0].image = image;
  });

const images = () => cluster.resources.list('pods').map(pod => `${pod.metadata.name}=${pod.spec.containers[0].image}`);

describe('StatefulSet', () => {
  test('pods are made one after the other, each once the one before is ready, with names that stay', async () => {
    cluster = startCluster();
    const order: string[] = [];
    cluster.resources.watch('pods', ({ type, object, previous }) => {
      if (type === 'ADDED') order.push(`created ${object.metadata.name}`);
      const ready = (pod: KubeObject | undefined) => pod?.status?.conditions?.[0]?.status === 'True';
      if (type === 'MODIFIED' && ready(object) && !ready(previous)) order.push(`ready ${object.metadata.name}`);
    });
    cluster.resources.create(statefulSet());
    await cluster.settle();
    expect(order).toEqual(['created db-0', 'ready db-0', 'created db-1', 'ready db-1', 'created db-2', 'ready db-2']);
    const pod = cluster.resources.get('pods', 'default', 'db-1');
    expect(pod?.metadata.labels).toMatchObject({
      'statefulset.kubernetes.io/pod-name': 'db-1',
      'apps.kubernetes.io/pod-index': '1',
      'controller-revision-hash': expect.stringMatching(/^db-[a-z0-9]+$/),
    });
    expect(pod?.spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' });
    const set = cluster.resources.get('statefulsets.apps', 'default', 'db');
    expect(set?.status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      availableReplicas: 3,
    });
    expect(set?.status.currentRevision).toBe(set?.status.updateRevision);
    expect(cluster.events('statefulset/db')).toEqual([
      'Normal SuccessfulCreate: create Pod db-0 in StatefulSet db successful',
      'Normal SuccessfulCreate: create Pod db-1 in StatefulSet db successful',
      'Normal SuccessfulCreate: create Pod db-2 in StatefulSet db successful',
    ]);
    expect(cluster.logged).toEqual([]);
  });

  test('an update goes from the highest ordinal down, and stops at the partition', async () => {
    cluster = startCluster();
    cluster.resources.create(statefulSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }));
    await cluster.settle();
    const deleted: string[] = [];
    cluster.resources.watch('pods', ({ type, object }) => {
      if (type === 'DELETED') deleted.push(object.metadata.name);
    });
    setImage('statefulsets.apps', 'better');
    await cluster.settle();
    expect(deleted).toEqual(['db-2', 'db-1']);
    expect(images()).toEqual(['db-0=good', 'db-1=better', 'db-2=better']);
  });

  test('the real trap: a broken pod blocks the rollback until somebody deletes it (kubernetes#67250)', async () => {
    cluster = startCluster({ behaviour: byImage });
    cluster.resources.create(statefulSet());
    await cluster.settle();
    setImage('statefulsets.apps', 'bad');
    await cluster.settle();
    expect(images()).toEqual(['db-0=good', 'db-1=good', 'db-2=bad']);
    setImage('statefulsets.apps', 'good');
    await cluster.pass(60_000);
    expect(images()).toEqual(['db-0=good', 'db-1=good', 'db-2=bad']);
    cluster.resources.delete('pods', 'default', 'db-2');
    await cluster.settle();
    expect(images()).toEqual(['db-0=good', 'db-1=good', 'db-2=good']);
    const revisions = cluster.resources.list('controllerrevisions.apps').map(revision => revision.revision);
    expect(revisions.sort()).toEqual([2, 3]);
  });

  test('Parallel makes all at once; fewer replicas take the highest away first; a failed pod is made again', async () => {
    cluster = startCluster();
    cluster.resources.create(statefulSet({ podManagementPolicy: 'Parallel' }));
    await cluster.settle();
    cluster.resources.modify(
      'pods',
      'default',
      'db-1',
      draft => {
        draft.status = { ...draft.status, phase: 'Failed' };
      },
      { subresource: 'status' },
    );
    await cluster.settle();
    expect(cluster.resources.list('pods').map(pod => pod.status.phase)).toEqual(['Running', 'Running', 'Running']);
    cluster.resources.modify('statefulsets.apps', 'default', 'db', draft => {
      draft.spec.replicas = 1;
    });
    await cluster.settle();
    expect(images()).toEqual(['db-0=good']);
  });
});

const daemonSet = (overrides: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'db', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'db' } }, template: template(), ...overrides },
});

describe('DaemonSet', () => {
  test('a pod on every node, on a new node too, none on one that does not fit', async () => {
    cluster = startCluster({ nodes: ['a', 'b'] });
    cluster.resources.create(daemonSet());
    await cluster.settle();
    const nodes = () =>
      cluster.resources
        .list('pods')
        .map(pod => pod.spec.nodeName)
        .sort();
    expect(nodes()).toEqual(['a', 'b']);
    cluster.resources.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'c' } });
    cluster.resources.create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'd' },
      spec: { taints: [{ key: 'own', effect: 'NoSchedule' }] },
    });
    await cluster.settle();
    expect(nodes()).toEqual(['a', 'b', 'c']);
    expect(cluster.resources.get('daemonsets.apps', 'default', 'db')?.status).toEqual({
      currentNumberScheduled: 3,
      desiredNumberScheduled: 3,
      numberMisscheduled: 0,
      numberReady: 3,
      numberAvailable: 3,
      updatedNumberScheduled: 3,
      observedGeneration: 1,
    });
  });

  test('a rolling update replaces one at a time, and a broken one keeps the rest as they are', async () => {
    cluster = startCluster({ nodes: ['a', 'b', 'c'], behaviour: byImage });
    cluster.resources.create(daemonSet());
    await cluster.settle();
    setImage('daemonsets.apps', 'better');
    await cluster.settle();
    expect(cluster.resources.list('pods').map(pod => pod.spec.containers[0].image)).toEqual(['better', 'better', 'better']);
    setImage('daemonsets.apps', 'bad');
    await cluster.settle();
    expect(
      cluster.resources
        .list('pods')
        .map(pod => pod.spec.containers[0].image)
        .sort(),
    ).toEqual(['bad', 'better', 'better']);
    setImage('daemonsets.apps', 'better');
    await cluster.settle();
    expect(cluster.resources.list('pods').map(pod => pod.spec.containers[0].image)).toEqual(['better', 'better', 'better']);
    expect(
      cluster.resources
        .list('controllerrevisions.apps')
        .map(({ revision }) => revision)
        .sort(),
    ).toEqual([1, 3, 4]);
  });

  test('with maxSurge the new pod is there before the old one goes', async () => {
    cluster = startCluster({ nodes: ['a'], behaviour: byImage });
    cluster.resources.create(
      daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
    );
    await cluster.settle();
    setImage('daemonsets.apps', 'bad');
    await cluster.settle();
    expect(
      cluster.resources
        .list('pods')
        .map(pod => pod.spec.containers[0].image)
        .sort(),
    ).toEqual(['bad', 'good']);
    setImage('daemonsets.apps', 'better');
    await cluster.settle();
    expect(cluster.resources.list('pods').map(pod => pod.spec.containers[0].image)).toEqual(['better']);
  });
});

const job = (overrides: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'once', namespace: 'default' },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'good' }] } }, ...overrides },
});

const conditions = () =>
  (cluster.resources.get('jobs.batch', 'default', 'once')?.status.conditions ?? []).map(
    (condition: { type: string; reason: string }) => `${condition.type}/${condition.reason}`,
  );

describe('Job', () => {
  test('completes with upstream conditions, counts each pod once, lets its pods go', async () => {
    cluster = startCluster({ behaviour: () => 'succeed' });
    cluster.resources.create(job({ completions: 3, parallelism: 2 }));
    await cluster.pass(10_000);
    expect(conditions()).toEqual(['SuccessCriteriaMet/CompletionsReached', 'Complete/CompletionsReached']);
    const { status } = cluster.resources.get('jobs.batch', 'default', 'once') as KubeObject;
    expect(status).toMatchObject({ succeeded: 3, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(cluster.resources.list('pods').flatMap(pod => pod.metadata.finalizers ?? [])).toEqual([]);
    expect(cluster.events('job/once').map(event => event.replace(/once-\w+/, 'X'))).toEqual([
      'Normal SuccessfulCreate: Created pod: X',
      'Normal SuccessfulCreate: Created pod: X',
      'Normal SuccessfulCreate: Created pod: X',
      'Normal Completed: Job completed',
    ]);
  });

  test('retries after 10 s and 20 s, then fails at its backoffLimit', async () => {
    cluster = startCluster({ behaviour: () => 'fail' });
    const start = cluster.clock.now();
    const created: number[] = [];
    cluster.resources.watch('pods', ({ type }) => {
      if (type === 'ADDED') created.push(Math.round((cluster.clock.now() - start) / 1000));
    });
    cluster.resources.create(job({ backoffLimit: 2 }));
    await cluster.pass(60_000);
    expect(created).toEqual([0, 10, 30]);
    expect(conditions()).toEqual(['FailureTarget/BackoffLimitExceeded', 'Failed/BackoffLimitExceeded']);
    expect(cluster.resources.get('jobs.batch', 'default', 'once')?.status.failed).toBe(3);
    expect(cluster.events('job/once').at(-1)).toBe('Warning BackoffLimitExceeded: Job has reached the specified backoff limit');
  });

  test('activeDeadlineSeconds ends it, suspend stops and resumes it, a TTL removes it', async () => {
    cluster = startCluster();
    cluster.resources.create(job({ activeDeadlineSeconds: 5, ttlSecondsAfterFinished: 3, suspend: true }));
    await cluster.pass(10_000);
    expect(cluster.resources.list('pods')).toEqual([]);
    expect(conditions()).toEqual(['Suspended/JobSuspended']);
    cluster.resources.modify('jobs.batch', 'default', 'once', draft => {
      draft.spec.suspend = false;
    });
    await cluster.pass(2_000);
    expect(cluster.resources.list('pods')).toHaveLength(1);
    await cluster.pass(5_000);
    expect(conditions()).toEqual(['Suspended/JobResumed', 'FailureTarget/DeadlineExceeded', 'Failed/DeadlineExceeded']);
    await cluster.pass(5_000);
    expect(cluster.resources.get('jobs.batch', 'default', 'once')).toBeUndefined();
    expect(cluster.resources.list('pods')).toEqual([]);
  });
});

test('a StatefulSet status is never written without need: an idle cluster is silent', async () => {
  cluster = startCluster();
  cluster.resources.create(statefulSet());
  cluster.resources.create({ ...daemonSet(), metadata: { name: 'ds', namespace: 'default' } });
  await cluster.settle();
  const writes = ['statefulsets.apps', 'daemonsets.apps', 'pods', 'controllerrevisions.apps'].map(resource =>
    follow(cluster, resource, object => object.metadata as never),
  );
  for (const lines of writes) lines.length = 0;
  cluster.nudge();
  await cluster.pass(120_000);
  expect(writes).toEqual([[], [], [], []]);
});
