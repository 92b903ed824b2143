import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { putBack } from '../../src/cluster/restore.ts';
import { untilSettled } from '../../src/cluster/rollout.ts';
import { refOf } from '../../src/cluster/workloads.ts';
import { createDecoy, createFault } from '../../src/faults/faults.ts';
import type { ObjectRef } from '../../src/record/events.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject, RoleContext } from '../../src/rehearsal/ports.ts';
import type { FaultSpec } from '../../src/scenario/schema.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from '../cluster/live-clusters.ts';

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])('faults on $kind Kubernetes', { timeout: 180_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  let count = 0;
  beforeAll(async () => {
    if (skipped) return;
    live = await liveCluster(kind, `faults-${process.pid}`);
    await live.cluster.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: live.namespace },
      data: { 'a.txt': 'one\n', 'b.txt': 'two\n' },
    });
  });
  afterAll(async () => {
    await live?.stop();
  });

  async function target(what: 'Deployment' | 'StatefulSet' | 'DaemonSet' = 'Deployment'): Promise<RoleContext> {
    const name = `target-${++count}`;
    const object = workload(live, what, name);
    // What is deployed is of no matter here, only that it is accepted.
    if (what !== 'DaemonSet') object['spec'].replicas = 0;
    const created = await live.cluster.create(object);
    await untilSettled(live.cluster, systemClock, refOf(created), AbortSignal.timeout(120_000));
    return roleContext(live, what, name);
  }
  const get = async (context: RoleContext) => (await live.cluster.get(context.target)) as RawObject;
  const container = (object: RawObject) => object['spec'].template.spec.containers[0];

  const faults: [spec: FaultSpec, summary: RegExp, diff: RegExp, changed: (object: RawObject) => unknown, expected: unknown][] = [
    [
      { kind: 'image', image: 'busybox:none' },
      /^image of target-\d+: .* → busybox:none$/,
      /\+ +image: busybox:none/,
      object => container(object).image,
      'busybox:none',
    ],
    [
      { kind: 'env', env: { COLOUR: 'red', SIZE: 'big' } },
      /COLOUR green → red, SIZE set to big/,
      /\+ +value: red/,
      object => container(object).env,
      [
        { name: 'COLOUR', value: 'red' },
        { name: 'SIZE', value: 'big' },
      ],
    ],
    [{ kind: 'env', env: { COLOUR: null } }, /COLOUR removed/, /- +value: green/, object => container(object).env, undefined],
    [
      { kind: 'command', command: ['false'], args: ['x'] },
      /command \["sleep","3600"\] → \["false"\]/,
      /\+ +- "?false"?/,
      object => container(object).command,
      ['false'],
    ],
    [
      { kind: 'missing-secret', env: 'KEY', secret: 'absent', key: 'k' },
      /secret absent, which does not exist/,
      /secretKeyRef/,
      object => container(object).env.at(-1).valueFrom.secretKeyRef.name,
      'absent',
    ],
    [
      { kind: 'resources', requests: { memory: '900Gi' } },
      /memory request none → 900Gi/,
      /\+ +memory: 900Gi/,
      object => container(object).resources.requests.memory,
      '900Gi',
    ],
  ];
  test.skipIf(skipped).each(faults)('%j does exactly what its plan shows', async (spec, summary, diff, changed, expected) => {
    const context = await target();
    const before = await get(context);
    const fault = createFault(spec);
    const planned = await fault.plan(context);
    expect(fault.summary).toMatch(summary);
    expect(planned.map(change => change.diff).join('')).toMatch(diff);
    // Planning is a dry run.
    expect((await get(context))['spec']).toEqual(before['spec']);
    const { sentTMs, acceptedTMs } = await fault.inject(context, planned);
    expect(acceptedTMs).toBeGreaterThanOrEqual(sentTMs);
    const after = await get(context);
    expect(changed(after) ?? undefined).toEqual(expected);
    expect(after.metadata.generation).toBe((before.metadata.generation ?? 0) + 1);
    // Nothing on the workload may tell a drill from a deploy.
    expect(JSON.stringify(after)).not.toMatch(/rehears|drill|chaos|inject/i);
    expect(after.metadata.annotations?.['kubernetes.io/change-cause']).toMatch(/^kubectl /);
  });

  test.skipIf(skipped)(
    'an image that cannot be pulled, of any app: the same at every try, and no drill in its name',
    async () => {
      const context = await target();
      const images = await Promise.all(
        [1, 2].map(async () => {
          const fault = createFault({ kind: 'image' });
          await fault.plan(context);
          return /→ (.+)$/.exec(fault.summary)?.[1] ?? '';
        }),
      );
      expect(images[0]).toBe(images[1]);
      expect(images[0]).toMatch(new RegExp(`^${live.image}-[0-9a-f]{7}$`));
    },
  );

  test.skipIf(skipped).each(['readiness', 'liveness'] as const)('a %s probe that fails with any app', async which => {
    const context = await target();
    const fault = createFault({ kind: 'probe', probe: which });
    await fault.inject(context, await fault.plan(context));
    const probe = container(await get(context))[`${which}Probe`];
    expect(probe.tcpSocket).toEqual({ port: 1 });
    expect(probe.exec).toBeUndefined();
    if (which === 'readiness') expect(probe.periodSeconds).toBe(1);
  });

  test.skipIf(skipped)('a command with && and > in it is no conflict with itself', async () => {
    const context = await target();
    const args = ['-c', 'true && echo a > /dev/null'];
    await live.cluster.patch(
      context.target,
      [{ op: 'add', path: '/spec/template/spec/containers/0/command', value: ['sh', ...args] }],
      'json',
    );
    const fault = createFault({ kind: 'env', env: { COLOUR: 'red' } });
    await fault.inject(context, await fault.plan(context));
    expect(container(await get(context))).toMatchObject({ command: ['sh', ...args], env: [{ name: 'COLOUR', value: 'red' }] });
  });

  async function service(context: RoleContext): Promise<ObjectRef> {
    const { name } = context.target;
    const ref = { apiVersion: 'v1', kind: 'Service', namespace: live.namespace, name };
    await live.cluster.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: live.namespace },
      spec: {
        selector: { app: name, tier: 'front' },
        ports: [
          { name: 'http', port: 80, targetPort: 8080 },
          { name: 'admin', port: 81, targetPort: 8081 },
        ],
      },
    });
    return ref;
  }
  const spec = async (ref: ObjectRef) => (await live.cluster.get(ref))?.['spec'];

  test.skipIf(skipped)(
    'a Service gets a wrong selector or port, exactly as planned, and nothing else of it changes',
    async () => {
      const context = await target();
      const ref = await service(context);
      const before = await spec(ref);
      const wrongPort = createFault({ kind: 'service', service: ref.name, port: 'admin', targetPort: 'nowhere' });
      const planned = await wrongPort.plan(context);
      expect(planned).toMatchObject([{ action: 'update', object: { kind: 'Service', name: ref.name } }]);
      expect(planned[0]?.diff).toMatch(/- +targetPort: 8081\n\+ +targetPort: nowhere/);
      expect(await spec(ref)).toEqual(before);
      await wrongPort.inject(context, planned);
      const wrongSelector = createFault({ kind: 'service', service: ref.name, selector: { app: 'nobody', tier: null } });
      await wrongSelector.inject(context, await wrongSelector.plan(context));
      expect(wrongSelector.summary).toContain(`selector app=${ref.name},tier=front → app=nobody`);
      const after = await spec(ref);
      expect(after.selector).toEqual({ app: 'nobody' });
      expect(after).toEqual({
        ...before,
        selector: after.selector,
        ports: [before.ports[0], { ...before.ports[1], targetPort: 'nowhere' }],
      });
    },
  );

  test.skipIf(skipped)('a changed Service is put back, the same object, and proven so', async () => {
    const context = await target();
    const ref = await service(context);
    const before = (await live.cluster.get(ref)) as RawObject;
    const fault = createFault({ kind: 'service', service: ref.name, targetPort: 9 });
    const planned = await fault.plan(context);
    await fault.inject(context, planned);
    const entries = planned.map(({ object, before: snapshot }) => ({
      object,
      ...(snapshot ? { before: snapshot } : {}),
      revisions: [],
    }));
    expect(await putBack(live.cluster, entries, { clock: systemClock, signal: AbortSignal.timeout(60_000) })).toMatchObject([
      { action: 'put-back', equal: true, diff: '' },
    ]);
    const after = (await live.cluster.get(ref)) as RawObject;
    expect([after.metadata.uid, after['spec']]).toEqual([before.metadata.uid, before['spec']]);
  });

  test.skipIf(skipped).each([
    ['a Service that is not there', { service: 'nobody', targetPort: 9 }, 'service/nobody does not exist'],
    ['a port that it does not have', { port: 'grpc', targetPort: 9 }, 'has no port grpc'],
    ['a label to remove that it does not select by', { selector: { nope: null } }, 'has no label nope to remove'],
    ['the last label to remove', { selector: { app: null, tier: null } }, 'without a selector'],
    ['the port that it has', { targetPort: 8080 }, 'changes nothing'],
  ])('%s is refused while planning', async (_what, given, message) => {
    const context = await target();
    const { name } = await service(context);
    await expect(createFault({ kind: 'service', service: name, ...given }).plan(context)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(message),
    });
  });

  test.skipIf(skipped).each(['StatefulSet', 'DaemonSet'] as const)('a %s takes a fault as a Deployment does', async what => {
    const context = await target(what);
    const fault = createFault({ kind: 'env', env: { COLOUR: 'red' } });
    await fault.inject(context, await fault.plan(context));
    expect(container(await get(context)).env[0].value).toBe('red');
  });

  test.skipIf(skipped)('a configuration is copied, the workload pointed at the copy, the original left alone', async () => {
    const context = await target();
    const fault = createFault({ kind: 'config', configMap: 'settings', data: { 'a.txt': 'broken\n', 'b.txt': null } });
    const planned = await fault.plan(context);
    expect(planned.map(change => [change.action, change.object.kind])).toEqual([
      ['create', 'ConfigMap'],
      ['update', 'Deployment'],
    ]);
    expect(planned[0]?.diff).toMatch(/-.*one[\s\S]*\+.*broken/);
    await fault.inject(context, planned);
    const copy = await live.cluster.get(planned[0]?.object ?? context.target);
    expect(copy?.['data']).toEqual({ 'a.txt': 'broken\n' });
    expect((await get(context))['spec'].template.spec.volumes[0].configMap.name).toBe(copy?.metadata.name);
    expect(
      (await live.cluster.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: live.namespace, name: 'settings' }))?.['data'],
    ).toEqual({ 'a.txt': 'one\n', 'b.txt': 'two\n' });
  });

  test.skipIf(skipped)('somebody who deploys between plan and injection is not overwritten', async () => {
    const context = await target();
    const fault = createFault({ kind: 'image', image: 'busybox:none' });
    const planned = await fault.plan(context);
    const other = createDecoy({ workload: 'deployment/x', when: 'before', by: '1s', env: { COLOUR: 'blue' } });
    await other.inject(context, await other.plan(context));
    const before = await get(context);
    await expect(fault.inject(context, planned)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('was changed by somebody else'),
    });
    const after = await get(context);
    expect([after.metadata.generation, after['spec']]).toEqual([before.metadata.generation, before['spec']]);
  });

  test.skipIf(skipped)('scaling between plan and injection is no conflict, and stays', async () => {
    const context = await target();
    const fault = createFault({ kind: 'image', image: 'busybox:none' });
    const planned = await fault.plan(context);
    await live.cluster.patch(context.target, { spec: { minReadySeconds: 1 } }, 'merge');
    await fault.inject(context, planned);
    expect((await get(context))['spec'].minReadySeconds).toBe(1);
  });

  const refusals: [what: string, spec: FaultSpec, message: string][] = [
    ['a container that is not there', { kind: 'image', container: 'sidecar', image: 'x' }, 'has no container "sidecar"'],
    ['the image that runs already', { kind: 'env', env: { COLOUR: 'green' } }, 'changes nothing'],
    ['a variable to remove that is not there', { kind: 'env', env: { NOPE: null } }, 'no environment variable NOPE'],
    ['a probe that is not there', { kind: 'probe', probe: 'liveness', path: '/x' }, 'has no liveness probe'],
    ['a probe without a path', { kind: 'probe', probe: 'readiness', path: '/x' }, 'runs a command'],
    ['a ConfigMap that is not there', { kind: 'config', configMap: 'nope', data: { a: 'b' } }, 'configmap nope does not exist'],
    ['what the API server does not take', { kind: 'resources', requests: { memory: 'plenty' } }, 'does not take this fault'],
  ];
  test.skipIf(skipped).each(refusals)('%s is refused while planning', async (_what, spec, message) => {
    await expect(createFault(spec).plan(await target())).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(message),
    });
  });

  test.skipIf(skipped)('a target that does not exist is named, with what to do', async () => {
    await expect(
      createFault({ kind: 'image', image: 'x' }).plan(roleContext(live, 'Deployment', 'nobody')),
    ).rejects.toMatchObject({
      message: expect.stringContaining('deployment/nobody does not exist'),
      hint: expect.stringContaining('kubectl'),
    });
  });
});
