/** Mistakes and refusals that need no drill: what is said, and that nothing was done. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { json, scriptedServer } from '../cluster/scripted-server.ts';
import { createWorkplace, type Workplace } from './rehearse.ts';

let workplace: Workplace;
beforeEach(() => {
  workplace = createWorkplace();
});
afterEach(() => workplace.remove());

describe('a number that is none is a mistake of the command line, told with what to write', () => {
  test.each([
    [['cluster', 'up', '--wait', 'abc'], '--wait takes seconds: one number from 1 to 86400, such as --wait 180'],
    [['cluster', 'up', '--wait', '0'], '--wait takes seconds'],
    [['cluster', 'up', '--wait', '-5'], '--wait takes seconds'],
    [['cluster', 'up', '--wait', '1', '--wait', '2'], 'one number'],
    [['cluster', 'up', '--wait', 'Infinity'], '--wait takes seconds'],
    [['cluster', 'up', '--wait'], 'Not enough arguments following: wait'],
    [['run', '--blind', '--seed', 'lucky'], '--seed takes the seed of a draw: one whole number from 0'],
    [['run', '--blind', '--seed', '1.5'], 'whole number'],
    [['sandbox', 'up', '--port', 'http'], '--port takes a port: one whole number from 1 to 65535, such as --port 6443'],
    [['sandbox', 'up', '--port', '70000'], '--port takes a port'],
  ])('%j', async (args, told) => {
    const { code, stderr, stdout } = await workplace.run(...args);
    expect(stderr).toContain(told);
    expect(stderr).not.toContain('REHEARSE_DEBUG');
    expect([code, stdout]).toEqual([2, '']);
  });
});

describe('an undo journal that cannot be read', () => {
  const damage = (text: string) => {
    const folder = join(workplace.environment['REHEARSE_STATE_DIR'] as string, 'undo');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, '20261126-100000-latency-k3f9.json');
    writeFileSync(path, text);
    return path;
  };
  const start =
    '{"version":1,"runId":"20261126-100000-latency-k3f9","provider":"context","context":"staging-eu","server":"https://eu","namespace":"shop","lea';

  test('fails the doctor, who says where it is, what is wrong with it and what to do', async () => {
    const path = damage(start);
    const { code, stdout } = await workplace.run('doctor', '--output', 'json');
    expect(code).toBe(3);
    const { ok, checks } = JSON.parse(stdout);
    expect(ok).toBe(false);
    expect(checks.filter((check: { status: string }) => check.status === 'failed')).toEqual([
      {
        group: 'this machine',
        name: 'damaged journal',
        status: 'failed',
        detail: expect.stringMatching(`^${path} cannot be read: .+`),
        remedy: `restore from the cluster's copy: rehearse restore --context staging-eu -n shop\nthen remove the file: rm ${path}`,
      },
    ]);
    expect(stdout).not.toContain('"no run of this machine is left unrestored"');
  });

  test('of which nothing is left is told as well', async () => {
    damage('');
    const { code, stdout } = await workplace.run('doctor');
    expect(code).toBe(3);
    expect(stdout).toContain('rehearse restore --context CONTEXT -n NAMESPACE');
    expect(stdout).not.toContain('\nready');
  });

  test('is told at the start of a run', async () => {
    const path = damage(start);
    // A target that is not there: the run ends right after it looked for orphans.
    const kubeconfig = join(workplace.directory, 'none');
    const { stdout, stderr } = await workplace.run('run', '--plain', '--context', 'none', '--kubeconfig', kubeconfig);
    expect(stdout + stderr).toContain(`the undo journal ${path} cannot be read`);
    expect(stdout + stderr).toContain('rehearse restore --context staging-eu -n shop');
  });
});

describe('cluster guard uninstall', () => {
  let server: Awaited<ReturnType<typeof scriptedServer>>;
  let labels: Record<string, string>;
  let kubeconfig: string;
  beforeEach(async () => {
    labels = { 'rehearse.dev/staging': 'true' };
    server = await scriptedServer(({ method, path }, response) =>
      path === '/version'
        ? json(response, 200, { gitVersion: 'v1.34.0' })
        : method === 'DELETE'
          ? json(response, 200, { kind: 'Status', status: 'Success' })
          : path.endsWith('/secrets')
            ? json(response, 200, { apiVersion: 'v1', kind: 'SecretList', metadata: {}, items: [] })
            : path.startsWith('/apis/') || path === '/api/v1'
              ? json(response, 200, resources(path))
              : json(response, 200, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } }),
    );
    kubeconfig = join(workplace.directory, 'kubeconfig');
    writeFileSync(kubeconfig, server.kubeconfigText);
  });
  afterEach(() => server.stop());
  const optIn = () =>
    writeFileSync(
      join(workplace.directory, 'rehearse.yaml'),
      `apiVersion: rehearse.dev/v1\nkind: Config\nstaging: [{ context: test, server: "${server.url}", namespaces: [shop] }]\n`,
    );
  const resources = (path: string) => ({
    kind: 'APIResourceList',
    groupVersion: path.replace(/^\/apis?\//, ''),
    resources: ['CronJob', 'RoleBinding', 'Role', 'ServiceAccount', 'Secret', 'Namespace'].map(kind => ({
      name: `${kind.toLowerCase()}s`,
      kind,
      namespaced: kind !== 'Namespace',
      verbs: ['get', 'list', 'delete'],
    })),
  });
  const uninstall = () => workplace.run('cluster', 'guard', 'uninstall', '--context', 'test', '--kubeconfig', kubeconfig);
  const written = () => server.asked.filter(({ method }) => method !== 'GET').map(({ method }) => method);

  test('deletes nothing on a cluster that is not opted in, and says how an admin takes the guard out', async () => {
    const { code, stderr } = await uninstall();
    expect(code).toBe(3);
    expect(stderr).toContain('context test is not opted in as staging');
    expect(stderr).toContain(
      `kubectl --kubeconfig ${kubeconfig} --context test -n shop delete cronjob/rehearse-guard rolebinding/rehearse-guard role/rehearse-guard serviceaccount/rehearse-guard`,
    );
    expect(written()).toEqual([]);
  });

  test('nor when an admin took the label back', async () => {
    optIn();
    labels = {};
    expect((await uninstall()).code).toBe(3);
    expect(written()).toEqual([]);
  });

  test('takes it out where it is opted in', async () => {
    optIn();
    const { code, stdout, stderr } = await uninstall();
    expect(stderr).toBe('');
    expect([code, stdout]).toEqual([
      0,
      'deleted: CronJob rehearse-guard, RoleBinding rehearse-guard, Role rehearse-guard, ServiceAccount rehearse-guard\n',
    ]);
    expect(written()).toEqual(['DELETE', 'DELETE', 'DELETE', 'DELETE']);
  });
});
