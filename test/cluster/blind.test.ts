/** What a blind drill leaves in the cluster and in the state folder while it runs: enough to restore, nothing to learn from. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSafetyNet, forgetJournal, restoreJournal, type SafetyNetOptions } from '../../src/cluster/safety-net.ts';
import { clusterJournals, localJournals } from '../../src/cluster/undo-journal.ts';
import { createFault } from '../../src/faults/faults.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { SafetyNet } from '../../src/rehearsal/ports.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from './live-clusters.ts';

const NAMES = ['cart', 'frontend', 'payments'];

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  // Say it plainly: without REHEARSE_TEST_KUBECONFIG nothing here was compared with real Kubernetes.
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])('the safety net of a blind drill on $kind Kubernetes', { timeout: 180_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  let stateDir: string;
  let nets: SafetyNet[] = [];
  beforeAll(async () => {
    if (skipped) return;
    live = await liveCluster(kind, `blind-${process.pid}`);
    for (const name of NAMES) {
      const object = workload(live, 'Deployment', name);
      object['spec'].replicas = 0;
      await live.cluster.create(object);
    }
  });
  afterAll(async () => {
    await live?.stop();
  });
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'rehearse-blind-'));
  });
  afterEach(async () => {
    for (const net of nets) {
      await net.restore(AbortSignal.timeout(60_000)).catch(() => {});
      await net.release({ proven: true });
    }
    nets = [];
    await rm(stateDir, { recursive: true, force: true });
  });

  function net(target: string, more: Partial<SafetyNetOptions> = {}): SafetyNet {
    const made = createSafetyNet({
      cluster: live.cluster,
      clock: systemClock,
      target: roleContext(live, 'Deployment', target).target,
      namespace: live.namespace,
      runId: '20261122-190501-blind-k3f9',
      scenario: 'error-rate',
      operator: 'mira',
      provider: 'context',
      kubeconfig: undefined,
      optIns: [],
      stateDir,
      blind: { directory: join(stateDir, 'run') },
      ...more,
    });
    nets.push(made);
    return made;
  }

  /** As a drill does it, up to the moment before the injection. */
  async function prepared(target: string, more: Partial<SafetyNetOptions> = {}) {
    const context = roleContext(live, 'Deployment', target);
    const fault = createFault({ kind: 'env', env: { COLOUR: 'red' } });
    const planned = await fault.plan(context);
    const safety = net(target, more);
    await safety.writeUndo(planned, new Date(Date.now() + 480_000));
    await safety.acquireLease(AbortSignal.timeout(120_000), () => {});
    return { context, fault, planned, safety };
  }

  /** Everything that somebody could read who looks for it, with what is in base64 opened. */
  async function everything(): Promise<string> {
    const kinds = [
      { apiVersion: 'v1', kind: 'Secret' },
      { apiVersion: 'v1', kind: 'ConfigMap' },
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
    ];
    const objects = (await Promise.all(kinds.map(one => live.cluster.list(one, { namespace: live.namespace })))).flatMap(list =>
      list.items.filter(item => item.metadata.name.startsWith('rehearse')),
    );
    const opened = objects.flatMap(object =>
      Object.values((object['data'] ?? {}) as Record<string, string>).map(text => Buffer.from(text, 'base64').toString('latin1')),
    );
    const files = await Promise.all(
      (await readdir(stateDir, { recursive: true, withFileTypes: true }))
        .filter(entry => entry.isFile())
        .map(async entry => `${entry.name}\n${await readFile(join(entry.parentPath, entry.name), 'latin1')}`),
    );
    return [JSON.stringify(objects), ...opened, ...files].join('\n');
  }

  test.skipIf(skipped)('nothing in journals and leases tells one target from another', async () => {
    await prepared('payments');
    const told = await everything();
    expect(told).not.toMatch(/error-rate|COLOUR|deadline/);
    for (const name of NAMES) expect(told.match(new RegExp(name, 'g')), name).toHaveLength(1);
    // What is found when it is not blind, so that the search is known to find.
    await nets.pop()?.release({ proven: true });
    await prepared('payments', { blind: undefined as never });
    const open = await everything();
    expect(open).toMatch(/error-rate/);
    expect(open.match(/payments/g)?.length).toBeGreaterThan(3);
    expect(open).not.toMatch(/cart|frontend/);
  });

  test.skipIf(skipped)('another machine restores from the cluster’s copy, and frees every lease', async () => {
    const { context, fault, planned } = await prepared('payments');
    await fault.inject(context, planned);
    // The machine is lost: its state folder with it.
    await rm(stateDir, { recursive: true, force: true });
    const [journal] = (await clusterJournals(live.cluster, live.namespace)).journals;
    if (!journal) throw new Error('no journal in the cluster');
    expect(journal).toMatchObject({ scenario: 'error-rate', blind: true });
    const { proven, objects } = await restoreJournal(live.cluster, journal, systemClock, AbortSignal.timeout(120_000));
    expect(proven).toBe(true);
    expect(objects).toMatchObject([{ action: 'put-back', equal: true }]);
    await forgetJournal(live.cluster, journal, stateDir);
    expect((await everything().catch(() => '')).replace('[]', '')).toBe('');
    const leases = await live.cluster.list(
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
      { namespace: live.namespace },
    );
    expect(leases.items).toEqual([]);
  });

  test.skipIf(skipped)('the local journal is enough as well; a damaged one is told', async () => {
    await prepared('payments');
    const [found] = await localJournals(stateDir);
    expect(found?.journal).toMatchObject({ runId: '20261122-190501-blind-k3f9', entries: [{ object: { name: 'payments' } }] });
    const path = found?.path ?? '';
    const text = await readFile(path, 'utf8');
    await writeFile(
      path,
      text.replace(/"data":"(.{40})/, (_all, start: string) => `"data":"${[...start].reverse().join('')}`),
    );
    const [damaged] = await localJournals(stateDir);
    expect(damaged?.journal).toBeUndefined();
    expect(damaged?.problem).toBeTruthy();
  });

  test.skipIf(skipped)('a workload that somebody wrongly blames is taken into the sealed undo, and put back', async () => {
    const { safety } = await prepared('payments', { byHand: true });
    const cart = roleContext(live, 'Deployment', 'cart').target;
    await safety.extendUndo(cart);
    expect((await everything()).match(/cart/g)).toHaveLength(1);
    await live.cluster.patch(cart, { spec: { template: { metadata: { annotations: { changed: 'by hand' } } } } }, 'merge');
    const { proven, objects } = await safety.restore(AbortSignal.timeout(120_000));
    expect(proven).toBe(true);
    expect(objects.map(({ object, action }) => [object.name, action])).toEqual([
      ['payments', 'as-found'],
      ['cart', 'put-back'],
    ]);
  });

  test.skipIf(skipped)('drills on every workload are kept out, and learn nothing about which one it is', async () => {
    await prepared('payments');
    const answers = await Promise.all(
      NAMES.map(async name => {
        const { blind: _blind, ...open } = { blind: undefined };
        const other = createSafetyNet({
          ...open,
          cluster: live.cluster,
          clock: systemClock,
          target: roleContext(live, 'Deployment', name).target,
          namespace: live.namespace,
          runId: `other-${name}`,
          scenario: 'other',
          operator: 'olu',
          provider: 'context',
          kubeconfig: undefined,
          optIns: [],
          stateDir: join(stateDir, 'other'),
        });
        const checks = await other.preflight();
        const lease = await other
          .acquireLease(AbortSignal.timeout(10_000), () => {})
          .then(
            () => 'taken',
            error => (error as Error).message,
          );
        return JSON.stringify({ checks, lease })
          .replaceAll(name, 'NAME')
          .replace(/renewed \d+ s ago/, 'renewed');
      }),
    );
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('has not ended');
    expect(answers[0]).toContain('holds the lease');
  });

  test.skipIf(skipped)('of two blind drills one gets the namespace; the other leaves nothing behind', async () => {
    await prepared('payments');
    await expect(prepared('cart', { runId: 'second' })).rejects.toThrow(/another rehearsal/);
    const leases = await live.cluster.list(
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
      { namespace: live.namespace },
    );
    expect(leases.items.map(item => item['spec'].holderIdentity)).toEqual(NAMES.map(() => '20261122-190501-blind-k3f9'));
    for (const safety of nets.splice(0)) await safety.release({ proven: true });
    const left = await live.cluster.list({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }, { namespace: live.namespace });
    expect(left.items).toEqual([]);
  });
});
