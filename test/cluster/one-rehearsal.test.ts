/** One rehearsal per target: who comes second learns who is there, and leaves the first one's work alone; who lost the target notices. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { leaseFor } from '../../src/cluster/lease.ts';
import { createSafetyNet, restoreJournal, type SafetyNetOptions } from '../../src/cluster/safety-net.ts';
import { clusterJournals } from '../../src/cluster/undo-journal.ts';
import { createFault } from '../../src/faults/faults.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from './live-clusters.ts';

/** A clock whose sleeps, the one between two renewals that is, end when the test says so. */
function stepped() {
  const sleeping: (() => void)[] = [];
  const sleep = () =>
    new Promise<void>(resolve => {
      sleeping.push(resolve);
    });
  return { clock: { ...systemClock, sleep }, renew: () => sleeping.splice(0).forEach(wake => void wake()) };
}

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  // Say it plainly: without REHEARSE_TEST_KUBECONFIG nothing here was compared with real Kubernetes.
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])('two rehearsals of one target on $kind Kubernetes', { timeout: 120_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  let stateDir: string;
  beforeAll(async () => {
    if (!skipped) live = await liveCluster(kind, `rivals-${process.pid}`);
  });
  afterAll(async () => {
    await live?.stop();
  });
  const ref = () => roleContext(live, 'Deployment', 'payments').target;
  const get = async () => (await live.cluster.get(ref())) as RawObject;
  const colour = async () => (await get())['spec'].template.spec.containers[0].env[0].value;
  const journals = async () => (await clusterJournals(live.cluster, live.namespace)).journals;
  beforeEach(async () => {
    if (skipped) return;
    stateDir = await mkdtemp(join(tmpdir(), 'rehearse-rivals-'));
    const object = workload(live, 'Deployment', 'payments');
    object['spec'].replicas = 0;
    await live.cluster.create(object);
  });
  afterEach(async () => {
    if (skipped) return;
    await live.cluster.delete(ref(), { propagationPolicy: 'Foreground' });
    await expect.poll(() => live.cluster.get(ref()), { timeout: 60_000 }).toBeUndefined();
    await live.cluster.delete(leaseFor(ref())).catch(() => {});
    for (const { runId } of await journals())
      await live.cluster.delete({ apiVersion: 'v1', kind: 'Secret', namespace: live.namespace, name: `rehearse-undo-${runId}` });
    await rm(stateDir, { recursive: true, force: true });
  });

  async function planned(runId: string, more: Partial<SafetyNetOptions> = {}) {
    const context = roleContext(live, 'Deployment', 'payments');
    const fault = createFault({ kind: 'env', env: { COLOUR: 'red' } });
    const changes = await fault.plan(context);
    const state = join(stateDir, runId);
    const safety = createSafetyNet({
      cluster: live.cluster,
      clock: systemClock,
      target: context.target,
      namespace: live.namespace,
      runId,
      scenario: 'error-rate',
      operator: runId === 'first' ? 'mira' : 'olu',
      provider: 'context',
      kubeconfig: undefined,
      optIns: [],
      stateDir: state,
      ...more,
    });
    const lost: string[] = [];
    return {
      safety,
      lost,
      state,
      writeUndo: () => safety.writeUndo(changes, new Date(Date.now() + 480_000)),
      acquire: () => safety.acquireLease(AbortSignal.timeout(100_000), why => void lost.push(why)),
      inject: () => fault.inject(context, changes),
    };
  }

  test.skipIf(skipped)(
    'who loses the race learns who, since when and from where, and does not take the bad deploy of the winner for its own',
    async () => {
      const second = await planned('second');
      const first = await planned('first');
      await first.writeUndo();
      await first.acquire();
      await first.inject();
      await second.writeUndo();
      await expect(second.acquire()).rejects.toThrow(
        /first, holds the lease.*run first \(error-rate\) by mira from .+, since 20/,
      );
      expect(await colour()).toBe('red');
      expect((await journals()).map(({ runId }) => runId)).toEqual(['first']);
      expect(await readdir(join(second.state, 'undo'))).toEqual([]);

      // Later on, before it has read anything, it is told the same.
      const checks = await second.safety.preflight();
      const told = checks.find(check => !check.ok);
      expect(told?.detail).toMatch(
        /run first \(error-rate\) by mira from .+, since 20.+, until 20.+; its lease was renewed \d+ s ago/,
      );
      expect(told?.remedy).toContain('create configmap rehearse-halt');

      const restored = await first.safety.restore(AbortSignal.timeout(60_000));
      expect(restored).toMatchObject({ proven: true, objects: [{ action: 'put-back' }] });
      await first.safety.release({ proven: true });
      expect(await journals()).toEqual([]);
    },
  );

  test.skipIf(skipped)(
    'a run whose target was restored by others notices before it changes anything, and at its next renewal',
    async () => {
      const { clock, renew } = stepped();
      const { safety, lost, writeUndo, acquire } = await planned('first', { clock });
      await writeUndo();
      await acquire();
      await safety.confirm();
      renew();
      await expect.poll(async () => (await live.cluster.get(leaseFor(ref())))?.metadata['managedFields']).toBeDefined();
      expect(lost).toEqual([]);

      await live.cluster.delete(leaseFor(ref()));
      await expect(safety.confirm()).rejects.toThrow(/the lease .* is gone: somebody restored the target/);
      renew();
      await expect.poll(() => lost).toEqual([expect.stringContaining('is gone')]);
    },
  );

  test.skipIf(skipped)('a lease that another run took over is not kept alive for it', async () => {
    const { clock, renew } = stepped();
    const { safety, lost, writeUndo, acquire } = await planned('first', { clock });
    await writeUndo();
    await acquire();
    const renewTime = '2026-01-01T00:00:00.000000Z';
    await live.cluster.patch(leaseFor(ref()), { spec: { holderIdentity: 'other', renewTime } }, 'merge');
    renew();
    await expect.poll(() => lost).toEqual([expect.stringContaining('is held by other')]);
    expect((await live.cluster.get(leaseFor(ref())))?.['spec'].renewTime).toBe(renewTime);
    await expect(safety.confirm()).rejects.toThrow(/is held by other/);
  });

  test.skipIf(skipped)("without the cluster's copy of the undo nothing is changed", async () => {
    const { safety, writeUndo, acquire } = await planned('first');
    await writeUndo();
    await acquire();
    const [journal] = await journals();
    await live.cluster.delete({
      apiVersion: 'v1',
      kind: 'Secret',
      namespace: live.namespace,
      name: `rehearse-undo-${journal?.runId}`,
    });
    await expect(safety.confirm()).rejects.toThrow(/the cluster's copy of the undo journal is gone/);
    await safety.release({ proven: false });
  });

  test.skipIf(skipped)('an old journal does not undo the bad deploy of the run that is at work now', async () => {
    const old = await planned('old');
    await old.writeUndo();
    const [journal] = await journals();
    const first = await planned('first');
    await first.writeUndo();
    await first.acquire();
    await first.inject();
    if (!journal) throw new Error('no journal');
    await expect(restoreJournal(live.cluster, journal, systemClock, AbortSignal.timeout(20_000))).rejects.toThrow(
      /in the hands of another run, run first \(error-rate\) by mira/,
    );
    expect(await colour()).toBe('red');
    expect(await first.safety.restore(AbortSignal.timeout(60_000))).toMatchObject({ proven: true });
    await first.safety.release({ proven: true });
  });

  test.skipIf(skipped)('the halt switch is seen within a second', async () => {
    const { safety } = await planned('first');
    const halted: { why: string; atMs: number }[] = [];
    const ended = new AbortController();
    await safety.watchHalt(ended.signal, why => void halted.push({ why, atMs: performance.now() }));
    expect(halted).toEqual([]);
    const halt = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'rehearse-halt', namespace: live.namespace } };
    await live.cluster.create({ ...halt, data: { reason: 'game day is over' } });
    const setMs = performance.now();
    await expect.poll(() => halted.length, { timeout: 5000 }).toBe(1);
    ended.abort();
    expect(halted[0]?.why).toContain('game day is over');
    expect((halted[0]?.atMs ?? Number.NaN) - setMs).toBeLessThan(1000);
    await live.cluster.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: live.namespace, name: 'rehearse-halt' });
  });
});
