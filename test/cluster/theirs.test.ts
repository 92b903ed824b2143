/** What somebody else changed while a drill was at an object, or after it died: neither lost nor overwritten without being asked. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sameDesiredState } from '../../src/cluster/desired-state.ts';
import type { TheirsChoice } from '../../src/cluster/restore.ts';
import { ownedRevisions } from '../../src/cluster/restore.ts';
import { createSafetyNet, restoreJournal, type SafetyNetOptions } from '../../src/cluster/safety-net.ts';
import { type TheirChange, theirChangeText } from '../../src/cluster/their-changes.ts';
import { clusterJournals } from '../../src/cluster/undo-journal.ts';
import { createFault } from '../../src/faults/faults.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { createRolloutUndo } from '../../src/rollback/rollout-undo.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from './live-clusters.ts';

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  // Say it plainly: without REHEARSE_TEST_KUBECONFIG nothing here was compared with real Kubernetes.
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])("somebody else's change on $kind Kubernetes", { timeout: 180_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  let stateDir: string;
  let before: RawObject;
  const ref = () => roleContext(live, 'Deployment', 'payments').target;
  const get = async () => (await live.cluster.get(ref())) as RawObject;
  const patch = (change: object, manager = 'helm') => live.cluster.patch(ref(), change, 'strategic', { fieldManager: manager });
  const environment = (...env: object[]) => ({ spec: { template: { spec: { containers: [{ name: 'main', env }] } } } });

  beforeAll(async () => {
    if (!skipped) live = await liveCluster(kind, `theirs-${process.pid}`);
  });
  afterAll(async () => {
    await live?.stop();
  });
  beforeEach(async () => {
    if (skipped) return;
    stateDir = await mkdtemp(join(tmpdir(), 'rehearse-theirs-'));
    const object = workload(live, 'Deployment', 'payments');
    object['spec'].replicas = 0;
    await live.cluster.create(object);
    await expect.poll(async () => (await ownedRevisions(live.cluster, await get())).length, { timeout: 30_000 }).toBe(1);
    before = await get();
  });
  afterEach(async () => {
    if (skipped) return;
    await live.cluster.delete(ref(), { propagationPolicy: 'Foreground' });
    await expect.poll(() => live.cluster.get(ref()), { timeout: 60_000 }).toBeUndefined();
    for (const { runId } of (await clusterJournals(live.cluster, live.namespace)).journals)
      await live.cluster.delete({ apiVersion: 'v1', kind: 'Secret', namespace: live.namespace, name: `rehearse-undo-${runId}` });
    await rm(stateDir, { recursive: true, force: true });
  });

  /** Up to and with the bad deploy: COLOUR is red, and there is a revision of it. */
  async function drill(more: Partial<SafetyNetOptions> = {}) {
    const context = roleContext(live, 'Deployment', 'payments');
    const fault = createFault({ kind: 'env', env: { COLOUR: 'red' } });
    const planned = await fault.plan(context);
    const safety = createSafetyNet({
      cluster: live.cluster,
      clock: systemClock,
      target: context.target,
      namespace: live.namespace,
      runId: 'run-1',
      scenario: 'error-rate',
      operator: 'mira',
      provider: 'context',
      kubeconfig: undefined,
      optIns: [],
      stateDir,
      ...more,
    });
    const rollback = createRolloutUndo();
    await rollback.prepare(context);
    await safety.writeUndo(planned, new Date(Date.now() + 480_000));
    await fault.inject(context, planned);
    await expect.poll(async () => (await ownedRevisions(live.cluster, await get())).length, { timeout: 30_000 }).toBe(2);
    return { safety, context, rollback };
  }

  /** As `rehearse restore` does it on another machine. */
  async function restore(choice?: TheirsChoice) {
    const shown: TheirChange[] = [];
    const [journal] = (await clusterJournals(live.cluster, live.namespace)).journals;
    if (!journal) throw new Error('no journal');
    const done = await restoreJournal(live.cluster, journal, systemClock, AbortSignal.timeout(60_000), {
      choose: async change => {
        shown.push(change);
        return choice ?? (change.mergeable ? 'merge' : undefined);
      },
    });
    return { ...done, shown, text: shown.map(theirChangeText).join('\n') };
  }
  const history = async () => (await ownedRevisions(live.cluster, await get())).map(({ metadata }) => metadata.name);

  test.skipIf(skipped)('nobody but the drill: put back without a question, also after its own rollback', async () => {
    const { context, rollback } = await drill();
    const first = await restore();
    expect(first).toMatchObject({ proven: true, shown: [], objects: [{ action: 'put-back', equal: true }] });
    expect(first.objects[0]).not.toHaveProperty('kept');
    await patch(environment({ name: 'COLOUR', value: 'red' }), 'kubectl');
    await rollback.issue(context, ref());
    expect(await restore()).toMatchObject({ proven: true, shown: [] });
    expect(sameDesiredState(await get(), before)).toBe(true);
    expect((await get()).metadata.uid).toBe(before.metadata.uid);
  });

  test.skipIf(skipped)(
    'on other fields: the drill goes back, theirs stays, and the history keeps their revision only',
    async () => {
      await drill();
      await patch({ metadata: { labels: { team: 'shop' } }, ...environment({ name: 'SIZE', value: 'large' }) });
      const { proven, objects, shown, text } = await restore();
      expect(proven).toBe(true);
      const container = '.spec.containers[name=main]';
      expect(objects[0]).toMatchObject({ action: 'put-back', equal: true });
      expect(objects[0]?.kept).toMatchObject([
        { field: 'metadata.labels.team', before: '(not there)', now: '"shop"', by: expect.stringMatching(/^helm at 20/) },
        { field: `spec.template${container}.env[name=SIZE]`, now: '{"name":"SIZE","value":"large"}' },
      ]);
      expect(shown[0]?.mergeable).toBe(true);
      expect(text).toContain("env[name=COLOUR]: the drill's");
      const now = await get();
      const { env } = now['spec'].template.spec.containers[0];
      expect(env).toHaveLength(2);
      expect(env).toEqual(
        expect.arrayContaining([
          { name: 'SIZE', value: 'large' },
          { name: 'COLOUR', value: 'green' },
        ]),
      );
      expect(now.metadata.labels).toEqual({ team: 'shop' });
      await expect
        .poll(async () => JSON.stringify((await ownedRevisions(live.cluster, await get())).map(one => one['spec'].template)), {
          timeout: 20_000,
        })
        .toContain('large');
      const templates = (await ownedRevisions(live.cluster, now)).map(one => JSON.stringify(one['spec'].template));
      expect(templates.filter(template => template.includes('red'))).toEqual([]);
    },
  );

  test.skipIf(skipped)('on the same field: nothing is done to it until somebody chooses', async () => {
    const { safety } = await drill();
    await patch(environment({ name: 'COLOUR', value: 'blue' }));
    const theirs = await get();
    const atTheEnd = await safety.restore(AbortSignal.timeout(60_000));
    expect(atTheEnd).toMatchObject({ proven: false, objects: [{ action: 'left', equal: false }] });
    expect(atTheEnd.objects[0]?.diff).toMatch(/\+.*blue/);
    expect(safety.remedy()).toContain('--theirs keep|overwrite|merge');
    expect((await get()).metadata.generation).toBe(theirs.metadata.generation);

    const refused = await restore();
    expect(refused.proven).toBe(false);
    expect(refused.text).toMatch(/COLOUR\]: of the drill, changed again by somebody \(helm at .*\)/);
    expect(refused.text).toMatch(/before the drill .*green.*\n.*by the drill .*red.*\n.*now .*blue/);

    expect(await restore('keep')).toMatchObject({ proven: true, objects: [{ action: 'left', equal: true }] });
    expect(sameDesiredState(await get(), theirs)).toBe(true);

    const merged = await restore('merge');
    expect(merged).toMatchObject({ proven: true, objects: [{ action: 'put-back', equal: true }] });
    const now = await get();
    expect(now['spec'].template.spec.containers[0].env).toEqual([{ name: 'COLOUR', value: 'blue' }]);
    expect(now.metadata.annotations?.['kubernetes.io/change-cause']).toBe('release 1');

    expect(await restore('overwrite')).toMatchObject({ proven: true, objects: [{ action: 'put-back', equal: true }] });
    expect(sameDesiredState(await get(), before)).toBe(true);
  });

  test.skipIf(skipped)('who practises is the drill: by hand is put back, what a pipeline wrote is kept', async () => {
    const { safety } = await drill({ byHand: true });
    await patch(environment({ name: 'COLOUR', value: 'blue' }), 'kubectl-set');
    const byHand = await safety.restore(AbortSignal.timeout(60_000));
    expect(byHand).toMatchObject({ proven: true, objects: [{ action: 'put-back', note: expect.stringContaining('COLOUR') }] });
    expect(sameDesiredState(await get(), before)).toBe(true);
    await patch({ metadata: { labels: { team: 'shop' } } }, 'argocd-controller');
    expect(await safety.restore(AbortSignal.timeout(60_000))).toMatchObject({
      proven: true,
      objects: [{ kept: [{ field: 'metadata.labels.team' }] }],
    });
  });

  test.skipIf(skipped)("what a runbook's command changes is the drill's, also for a restore that comes later", async () => {
    const { safety } = await drill();
    const done = safety.observeOwn();
    await patch({ spec: { minReadySeconds: 7 } }, 'kubectl-patch');
    done();
    await expect
      .poll(async () => JSON.stringify((await clusterJournals(live.cluster, live.namespace)).journals[0]?.entries[0]?.drill))
      .toContain('minReadySeconds');
    expect(await restore()).toMatchObject({ proven: true, shown: [] });
    expect(sameDesiredState(await get(), before)).toBe(true);
  });

  test.skipIf(skipped)('a deletion is theirs as well; another object of the same name is told', async () => {
    await drill();
    await live.cluster.delete(ref(), { propagationPolicy: 'Foreground' });
    await expect.poll(() => live.cluster.get(ref()), { timeout: 60_000 }).toBeUndefined();
    const left = await restore();
    expect(left).toMatchObject({ proven: false, objects: [{ action: 'left', equal: false, diff: 'somebody deleted it' }] });
    expect(left.text).toContain('deployment/payments was deleted by somebody else');
    expect(await live.cluster.get(ref())).toBeUndefined();

    const again = await restore('overwrite');
    expect(again).toMatchObject({
      proven: true,
      objects: [{ action: 'created-again', note: expect.stringContaining('new uid') }],
    });
    expect((await get()).metadata.uid).not.toBe(before.metadata.uid);
    expect(sameDesiredState(await get(), before)).toBe(true);
    // By now it is another object than the one in the journal, and nobody deleted anything since.
    expect((await restore()).objects[0]?.note).toContain('somebody deleted it and created it again');
    expect(await history()).toHaveLength(1);
  });

  test.skipIf(skipped)('a write in between is no failure: the restore reads again', async () => {
    await drill();
    const [journal] = (await clusterJournals(live.cluster, live.namespace)).journals;
    if (!journal) throw new Error('no journal');
    let conflicts = 0;
    const busy = {
      ...live.cluster,
      async replace(object: RawObject) {
        if (conflicts < 2) await patch({ metadata: { annotations: { round: String(++conflicts) } } });
        return live.cluster.replace(object);
      },
    };
    const { proven, objects } = await restoreJournal(busy, journal, systemClock, AbortSignal.timeout(60_000));
    expect(conflicts).toBe(2);
    expect(proven).toBe(true);
    expect(objects[0]?.kept).toMatchObject([{ field: 'metadata.annotations.round', now: '"2"' }]);
  });
});
