/**
 * The drills that run on the sandbox, on real Kubernetes: through `--context`, behind the staging guard, with the undo journal in the cluster.
 * Needs REHEARSE_TEST_KUBECONFIG (a kind cluster named by its context, `kind-NAME`), kubectl, docker and kind; skipped, saying so, without.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { packageFile } from '../../src/package-file.ts';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';

const kubeconfig = process.env.REHEARSE_TEST_KUBECONFIG;
if (!kubeconfig) console.warn('SKIPPED: drills on real Kubernetes: REHEARSE_TEST_KUBECONFIG is not set');

const kubectl = (...args: string[]) =>
  execFileSync('kubectl', ['--kubeconfig', String(kubeconfig), ...args], { encoding: 'utf8' });
const json = (...args: string[]) => JSON.parse(kubectl(...args, '-o', 'json'));

/** What must be as it was: everything that somebody asked for, and whose object it is. */
function desired(): unknown {
  return ['payments', 'checkout', 'frontend'].map(name => {
    const { metadata, spec } = json('-n', 'shop', 'get', 'deployment', name);
    const { 'deployment.kubernetes.io/revision': _revision, ...annotations } = metadata.annotations;
    return { uid: metadata.uid, labels: metadata.labels, annotations, spec };
  });
}

describe.skipIf(!kubeconfig)('drills on real Kubernetes', () => {
  let workplace: Workplace;
  let context: string;
  const target = () => ['--kubeconfig', String(kubeconfig), '--context', context];

  beforeAll(() => {
    context = kubectl('config', 'current-context').trim();
    execFileSync(
      'npx',
      [
        'tsx',
        'scripts/shop-images.ts',
        '--base',
        process.env.REHEARSE_TEST_BASE_IMAGE ?? 'lab/node-js:1',
        '--kind',
        context.replace(/^kind-/, ''),
      ],
      {
        cwd: packageFile('.'),
        stdio: 'inherit',
      },
    );
    kubectl('apply', '-f', packageFile('src', 'shop', 'manifests'));
    for (const name of ['payments', 'checkout', 'frontend'])
      kubectl('-n', 'shop', 'rollout', 'status', `deployment/${name}`, '--timeout=120s');
  }, 300_000);

  afterAll(() => {
    kubectl('delete', 'namespace', 'shop', '--wait=false');
  });

  beforeEach(() => {
    workplace = createWorkplace();
    const server = kubectl('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}');
    writeFileSync(
      join(workplace.directory, 'rehearse.yaml'),
      JSON.stringify({ apiVersion: 'rehearse.dev/v1', kind: 'Config', staging: [{ context, server, namespaces: ['shop'] }] }),
    );
    for (const name of ['payments', 'checkout', 'frontend'])
      kubectl('-n', 'shop', 'rollout', 'status', `deployment/${name}`, '--timeout=120s');
  });
  afterEach(() => workplace.remove());

  const nothingLeft = () => {
    expect(json('-n', 'shop', 'get', 'secrets', '-l', 'rehearse.dev/undo').items).toEqual([]);
    expect(
      json('-n', 'shop', 'get', 'leases').items.filter((lease: { metadata: { name: string } }) =>
        lease.metadata.name.startsWith('rehearse-'),
      ),
    ).toEqual([]);
    expect(workplace.journals()).toEqual([]);
  };

  test.each(['error-rate', 'bad-image', 'missing-secret', 'bad-config'])(
    '%s: recovered by the drill, restored to the same objects',
    async scenario => {
      const before = desired();
      const { stdout, stderr } = await workplace.run('run', scenario, '--plain', ...target());
      const record = workplace.record();
      expect(['met', 'missed'], `${stdout}\n${stderr}`).toContain(record.verdict.outcome);
      expect(record.moments.restored, record.verdict.reason).toBeDefined();
      expect(record.diagnosis.answers.at(-1)?.correct).toBe(true);
      expect(record.restore?.proven).toBe(true);
      expect(desired()).toEqual(before);
      nothingLeft();
    },
    300_000,
  );

  test('a person practises, and rolls back with their own kubectl: seen, timed, and told who and how', async () => {
    const before = desired();
    const drill = workplace.start('run', 'bad-image', '--practice', '--plain', '--as', 'mira', ...target());
    const answer = async (question: RegExp, line: string) => {
      await drill.seen(question);
      drill.child.stdin?.write(`${line}\n`);
    };
    await answer(/Step 2 of/, 'cause');
    await answer(/Which workload is the cause\?/, 'deployment/frontend');
    await answer(/Which of its changes\?/, 'a');
    await answer(/How do you know\?/, 'its image cannot be pulled');
    await drill.seen(/That is it/);
    kubectl('-n', 'shop', 'rollout', 'undo', 'deployment/frontend');
    await drill.seen(/t4 +service restored/);
    drill.child.stdin?.write('quit\n');
    await answer(/End the drill\?/, 'y');
    const { code, stdout, stderr } = await drill.ended;
    expect(code, stdout + stderr).toBe(130);
    const record = workplace.record();
    expect(record.diagnosis.answers).toMatchObject([{ by: 'mira', correct: true }]);
    expect(record.rollback).toMatchObject({ kind: 'outside', outside: { manager: 'kubectl' } });
    expect(record.moments.restored).toBeDefined();
    expect(record.restore?.proven).toBe(true);
    expect(record.writes.length).toBeGreaterThan(4);
    expect(record.writes.every(write => /^[0-9a-f-]{36}$/.test(write.auditId ?? ''))).toBe(true);
    expect(desired()).toEqual(before);
    nothingLeft();
  }, 300_000);

  test('SIGKILL in the middle: the target stays broken until `rehearse restore` puts the same object back', async () => {
    const before = desired();
    const drill = workplace.start('run', 'bad-image', '--plain', ...target());
    await drill.seen(/bad deploy is live/);
    drill.child.kill('SIGKILL');
    await drill.ended;
    expect(desired()).not.toEqual(before);
    const { code, stdout, stderr } = await workplace.run('restore', ...target(), '--namespace', 'shop');
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain('restored, proven');
    expect(desired()).toEqual(before);
    nothingLeft();
  }, 300_000);

  test('without an opt-in nothing is written, not even a dry run', async () => {
    const before = json('-n', 'shop', 'get', 'deployment', 'payments').metadata.resourceVersion;
    writeFileSync(
      join(workplace.directory, 'rehearse.yaml'),
      JSON.stringify({ apiVersion: 'rehearse.dev/v1', kind: 'Config', staging: [] }),
    );
    const { code, stdout } = await workplace.run('run', 'error-rate', '--plain', ...target());
    expect(code).toBe(3);
    expect(stdout).toContain('not opted in');
    expect(json('-n', 'shop', 'get', 'deployment', 'payments').metadata.resourceVersion).toBe(before);
    nothingLeft();
  }, 120_000);

  test('the halt switch refuses a drill', async () => {
    kubectl('-n', 'shop', 'create', 'configmap', 'rehearse-halt', '--from-literal=reason=game day is over');
    try {
      const { code, stdout } = await workplace.run('run', 'error-rate', '--plain', ...target());
      expect(code).toBe(3);
      expect(stdout).toContain('game day is over');
    } finally {
      kubectl('-n', 'shop', 'delete', 'configmap', 'rehearse-halt');
    }
  }, 120_000);
});
