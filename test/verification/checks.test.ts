import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { untilSettled } from '../../src/cluster/rollout.ts';
import { refOf } from '../../src/cluster/workloads.ts';
import { createDetector } from '../../src/detection/detectors.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { Check, RoleContext } from '../../src/rehearsal/ports.ts';
import { createCheck } from '../../src/verification/checks.ts';
import { type LiveCluster, liveCluster, realKubeconfig, roleContext, workload } from '../cluster/live-clusters.ts';

describe.each([
  { kind: 'sandbox' as const, skipped: false },
  { kind: 'real' as const, skipped: realKubeconfig === undefined },
])('on $kind Kubernetes', { timeout: 180_000 }, ({ kind, skipped }) => {
  let live: LiveCluster;
  const over = new AbortController();
  beforeAll(async () => {
    if (!skipped) live = await liveCluster(kind, `checks-${process.pid}`);
  });
  afterAll(async () => {
    over.abort();
    await live?.stop();
  });

  async function deployed(name: string): Promise<RoleContext> {
    const created = await live.cluster.create(workload(live, 'Deployment', name));
    await untilSettled(live.cluster, systemClock, refOf(created), AbortSignal.timeout(120_000));
    return roleContext(live, 'Deployment', name);
  }
  const patch = (context: RoleContext, body: object) => live.cluster.patch(context.target, { spec: body }, 'strategic');
  const deploy = (context: RoleContext, container: object) =>
    patch(context, { template: { spec: { containers: [{ name: 'main', ...container }] } } });

  /** Resolves at the first answer of the check that satisfies the condition: told by the check, never polled. */
  async function checking(context: RoleContext, check: Check) {
    const waiting: (() => void)[] = [];
    await check.start(context, over.signal, () => {
      for (const wake of waiting.splice(0)) wake();
    });
    return async (ok: boolean, detail = /./) => {
      for (;;) {
        const result = check.now();
        if (result.ok === ok && detail.test(result.detail)) return result;
        await new Promise<void>(resolve => waiting.push(resolve));
      }
    };
  }

  test.skipIf(skipped)('a rollout is complete only with every pod ready, and tells what holds it up', async () => {
    const context = await deployed('rollout');
    const until = await checking(context, createCheck({ kind: 'rollout-complete' }, new Map()));
    expect((await until(true)).detail).toContain('2 pods ready');
    await deploy(context, { readinessProbe: { exec: { command: ['false'] } } });
    const held = await until(false, /updated|pending|available/);
    expect(held.remedy).toContain('describe deployment/rollout');
    await deploy(context, { readinessProbe: { exec: { command: ['true'] } } });
    await until(true);
  });

  test.skipIf(skipped)('a crash breaks "no restarts", and pods without restarts mend it', async () => {
    const context = await deployed('restarts');
    const until = await checking(context, createCheck({ kind: 'no-restarts' }, new Map()));
    await until(true);
    await deploy(context, { command: ['false'] });
    expect((await until(false)).detail).toMatch(/pod restarts-\S+: container main (exited with 1|restarted|CrashLoopBackOff)/);
    await deploy(context, { command: ['sleep', '3600'] });
    await until(true, /no restarts in 2 pods/);
  });

  test.skipIf(skipped)('conditions tell of a bad deploy, and not of an ordinary one, a scale-up or a scale-down', async () => {
    const context = await deployed('conditions');
    const told: string[] = [];
    let wake: () => void = () => {};
    const detector = createDetector({ kind: 'conditions', workloads: ['deployment/conditions'], unreadyFor: '60s' }, new Map());
    await detector.start(context, over.signal, {
      signal: ({ message, object, sourceAt }) => {
        told.push(`${message} | ${object?.kind} | ${sourceAt}`);
        wake();
      },
      clear: message => {
        told.push(`clear: ${message}`);
        wake();
      },
    });
    const settled = () => untilSettled(live.cluster, systemClock, context.target, AbortSignal.timeout(120_000));
    await deploy(context, { env: [{ name: 'COLOUR', value: 'blue' }] });
    await settled();
    await patch(context, { replicas: 4 });
    await settled();
    await patch(context, { replicas: 1 });
    await settled();
    expect(told).toEqual([]);

    const signal = new Promise<void>(resolve => {
      wake = resolve;
    });
    await deploy(context, { command: ['false'] });
    await signal;
    expect(told[0]).toMatch(/^pod conditions-\S+: container main exited with 1 \| Pod \| \d{4}-/);
    await deploy(context, { command: ['sleep', '3600'] });
    while (!told.some(text => text.startsWith('clear'))) await new Promise<void>(resolve => (wake = resolve));
    expect(told.at(-1)).toBe('clear: deployment/conditions: nothing is in trouble any more');
  });
});
