import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFault } from '../../src/faults/faults.ts';
import type { ObjectRef } from '../../src/record/events.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { createRollback } from '../../src/rollback/rollbacks.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from '../cluster/live-clusters.ts';

const SPEC = { kind: 'reapply', timeout: '60s' } as const;

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])('applying the manifest from before on $kind Kubernetes', { timeout: 120_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  beforeAll(async () => {
    if (!skipped) live = await liveCluster(kind, `reapply-${process.pid}`);
  });
  afterAll(async () => {
    await live?.stop();
  });

  async function app(name: string) {
    const object = workload(live, 'Deployment', name);
    object['spec'].replicas = 0;
    await live.cluster.create(object);
    await live.cluster.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: live.namespace },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    const service: ObjectRef = { apiVersion: 'v1', kind: 'Service', namespace: live.namespace, name };
    return { context: roleContext(live, 'Deployment', name), service };
  }
  const get = async (ref: ObjectRef) => (await live.cluster.get(ref)) as RawObject;

  test.skipIf(skipped)(
    'brings a Service back, keeps what others changed of it, and given twice changes nothing more',
    async () => {
      const { context, service } = await app('front');
      const before = await get(service);
      const rollback = createRollback(SPEC, service);
      const { toRevision } = await rollback.prepare(context);
      const fault = createFault({ kind: 'service', service: 'front', selector: { app: 'nobody' }, targetPort: 9 });
      await fault.inject(context, await fault.plan(context));
      await live.cluster.patch(service, { metadata: { labels: { team: 'shop' } } }, 'merge');

      const issued = await rollback.issue(context, service);
      expect(issued).toMatchObject({ summary: expect.stringContaining('service/front'), toRevision });
      expect(await rollback.done(context, service, AbortSignal.timeout(60_000))).toBe('service/front configured');
      const after = await get(service);
      expect(after['spec']).toEqual(before['spec']);
      expect(after.metadata.labels).toEqual({ team: 'shop' });
      expect((await rollback.issue(context, service)).summary).toContain('nothing to apply');
    },
  );

  test.skipIf(skipped)('brings the pod template of a workload back', async () => {
    const { context } = await app('api');
    const before = await get(context.target);
    const rollback = createRollback(SPEC);
    await rollback.prepare(context);
    const fault = createFault({ kind: 'env', env: { COLOUR: 'red' } });
    await fault.inject(context, await fault.plan(context));
    await rollback.issue(context, context.target);
    await rollback.done(context, context.target, AbortSignal.timeout(60_000));
    expect((await get(context.target))['spec']).toEqual(before['spec']);
  });

  test.skipIf(skipped)('knows nothing of what the scenario does not change', async () => {
    const { context, service } = await app('other');
    const rollback = createRollback(SPEC, service);
    await rollback.prepare(context);
    await expect(rollback.issue(context, context.target)).rejects.toThrow('no manifest of deployment/other');
  });
});
