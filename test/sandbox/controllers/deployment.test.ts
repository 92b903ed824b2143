import { afterEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';
import { type Cluster, deployment, follow, startCluster } from './fixture.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const facts = (object: KubeObject) => ({
  revision: object.metadata.annotations?.['deployment.kubernetes.io/revision'],
  spec: object.spec.replicas,
  replicas: object.status?.replicas || undefined,
  updated: object.status?.updatedReplicas,
  ready: object.status?.readyReplicas,
  available: object.status?.availableReplicas,
  unavailable: object.status?.unavailableReplicas,
  unseen: (object.metadata.generation ?? 0) - (object.status?.observedGeneration ?? 0) || undefined,
  ...Object.fromEntries(
    (object.status?.conditions ?? []).map((condition: { type: string; status: string; reason: string }) => [
      condition.type,
      `${condition.status}/${condition.reason}`,
    ]),
  ),
});

const setImage = (image: string) =>
  cluster.resources.modify('deployments.apps', 'default', 'web', draft => {
    draft.spec.template.spec.containers[0].image = image;
  });

describe('a Deployment as an observer of real Kubernetes sees it (facts/observed)', () => {
  test('apply: created, revision and condition first, unavailable, then pods counted, then complete', async () => {
    cluster = startCluster();
    const seen = follow(cluster, 'deployments.apps', facts);
    cluster.resources.create(deployment());
    await cluster.settle();
    expect(seen).toEqual([
      'spec=3 unseen=1',
      'revision=1 Progressing=True/NewReplicaSetCreated',
      'unavailable=3 unseen=none Available=False/MinimumReplicasUnavailable',
      'replicas=3 updated=3 Progressing=True/ReplicaSetUpdated',
      'ready=3 available=3 unavailable=none Available=True/MinimumReplicasAvailable Progressing=True/NewReplicaSetAvailable',
    ]);
    expect(cluster.events('deployment/web').map(event => event.replace(/web-[a-z0-9]+/, 'web-X'))).toEqual([
      'Normal ScalingReplicaSet: Scaled up replica set web-X from 0 to 3',
    ]);
    expect(cluster.logged).toEqual([]);
  });

  test('a bad image holds at one surge pod, misses its deadline, and undo scales the bad ReplicaSet to 0', async () => {
    cluster = startCluster({ behaviour: pod => (pod.spec.containers[0].image.endsWith('nope') ? 'unready' : 'ready') });
    cluster.resources.create(deployment());
    await cluster.settle();
    const seen = follow(cluster, 'deployments.apps', facts);
    seen.length = 0;
    setImage('lab/busybox:nope');
    await cluster.settle();
    expect(seen).toEqual([
      'unseen=1',
      'revision=2 Progressing=True/NewReplicaSetCreated',
      'updated=none unavailable=1 unseen=none',
      'replicas=4 updated=1 Progressing=True/ReplicaSetUpdated',
    ]);
    seen.length = 0;
    await cluster.pass(9_000);
    expect(seen).toEqual([]);
    await cluster.pass(3_000);
    expect(seen).toEqual(['Progressing=False/ProgressDeadlineExceeded']);
    seen.length = 0;
    setImage('lab/busybox:1');
    await cluster.settle();
    expect(seen).toEqual([
      'unseen=1',
      'revision=3',
      'updated=3 unavailable=none unseen=none Progressing=True/ReplicaSetUpdated',
      'replicas=3 Progressing=True/NewReplicaSetAvailable',
    ]);
    const sets = cluster.resources.list('replicasets.apps');
    expect(
      sets.map(set => [
        set.spec.replicas,
        set.metadata.annotations?.['deployment.kubernetes.io/revision'],
        set.metadata.annotations?.['deployment.kubernetes.io/revision-history'],
      ]),
    ).toEqual(
      expect.arrayContaining([
        [3, '3', '1'],
        [0, '2', undefined],
      ]),
    );
  });
});

const change = (edit: (draft: KubeObject) => void) =>
  cluster.resources.modify('deployments.apps', 'default', 'web', draft => edit(draft));

/** The sizes of ReplicaSets over time, oldest first. */
function followSizes(): string[] {
  const sizes = new Map<string, { revision: number; size: number }>();
  const lines: string[] = [];
  const see = ({ metadata: { name, annotations }, spec }: KubeObject) => {
    const revision = sizes.get(name)?.revision ?? Number(annotations?.['deployment.kubernetes.io/revision']);
    sizes.set(name, { revision, size: spec.replicas });
  };
  for (const set of cluster.resources.list('replicasets.apps')) see(set);
  cluster.resources.watch('replicasets.apps', ({ type, object }) => {
    if (type === 'DELETED') sizes.delete(object.metadata.name);
    else see(object);
    const ordered = [...sizes.values()].sort((a, b) => a.revision - b.revision);
    const line = ordered.map(({ size }) => size).join(' ');
    if (lines.at(-1) !== line) lines.push(line);
  });
  return lines;
}

describe('rolling update', () => {
  test('by default one more pod at a time, and an old one goes only when a new one is available', async () => {
    cluster = startCluster();
    cluster.resources.create(deployment());
    await cluster.settle();
    const sizes = followSizes();
    setImage('next');
    await cluster.settle();
    expect(sizes).toEqual(['3', '3 1', '2 1', '2 2', '1 2', '1 3', '0 3']);
  });

  test('maxUnavailable 100% replaces all at once; maxSurge 100% starts all beside the old ones', async () => {
    cluster = startCluster();
    cluster.resources.create(deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '100%' } } }));
    await cluster.settle();
    const sizes = followSizes();
    setImage('next');
    await cluster.settle();
    expect(sizes).toEqual(['3', '3 0', '0 0', '0 3']);
    change(draft => {
      draft.spec.strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: 0 } };
    });
    setImage('third');
    await cluster.settle();
    expect(sizes.slice(4)[0]).toBe('0 3 3');
    expect(sizes.at(-1)).toBe('0 0 3');
  });

  test('with minReadySeconds a ready pod counts only after that time', async () => {
    cluster = startCluster();
    cluster.resources.create(deployment({ replicas: 1, minReadySeconds: 5 }));
    await cluster.pass(4_000);
    expect(cluster.resources.get('deployments.apps', 'default', 'web')?.status).toMatchObject({
      readyReplicas: 1,
      unavailableReplicas: 1,
    });
    await cluster.pass(2_000);
    expect(cluster.resources.get('deployments.apps', 'default', 'web')?.status).toMatchObject({
      readyReplicas: 1,
      availableReplicas: 1,
    });
  });

  test('a change during a stuck rollout drops the broken pods first', async () => {
    cluster = startCluster({ behaviour: pod => (pod.spec.containers[0].image === 'bad' ? 'unready' : 'ready') });
    cluster.resources.create(deployment());
    await cluster.settle();
    setImage('bad');
    await cluster.settle();
    const sizes = followSizes();
    setImage('next');
    await cluster.settle();
    expect(sizes.slice(0, 4)).toEqual(['3 1', '3 1 0', '3 0 0', '3 0 1']);
    expect(sizes.at(-1)).toBe('0 0 3');
  });
});

test('Recreate starts nothing new before the last old pod is gone', async () => {
  cluster = startCluster();
  cluster.resources.create(deployment({ strategy: { type: 'Recreate' } }));
  await cluster.settle();
  const pods: string[] = [];
  cluster.resources.watch('pods', ({ type, object }) => {
    if (type !== 'MODIFIED') pods.push(`${type} ${object.spec.containers[0].image}`);
  });
  pods.length = 0;
  setImage('next');
  await cluster.settle();
  expect(pods).toEqual([...Array(3).fill('DELETED lab/busybox:1'), ...Array(3).fill('ADDED next')]);
});

test('paused: no rollout, but it scales; resumed: it goes on, and says both', async () => {
  cluster = startCluster();
  cluster.resources.create(deployment());
  await cluster.settle();
  const progress = follow(cluster, 'deployments.apps', object => ({
    Progressing: (facts(object) as Record<string, unknown>).Progressing,
  }));
  const sizes = followSizes();
  change(draft => {
    draft.spec.paused = true;
  });
  setImage('next');
  change(draft => {
    draft.spec.replicas = 5;
  });
  await cluster.settle();
  expect(sizes).toEqual(['3', '5']);
  change(draft => {
    draft.spec.paused = false;
  });
  await cluster.settle();
  expect(sizes.at(-1)).toBe('0 5');
  expect(progress).toEqual([
    'Progressing=True/NewReplicaSetAvailable',
    'Progressing=Unknown/DeploymentPaused',
    // As upstream: the write of NewReplicaSetCreated conflicts with that of the resumption before it.
    'Progressing=Unknown/DeploymentResumed',
    'Progressing=True/ReplicaSetUpdated',
    'Progressing=True/NewReplicaSetAvailable',
  ]);
});

test('revisions: the change cause goes along, a rollback is renumbered, and revisionHistoryLimit takes the oldest away', async () => {
  cluster = startCluster();
  const cause = (text: string) =>
    change(draft => {
      draft.metadata.annotations = { ...draft.metadata.annotations, 'kubernetes.io/change-cause': text };
    });
  cluster.resources.create(deployment({ replicas: 1, revisionHistoryLimit: 2 }));
  cause('first');
  await cluster.settle();
  for (const image of ['second', 'third']) {
    setImage(image);
    cause(image);
    await cluster.settle();
  }
  const known = () =>
    Object.fromEntries(
      cluster.resources
        .list('replicasets.apps')
        .map(({ spec, metadata: { annotations = {} } }) => [
          spec.template.spec.containers[0].image,
          `${annotations['deployment.kubernetes.io/revision']} ${annotations['kubernetes.io/change-cause']} ${annotations['deployment.kubernetes.io/revision-history'] ?? '-'}`,
        ]),
    );
  expect(known()).toEqual({ 'lab/busybox:1': '1 first -', second: '2 second -', third: '3 third -' });
  setImage('second');
  await cluster.settle();
  expect(known().second).toBe('4 third 2');
  setImage('fourth');
  await cluster.settle();
  expect(Object.keys(known()).sort()).toEqual(['fourth', 'second', 'third']);
});

test('a ReplicaSet that cannot make its pods says why, and so does its Deployment', async () => {
  cluster = startCluster();
  const web = deployment({ replicas: 2 });
  // Passes as a template, is refused as a pod: as a quota or an admission webhook would refuse it.
  const { create } = cluster.resources;
  cluster.resources.create = ((object, options) => {
    if (object.kind === 'Pod') throw new Error('exceeded quota: pods');
    return create(object, options);
  }) as typeof create;
  cluster.resources.create(web);
  await cluster.settle();
  const conditions = (resource: string) => cluster.resources.list(resource)[0]?.status.conditions;
  expect(conditions('replicasets.apps')).toMatchObject([
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota: pods' },
  ]);
  expect(conditions('deployments.apps')).toContainEqual(
    expect.objectContaining({ type: 'ReplicaFailure', reason: 'FailedCreate', message: 'exceeded quota: pods' }),
  );
  cluster.resources.create = create;
  await cluster.pass(60_000);
  expect(cluster.resources.list('pods')).toHaveLength(2);
  expect(conditions('deployments.apps').map((each: { type: string }) => each.type)).not.toContain('ReplicaFailure');
});

test('annotations of a Deployment are a new generation, because its ReplicaSets get them', async () => {
  cluster = startCluster();
  cluster.resources.create(deployment());
  await cluster.settle();
  change(draft => {
    draft.metadata.annotations = { ...draft.metadata.annotations, team: 'shop' };
  });
  await cluster.settle();
  const { metadata, status } = cluster.resources.get('deployments.apps', 'default', 'web') as KubeObject;
  expect([metadata.generation, status.observedGeneration]).toEqual([2, 2]);
  expect(cluster.resources.list('replicasets.apps')[0]?.metadata.annotations).toHaveProperty('team', 'shop');
});
