/**
 * `rehearse cluster up` for real: killed half-way and completed, its guard, `status` and `down`. Needs kind, Docker or Podman, and the
 * images that a machine without a registry has to bring along: REHEARSE_KIND_IMAGE, REHEARSE_TEST_BASE_IMAGE; skipped, saying so, without.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';
import { BASE_IMAGE, missingForKind } from './audited-cluster.ts';

const name = `rehearse-test-${process.pid}`;
const context = `kind-${name}`;
if (missingForKind.length > 0) console.warn(`SKIPPED: rehearse cluster up: ${missingForKind.join('; ')}`);

const MINUTES = 60_000;

describe.skipIf(missingForKind.length > 0)('rehearse cluster up', () => {
  let workplace: Workplace;
  beforeAll(() => {
    workplace = createWorkplace();
    // kind writes contexts to it: the user's own kubeconfig stays as it is.
    workplace.environment['KUBECONFIG'] = join(workplace.directory, 'kubeconfig');
  });
  afterAll(() => {
    execFileSync('kind', ['delete', 'cluster', '--name', name, '--kubeconfig', join(workplace.directory, 'kubeconfig')], {
      stdio: 'ignore',
    });
    workplace.remove();
  }, MINUTES);

  const up = ['cluster', 'up', '--name', name, '--base-image', BASE_IMAGE];
  const kubectl = (...args: string[]) =>
    execFileSync('kubectl', ['--context', context, '-n', 'shop', ...args], { encoding: 'utf8', env: workplace.environment });
  const payments = () => {
    const { metadata, spec } = JSON.parse(kubectl('get', 'deployment', 'payments', '-o', 'json'));
    return { uid: metadata.uid, generation: metadata.generation, spec };
  };
  /** One run of the guard, now, and what it said. */
  const guardRun = (job: string) => {
    kubectl('create', 'job', job, '--from=cronjob/rehearse-guard');
    kubectl('wait', `job/${job}`, '--for=condition=complete', '--timeout=120s');
    return kubectl('logs', `job/${job}`)
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { event: string; run?: string; [field: string]: unknown });
  };

  test(
    'killed while it makes the cluster, it completes it the next time, and then changes nothing any more',
    async () => {
      const first = workplace.start(...up);
      await first.seen(/Preparing nodes/);
      first.child.kill('SIGKILL');
      await first.ended;
      const second = await workplace.run(...up);
      expect(second.code, second.stderr).toBe(0);
      expect(second.stdout).toContain(`rehearse run error-rate --context ${context}`);
      const before = payments();
      const config = readFileSync(join(workplace.directory, 'rehearse.yaml'), 'utf8');

      const third = await workplace.run(...up);
      expect(third.code, third.stderr).toBe(0);
      expect(payments()).toEqual(before);
      expect(readFileSync(join(workplace.directory, 'rehearse.yaml'), 'utf8')).toBe(config);

      const { code, stdout } = await workplace.run('cluster', 'status', '--name', name, '--output', 'json');
      expect(JSON.parse(stdout)).toMatchObject({
        ours: true,
        ready: true,
        optedIn: true,
        app: [
          { name: 'checkout', ready: 3 },
          { name: 'frontend', ready: 2 },
          { name: 'payments', ready: 3 },
        ],
      });
      expect(code).toBe(0);
    },
    4 * MINUTES,
  );

  test(
    'its guard leaves a drill alone that is at work, and restores one that was killed, with no rehearse process alive',
    async () => {
      const before = payments();
      // On its schedule it would do the same, in a minute of its own choosing.
      kubectl('patch', 'cronjob', 'rehearse-guard', '-p', '{"spec":{"suspend":true}}');
      const drill = workplace.start('run', 'error-rate', '--context', context, '--plain');
      await drill.seen(/t0/);
      // Frozen, so that it cannot end before the guard has looked, however busy this machine is.
      drill.child.kill('SIGSTOP');
      const live = guardRun('while-it-runs');
      expect(live).toContainEqual(expect.objectContaining({ event: 'left-alone', state: 'running' }));
      drill.child.kill('SIGKILL');
      await drill.ended;

      // The deadline of a drill is minutes away: it is set back, as if they had passed.
      const [secret] = JSON.parse(kubectl('get', 'secrets', '-l', 'rehearse.dev/undo', '-o', 'json')).items;
      const journal = JSON.parse(Buffer.from(secret.data['journal.json'], 'base64').toString('utf8'));
      const data = {
        'journal.json': Buffer.from(JSON.stringify({ ...journal, deadline: '2020-01-01T00:00:00Z' })).toString('base64'),
      };
      kubectl('patch', 'secret', secret.metadata.name, '--type=merge', '-p', JSON.stringify({ data }));
      const dead = guardRun('when-it-died');
      expect(dead).toContainEqual(expect.objectContaining({ event: 'restored', run: journal.runId, proven: true }));
      const { generation: _before, ...wanted } = before;
      const { generation: _after, ...found } = payments();
      expect(found).toEqual(wanted);
      expect(JSON.parse(kubectl('get', 'secrets', '-l', 'rehearse.dev/undo', '-o', 'json')).items).toEqual([]);
      expect(kubectl('get', 'leases', '-o', 'name')).toBe('');
      // The copy on the machine that died says so too, when somebody asks.
      // Whether the users are served well again at this very moment is a matter of the machine's load, and not asked here.
      expect((await workplace.run('restore')).stdout).toContain('restored, proven');
    },
    4 * MINUTES,
  );

  test(
    'down refuses a cluster that carries no mark of ours, and removes the one that up made, with its context',
    async () => {
      const clusters = () => execFileSync('kind', ['get', 'clusters'], { encoding: 'utf8' }).split('\n');
      const elsewhere = createWorkplace();
      elsewhere.environment['KUBECONFIG'] = workplace.environment['KUBECONFIG'];
      const status = async () =>
        JSON.parse((await elsewhere.run('cluster', 'status', '--name', name, '--output', 'json')).stdout);
      // From another home the nodes' label tells whose it is. Without it the cluster is anybody's.
      expect((await status()).ours).toBe(true);
      kubectl('label', 'nodes', '--all', 'rehearse.dev/cluster-');
      expect((await status()).ours).toBe(false);
      const refused = await elsewhere.run('cluster', 'down', '--name', name);
      expect(refused.code).toBe(3);
      expect(refused.stderr).toContain('was not made by');
      expect((await elsewhere.run('cluster', 'up', '--name', name, '--base-image', BASE_IMAGE)).code).toBe(3);
      expect(clusters()).toContain(name);
      elsewhere.remove();

      const down = await workplace.run('cluster', 'down', '--name', name);
      expect(down.code, down.stderr).toBe(0);
      expect(clusters()).not.toContain(name);
      expect(readFileSync(join(workplace.directory, 'kubeconfig'), 'utf8')).not.toContain(context);
      expect(existsSync(join(workplace.environment['REHEARSE_STATE_DIR'] ?? '', 'clusters', `${name}.json`))).toBe(false);
    },
    MINUTES,
  );
});

describe('what is missing is explained', () => {
  const without = async (environment: Record<string, string>) => {
    const workplace = createWorkplace();
    try {
      Object.assign(workplace.environment, environment);
      return await workplace.run('cluster', 'up', '--name', name);
    } finally {
      workplace.remove();
    }
  };

  test('kind and an engine, both at once, with where to get them', async () => {
    const { code, stderr } = await without({ PATH: '/nowhere', KIND_EXPERIMENTAL_PROVIDER: '' });
    expect(code).toBe(3);
    for (const text of ['kind: not on the PATH', 'docker: not on the PATH', 'podman: not on the PATH', 'kind.sigs.k8s.io'])
      expect(stderr).toContain(text);
  });

  test('a provider that kind does not have', async () => {
    const { code, stderr } = await without({ KIND_EXPERIMENTAL_PROVIDER: 'lxc' });
    expect(code).toBe(2);
    expect(stderr).toContain('docker, podman, nerdctl');
  });
});
