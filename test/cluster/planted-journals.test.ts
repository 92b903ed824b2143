/**
 * A journal in a cluster is carried out by whoever restores. Somebody who may create Secrets and not much else must not get more by it than
 * a drill does in that namespace; and one that is damaged must not keep the others from being restored.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { clusterJournals, type UndoJournal } from '../../src/cluster/undo-journal.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { type LiveCluster, liveCluster } from './live-clusters.ts';

const namespace = 'shop-staging';
const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'payments', uid: 'u-1' };
const before = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'payments', namespace, uid: 'u-1' }, spec: {} };
const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name: 'rehearse-deployment-payments' };
const honest: UndoJournal = {
  version: 1,
  runId: '20261126-100000-error-rate-ab12',
  scenario: 'error-rate',
  writtenAt: '2026-11-26T10:00:00Z',
  deadline: '2026-11-26T10:08:00Z',
  by: 'mira',
  host: 'laptop-7',
  pid: 1,
  provider: 'context',
  context: 'staging',
  server: 'https://staging',
  namespace,
  lease,
  steadyState: { target, probes: [{ name: 'checkout', service: 'frontend', port: 80 }] },
  entries: [{ object: target, before, revisions: [] }],
};

let live: LiveCluster;
beforeAll(async () => {
  live = await liveCluster('sandbox', namespace);
});
afterAll(() => live.stop());
let planted: string[] = [];
afterEach(async () => {
  for (const name of planted) await live.cluster.delete({ apiVersion: 'v1', kind: 'Secret', namespace, name });
  planted = [];
});

async function plant(content: unknown, name = `rehearse-undo-${honest.runId}`) {
  planted.push(name);
  await live.cluster.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: { 'rehearse.dev/undo': 'pending' } },
    data: { 'journal.json': Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)).toString('base64') },
  });
}

const entry = (object: object, more: Partial<RawObject> = {}) => ({
  entries: [{ object, before: { ...before, ...more }, revisions: [] }],
});
const admin = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', name: 'me-too' };
const LIES: [string, object, RegExp][] = [
  [
    'a right over the cluster',
    entry(admin, { ...admin, metadata: { name: 'me-too' } }),
    /ClusterRoleBinding\/me-too, which no drill changes/,
  ],
  ['an object of another namespace', entry({ ...target, namespace: 'kube-system' }), /of namespace kube-system/],
  [
    'an object under the name of another',
    entry(target, { metadata: { ...before.metadata, namespace: 'kube-system' } }),
    /is not Deployment\/payments/,
  ],
  ['a kind under the name of another', entry(target, { kind: 'Pod', apiVersion: 'v1' }), /is not Deployment\/payments/],
  [
    'a ConfigMap that was there',
    entry({ ...target, apiVersion: 'v1', kind: 'ConfigMap' }),
    /ConfigMap\/payments, which no drill changes/,
  ],
  ['the lease of a controller', { lease: { ...lease, name: 'kube-scheduler' } }, /Lease\/kube-scheduler as a lease/],
  ['a lease of another namespace', { otherLeases: [{ ...lease, namespace: 'kube-system' }] }, /a lease of namespace kube-system/],
  [
    'requests to another namespace',
    { steadyState: { target: { ...target, namespace: 'kube-system' } } },
    /a target of namespace kube-system/,
  ],
  ['a path as its run', { runId: '../../../home/mira/.ssh/x' }, /it says that it is of run/],
  ['to be of a run whose name it does not have', { runId: '20261126-100000-latency-cd34' }, /it says that it is of run/],
  ['to be of another namespace', { namespace: 'production' }, /a drill of namespace production/],
];

describe('a journal in the cluster', () => {
  test('of a drill is taken, but for what only its own machine may be told', async () => {
    await plant({ ...honest, kubeconfig: '/tmp/evil-kubeconfig', directory: '/tmp/evil' });
    expect(await clusterJournals(live.cluster, namespace)).toEqual({ journals: [honest], unusable: [] });
  });

  test.each(LIES)('that asks for %s is not restored from', async (_what, lie, told) => {
    await plant({ ...honest, ...lie });
    const { journals, unusable } = await clusterJournals(live.cluster, namespace);
    expect(journals).toEqual([]);
    expect(unusable).toMatchObject([{ secret: planted[0], problem: expect.stringMatching(told) }]);
  });

  test('does not make the machine of whoever restores ask a URL', async () => {
    await plant({ ...honest, steadyState: { target, probes: [{ name: 'p', url: 'http://169.254.169.254/latest' }] } });
    const { journals } = await clusterJournals(live.cluster, namespace);
    expect(journals).toHaveLength(1);
    expect(JSON.stringify(journals)).not.toContain('169.254');
  });

  test.each([
    ['that is no JSON', 'not json', /cannot be read/],
    ['of a later version', JSON.stringify({ ...honest, version: 2 }), /cannot be read:.*version/],
    ['that is empty', '', /cannot be read/],
  ])('%s is told, and the others are found', async (_what, content, told) => {
    await plant(content, 'rehearse-undo-damaged');
    await plant(honest);
    const { journals, unusable } = await clusterJournals(live.cluster, namespace);
    expect(journals.map(({ runId }) => runId)).toEqual([honest.runId]);
    expect(unusable).toMatchObject([{ secret: 'rehearse-undo-damaged', problem: expect.stringMatching(told) }]);
  });
});
