import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { untilSettled } from '../../src/cluster/rollout.ts';
import { refOf, revisionsOf } from '../../src/cluster/workloads.ts';
import { createFault } from '../../src/faults/faults.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject, RoleContext } from '../../src/rehearsal/ports.ts';
import { createRollback } from '../../src/rollback/rollbacks.ts';
import type { FaultSpec } from '../../src/scenario/schema.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from '../cluster/live-clusters.ts';

const SPEC = { kind: 'rollout-undo', timeout: '60s' } as const;
const BROKEN: FaultSpec = { kind: 'command', command: ['no-such-program'] };

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  // Say it plainly: without REHEARSE_TEST_KUBECONFIG nothing here was compared with real Kubernetes.
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])('rollout undo on $kind Kubernetes', { timeout: 180_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  beforeAll(async () => {
    if (!skipped) live = await liveCluster(kind, `undo-${process.pid}`);
  });
  afterAll(async () => {
    await live?.stop();
  });

  async function deployed(
    what: 'Deployment' | 'StatefulSet' | 'DaemonSet',
    name: string,
    change: (object: RawObject) => void = () => {},
  ) {
    const object = workload(live, what, name);
    change(object);
    const created = await live.cluster.create(object);
    const status = await untilSettled(live.cluster, systemClock, refOf(created), AbortSignal.timeout(120_000));
    expect(status.state).toBe('done');
    return roleContext(live, what, name);
  }
  async function inject(context: RoleContext, spec: FaultSpec): Promise<void> {
    const fault = createFault(spec);
    await fault.inject(context, await fault.plan(context));
  }
  const container = async (context: RoleContext) =>
    (await live.cluster.get(context.target))?.['spec'].template.spec.containers[0];

  test.skipIf(skipped).each(['Deployment', 'StatefulSet', 'DaemonSet'] as const)(
    'brings a %s back, and given twice does not deploy the bad version again',
    async what => {
      const context = await deployed(what, `twice-${what.toLowerCase()}`);
      const before = (await live.cluster.get(context.target))?.['spec'].template;
      const rollback = createRollback(SPEC);
      expect(await rollback.prepare(context)).toEqual({ toRevision: '1' });
      await inject(context, { kind: 'env', env: { COLOUR: 'red' } });
      await untilSettled(live.cluster, systemClock, context.target, AbortSignal.timeout(120_000));

      const issued = await rollback.issue(context, context.target);
      expect(issued.summary).toBe(`kubectl rollout undo ${what.toLowerCase()}/twice-${what.toLowerCase()} --to-revision=1`);
      await rollback.done(context, context.target, AbortSignal.timeout(120_000));
      expect((await live.cluster.get(context.target))?.['spec'].template).toEqual(before);

      const again = await rollback.issue(context, context.target);
      expect(again.summary).toContain('nothing to undo');
      expect((await container(context)).env).toEqual([{ name: 'COLOUR', value: 'green' }]);
    },
  );

  test.skipIf(skipped)("brings a Deployment's change cause back with its revision", async () => {
    const context = await deployed('Deployment', 'cause');
    const rollback = createRollback(SPEC);
    await rollback.prepare(context);
    await inject(context, { kind: 'env', env: { COLOUR: 'red' } });
    expect((await live.cluster.get(context.target))?.metadata.annotations?.['kubernetes.io/change-cause']).toBe(
      'kubectl set env deployment/cause COLOUR=red',
    );
    await rollback.issue(context, context.target);
    expect((await live.cluster.get(context.target))?.metadata.annotations?.['kubernetes.io/change-cause']).toBe('release 1');
  });

  test.skipIf(skipped)('frees a StatefulSet whose broken pod holds up the rollback, and says so', async () => {
    const context = await deployed('StatefulSet', 'stuck');
    const rollback = createRollback(SPEC);
    await rollback.prepare(context);
    await inject(context, BROKEN);
    // The last pod is replaced first, by one that never gets ready.
    await brokenPod(context);
    await rollback.issue(context, context.target);
    const words = await rollback.done(context, context.target, AbortSignal.timeout(120_000));
    expect(words).toContain('deleted stuck-1, which held up the rollback');
  });

  test.skipIf(skipped)('refuses what kubectl refuses, before anything is injected', async () => {
    const paused = await deployed('Deployment', 'paused', object => {
      object['spec'].replicas = 0;
    });
    await live.cluster.patch(paused.target, { spec: { paused: true } }, 'merge');
    await expect(createRollback(SPEC).prepare(paused)).rejects.toThrow('is paused');
    const noHistory = await deployed('Deployment', 'no-history', object => {
      object['spec'].replicas = 0;
      object['spec'].revisionHistoryLimit = 0;
    });
    await expect(createRollback(SPEC).prepare(noHistory)).rejects.toMatchObject({
      message: expect.stringContaining('keeps no history'),
      hint: expect.any(String),
    });
  });

  test.skipIf(skipped)('goes to the previous revision of another workload that was blamed', async () => {
    const context = await deployed('Deployment', 'innocent', object => {
      object['spec'].replicas = 0;
    });
    await inject(context, { kind: 'env', env: { COLOUR: 'blue' } });
    const other: RoleContext = { ...context, target: { ...context.target, name: 'somebody-else' } };
    await untilSettled(live.cluster, systemClock, context.target, AbortSignal.timeout(120_000));
    const rollback = createRollback(SPEC);
    expect((await rollback.issue(other, context.target)).toRevision).toBe('1');
    expect((await container(context)).env).toEqual([{ name: 'COLOUR', value: 'green' }]);
    expect((await revisionsOf(live.cluster, (await live.cluster.get(context.target)) as RawObject)).length).toBe(2);
  });

  async function brokenPod(context: RoleContext): Promise<void> {
    const seen = new AbortController();
    await new Promise<void>((resolve, reject) => {
      live.cluster
        .watch(
          { apiVersion: 'v1', kind: 'Pod' },
          { namespace: context.namespace, labelSelector: `app=${context.target.name}`, signal: seen.signal },
          (_type, pod) => {
            const statuses: RawObject[] = pod['status']?.containerStatuses ?? [];
            const command = pod['spec']?.containers?.[0]?.command?.[0];
            if (command === 'no-such-program' && statuses.some(status => status['state']?.waiting || status['state']?.terminated))
              resolve();
          },
        )
        .catch(reject);
    });
    seen.abort();
  }
});
