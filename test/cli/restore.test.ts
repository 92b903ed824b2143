/** `rehearse restore` with what other machines, and other people, left in a cluster. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { leaseFor } from '../../src/cluster/lease.ts';
import { createSafetyNet } from '../../src/cluster/safety-net.ts';
import { createFault } from '../../src/faults/faults.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { type LiveCluster, liveCluster, roleContext, workload } from '../cluster/live-clusters.ts';
import { createWorkplace, type Workplace } from './rehearse.ts';

const namespace = 'elsewhere';

describe('restore, on a machine that knows nothing of the run', { timeout: 90_000 }, () => {
  let live: LiveCluster;
  let workplace: Workplace;
  let kubeconfig: string;
  beforeAll(async () => {
    live = await liveCluster('sandbox', namespace);
  });
  afterAll(() => live.stop());
  const ref = () => roleContext(live, 'Deployment', 'payments').target;
  const colour = async () => ((await live.cluster.get(ref())) as RawObject)['spec'].template.spec.containers[0].env[0].value;
  const secrets = async () =>
    (await live.cluster.list({ apiVersion: 'v1', kind: 'Secret' }, { namespace })).items.map(({ metadata }) => metadata.name);
  beforeEach(async () => {
    workplace = createWorkplace();
    kubeconfig = join(workplace.directory, 'kubeconfig');
    writeFileSync(kubeconfig, live.kubeconfigText, { mode: 0o600 });
    const object = workload(live, 'Deployment', 'payments');
    object['spec'].replicas = 0;
    await live.cluster.create(object);
  });
  afterEach(async () => {
    workplace.remove();
    await live.cluster.delete(ref(), { propagationPolicy: 'Foreground' });
    await expect.poll(() => live.cluster.get(ref()), { timeout: 60_000 }).toBeUndefined();
  });
  const restore = (...args: string[]) => {
    const { context } = live.cluster;
    return workplace.run('restore', '--kubeconfig', kubeconfig, '--context', context, '-n', namespace, ...args);
  };

  /** The bad deploy of a run whose machine is alive, or not any more. */
  async function run(alive: boolean) {
    const context = roleContext(live, 'Deployment', 'payments');
    const fault = createFault({ kind: 'env', env: { COLOUR: 'red' } });
    const changes = await fault.plan(context);
    const safety = createSafetyNet({
      cluster: live.cluster,
      clock: systemClock,
      target: context.target,
      namespace,
      runId: '20261126-100000-error-rate-ab12',
      scenario: 'error-rate',
      operator: 'mira',
      provider: 'context',
      kubeconfig: '/home/mira/.kube/config',
      optIns: [],
      stateDir: join(workplace.directory, 'state-of-mira'),
    });
    await safety.writeUndo(changes, new Date(Date.now() + 480_000));
    const dead = new AbortController();
    const lost: string[] = [];
    await safety.acquireLease(dead.signal, why => void lost.push(why));
    await fault.inject(context, changes);
    if (!alive) dead.abort();
    return { safety, lost };
  }

  test('what would be put back is shown, and nothing is done', async () => {
    await run(false);
    await live.cluster.delete(leaseFor(ref()));
    const { code, stdout } = await restore('--dry-run');
    expect(code).toBe(0);
    expect(stdout).toMatch(/run 20261126-100000-error-rate-ab12 \(error-rate\) by mira from .+, since 20/);
    expect(stdout).toMatch(/-\s+value: red\n.*\+\s+value: green/);
    expect(await colour()).toBe('red');
    expect(await secrets()).toHaveLength(1);
    expect((await restore()).code).toBe(0);
  });

  test('a run that somebody is at work on is left alone, although its host is not known; --force restores it, and its drill notices', async () => {
    const { lost } = await run(true);
    const { code, stdout } = await restore();
    expect(stdout).toContain('still running, left alone');
    expect(stdout).toContain(`kubectl -n ${namespace} create configmap rehearse-halt`);
    expect(code).toBe(0);
    expect(await colour()).toBe('red');

    const forced = await restore('20261126-100000-error-rate-ab12', '--force');
    expect(forced.stdout).toContain('restored, proven');
    expect(forced.stdout).toMatch(/wrote PUT \S+payments\S*: 200 \(audit [0-9a-f-]{36}\)/);
    expect(await colour()).toBe('green');
    expect(await secrets()).toEqual([]);
    await expect.poll(() => lost, { timeout: 20_000 }).toEqual([expect.stringContaining('is gone')]);
  });

  test('one whose machine is dead is restored with what is known here, next to a journal that is of no use', async () => {
    await run(false);
    await live.cluster.delete(leaseFor(ref()));
    const name = 'rehearse-undo-planted';
    const planted = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace, labels: { 'rehearse.dev/undo': 'pending' } },
    };
    await live.cluster.create({ ...planted, data: { 'journal.json': Buffer.from('{"version":7}').toString('base64') } });
    const { code, stdout } = await restore();
    expect(stdout).toContain(`Secret ${name} is no undo journal that can be restored from: it cannot be read`);
    expect(stdout).toContain('restored, proven');
    // Somebody has to look at the other.
    expect(code).toBe(5);
    expect(await colour()).toBe('green');
    expect(await secrets()).toEqual([name]);
    await live.cluster.delete({ apiVersion: 'v1', kind: 'Secret', namespace, name });
  });

  test('a journal of this machine that is damaged is told, and not taken for nothing', async () => {
    const undo = join(workplace.directory, 'state', 'undo');
    mkdirSync(undo, { recursive: true });
    writeFileSync(join(undo, 'damaged.json'), '{"version":1,');
    const { code, stdout } = await workplace.run('restore');
    expect(stdout).toContain(join(undo, 'damaged.json'));
    expect(stdout).toContain('rehearse restore --context');
    expect(stdout).not.toContain('nothing to restore');
    expect(code).toBe(5);
    expect(readdirSync(undo)).toEqual(['damaged.json']);
  });

  test('a namespace without a context is a mistake, not a restore of something else', async () => {
    const { code, stderr } = await workplace.run('restore', '-n', namespace);
    expect(code).toBe(2);
    expect(stderr).toContain('--namespace goes with --context');
  });
});
