/** ControllerRevisions: the drill's must go when it is over, and nobody else's. A DaemonSet does not even say which one is live. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownedRevisions, putBack, removeDrillRevisions } from '../../src/cluster/restore.ts';
import { settle } from '../../src/cluster/settle.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from './live-clusters.ts';

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  // Say it plainly: without REHEARSE_TEST_KUBECONFIG nothing here was compared with real Kubernetes.
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])('the history of ControllerRevisions on $kind Kubernetes', { timeout: 120_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  beforeAll(async () => {
    if (!skipped) live = await liveCluster(kind, `history-${process.pid}`);
  });
  afterAll(async () => {
    await live?.stop();
  });

  test.skipIf(skipped).each(['DaemonSet', 'StatefulSet'] as const)(
    'of a %s: no later undo goes back to the bad deploy',
    async workloadKind => {
      const ref = roleContext(live, workloadKind, 'agent').target;
      const signal = AbortSignal.timeout(90_000);
      const settled = () => settle(live.cluster, systemClock, ref, signal);
      const get = async () => (await live.cluster.get(ref)) as RawObject;
      const colours = async () =>
        (await ownedRevisions(live.cluster, await get()))
          .map(revision => JSON.stringify(revision['data']).match(/"COLOUR","value":"(\w+)"/)?.[1])
          .sort();
      const paint = async (value: string) => {
        const containers = [{ name: 'main', env: [{ name: 'COLOUR', value }] }];
        await live.cluster.patch(ref, { spec: { template: { spec: { containers } } } }, 'strategic');
        await settled();
      };
      await live.cluster.create(workload(live, workloadKind, 'agent'));
      await settled();
      await paint('blue');
      const before = await get();
      const revisions = (await ownedRevisions(live.cluster, before)).flatMap(({ metadata }) => metadata.uid ?? []);
      const path = ['spec', 'template', 'spec', 'containers', '[name=main]', 'env', '[name=COLOUR]'];
      const drill = [{ path, value: { name: 'COLOUR', value: 'red' } }];
      const entries = [{ object: { ...ref, uid: String(before.metadata.uid) }, before, revisions, drill }];

      await paint('red');
      expect(await colours()).toEqual(['blue', 'green', 'red']);
      // While it is live it stays, whoever asks.
      expect(await removeDrillRevisions(live.cluster, entries)).toEqual([]);
      expect(await putBack(live.cluster, entries, { clock: systemClock, signal })).toMatchObject([
        { action: 'put-back', equal: true },
      ]);
      await settled();
      expect(await removeDrillRevisions(live.cluster, entries)).toHaveLength(1);
      expect(await colours()).toEqual(['blue', 'green']);
    },
  );
});
