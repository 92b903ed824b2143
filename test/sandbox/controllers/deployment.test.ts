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
