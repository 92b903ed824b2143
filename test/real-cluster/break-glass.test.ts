/** Break-glass access by a service account, for which a token is requested that expires by itself. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LiveCluster, liveCluster, realKubeconfig } from '../cluster/live-clusters.ts';
import { follow, step } from '../runbook/following.ts';
import { scriptedPerson } from '../runbook/practising.ts';

const FRONT = `---
breakGlass:
  procedure: Ask the incident commander.
  account: serviceaccount/elevated
  expires: 30m
---
`;
const WHO = "kubectl auth whoami -o jsonpath='{.status.userInfo.username}'";

describe.skipIf(!realKubeconfig)('break-glass on a real cluster (needs REHEARSE_TEST_KUBECONFIG)', () => {
  const namespace = `break-glass-${process.pid}`;
  let live: LiveCluster;
  beforeAll(async () => {
    live = await liveCluster('real', namespace);
    await live.cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'elevated', namespace } });
  });
  afterAll(() => live?.stop());

  test('the marked step runs as the service account, the steps around it as the person', async () => {
    const book = `${FRONT}${step('Before', '', WHO)}${step('Unlock', 'breakGlass: true', WHO)}${step('After', '', WHO)}`;
    const run = await follow(book, {
      kubeconfig: realKubeconfig as string,
      cluster: live.cluster,
      namespace,
      person: scriptedPerson([
        ['Why is it needed', 'my own account may not'],
        ['For how many minutes', '10'],
      ]),
      actions: { reached: () => true },
    });
    expect(run.finished.map(one => one.error ?? one.output)).toEqual([
      'kubernetes-admin',
      `system:serviceaccount:${namespace}:elevated`,
      'kubernetes-admin',
    ]);
    expect(run.events.filter(event => event.type.startsWith('break-glass')).map(event => event.type)).toEqual([
      'break-glass.opened',
      'break-glass.used',
      'break-glass.closed',
    ]);
  });
});
