import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { guardObjects, guardPermissions } from '../../src/cluster/cluster-guard/manifests.ts';
import { judgeRuns } from '../../src/cluster/runs-at-work.ts';
import { clusterJournals, type UndoJournal, writeClusterJournal } from '../../src/cluster/undo-journal.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import { type LiveCluster, liveCluster } from './live-clusters.ts';

const namespace = 'guarded';
const signal = AbortSignal.timeout(60_000);

describe('the guard in the cluster judges', () => {
  let live: LiveCluster;
  beforeAll(async () => {
    live = await liveCluster('sandbox', namespace);
  });
  afterAll(() => live.stop());
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const leaseRef = (runId: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    namespace,
    name: `rehearse-${runId}`,
  });
  const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

  /** A run that left its journal in the cluster; with a lease, renewed at the given time by its own clock. */
  async function run(runId: string, deadline: string, options: { renewTime?: string; holder?: string; blind?: boolean } = {}) {
    const journal: UndoJournal = {
      version: 1,
      runId,
      scenario: 'error-rate',
      writtenAt: inMs(-600_000),
      deadline,
      by: 'ada',
      host: 'laptop',
      pid: 1,
      provider: 'context',
      context: 'test',
      server: 'https://test',
      namespace,
      lease: leaseRef(runId),
      ...(options.blind ? { blind: true } : {}),
      entries: [],
    };
    const secret = await writeClusterJournal(live.cluster, journal);
    cleanups.push(() => live.cluster.delete(secret));
    if (options.renewTime === undefined) return;
    await live.cluster.create({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: leaseRef(runId).name, namespace },
      spec: {
        holderIdentity: options.holder ?? runId,
        leaseDurationSeconds: 30,
        renewTime: options.renewTime.replace('Z', '000Z'),
      },
    });
    cleanups.push(() => live.cluster.delete(leaseRef(runId)));
  }
  /** What it says, with what happens while it watches the leases. */
  async function judge(meanwhile: () => Promise<unknown> = async () => {}) {
    let watchedMs = 0;
    const clock = {
      ...systemClock,
      monotonicMs: () => watchedMs,
      async sleep(ms: number) {
        watchedMs += ms;
        await meanwhile();
      },
    };
    const { journals, unusable } = await clusterJournals(live.cluster, namespace);
    expect(unusable).toEqual([]);
    const judged = await judgeRuns(live.cluster, journals, clock, signal);
    return { watchedMs, states: Object.fromEntries(judged.map(({ journal, state }) => [journal.runId, state])) };
  }

  test('a run before its deadline is left alone, whatever its lease says', async () => {
    await run('drill', inMs(60_000), { renewTime: inMs(-600_000) });
    expect(await judge()).toEqual({ watchedMs: 0, states: { drill: 'running' } });
  });

  test('a run past its deadline that still renews its lease is left alone, although its clock is behind', async () => {
    await run('late', inMs(-1000), { renewTime: inMs(-600_000) });
    const renew = () => live.cluster.patch(leaseRef('late'), { spec: { renewTime: '2020-01-01T00:00:00.000000Z' } }, 'merge');
    expect(await judge(renew)).toEqual({ watchedMs: 2000, states: { late: 'renewed' } });
  });

  test('a run past its deadline whose lease nobody renews has expired, although its clock is ahead', async () => {
    await run('dead', inMs(-1000), { renewTime: inMs(600_000) });
    expect(await judge()).toEqual({ watchedMs: 30_000, states: { dead: 'expired' } });
  });

  test('a run past its deadline without a lease of its own has expired at once, a sealed one too', async () => {
    await run('unleased', inMs(-1000));
    await run('taken', inMs(-1000), { renewTime: inMs(0), holder: 'another' });
    await run('blind', inMs(-1000), { blind: true });
    expect(await judge()).toEqual({ watchedMs: 0, states: { unleased: 'expired', taken: 'expired', blind: 'expired' } });
  });
});

test('the guard may do nothing outside of its namespace, and nothing that a restore does not', () => {
  const objects = guardObjects('shop', 'image');
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}`)).toEqual([
    'ServiceAccount shop',
    'Role shop',
    'RoleBinding shop',
    'CronJob shop',
  ]);
  const verbs = (resource: string) => guardPermissions().flatMap(one => (one.resource === resource ? [one.verb] : []));
  // No Secret can be written with it, and no journal be made up by way of it.
  expect(verbs('secrets')).toEqual(['list', 'delete']);
  expect(verbs('pods/exec')).toEqual([]);
  expect(guardPermissions().filter(({ verb, resource, group }) => [verb, resource, group].includes('*'))).toEqual([]);
});
