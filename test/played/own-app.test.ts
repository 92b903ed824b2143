/** Somebody's own app on somebody's own cluster: init, doctor, plan, run; and clusters that the guard refuses. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { type ConnectedCluster, connect } from '../../src/cluster/connection.ts';
import { settle } from '../../src/cluster/settle.ts';
import { refOf } from '../../src/cluster/workloads.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';
import { json, kubeconfigFor, scriptedServer, status } from '../cluster/scripted-server.ts';

const DRILL = 240_000;

const app: RawObject[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'site', namespace: 'web' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'site' } },
      template: {
        metadata: { labels: { app: 'site' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'nginx',
              image: 'nginx:1.27',
              ports: [{ name: 'http', containerPort: 80 }],
              readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'site', namespace: 'web' },
    spec: { selector: { app: 'site' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'site', namespace: 'web' },
    spec: {
      replicas: 1,
      serviceName: 'none',
      selector: { matchLabels: { app: 'store' } },
      template: {
        metadata: { labels: { app: 'store' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'main', image: 'busybox:1.36', command: ['sleep', '3600'] }],
        },
      },
    },
  },
];

describe('an app that nobody told rehearse about', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let cluster: ConnectedCluster;
  let workplace: Workplace;
  const here = () => ['--kubeconfig', sandbox.kubeconfigPath];

  beforeAll(async () => {
    workplace = createWorkplace();
    sandbox = await startSandbox({ directory: workplace.directory });
    cluster = await connect({ kubeconfigText: sandbox.kubeconfig });
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } });
    for (const object of app) await cluster.create(object);
    for (const object of app.filter(({ kind }) => kind !== 'Service'))
      await settle(cluster, systemClock, refOf(object), AbortSignal.timeout(60_000));
  }, DRILL);
  afterAll(async () => {
    cluster.close();
    await sandbox.stop();
    workplace.remove();
  });

  test('init finds its workloads and how users reach them, and writes what passes every check', async () => {
    const { code, stdout, stderr } = await workplace.run('init', ...here(), '-n', 'web');
    expect(code, stderr).toBe(0);
    const config = parse(readFileSync(join(workplace.directory, 'rehearse.yaml'), 'utf8'));
    expect(config.staging).toEqual([{ context: cluster.context, server: cluster.server, namespaces: ['web'] }]);
    expect(config.targets).toEqual({
      'site-deployment': {
        context: cluster.context,
        namespace: 'web',
        workload: 'deployment/site',
        probe: { service: 'site', port: 'http', path: '/' },
      },
      'site-statefulset': { context: cluster.context, namespace: 'web', workload: 'statefulset/site' },
    });
    expect(stdout).toContain('kubectl label namespace web rehearse.dev/staging=true');

    const files = readdirSync(join(workplace.directory, 'scenarios')).map(name => join('scenarios', name));
    expect(files.length).toBeGreaterThan(4);
    const validated = await workplace.run('validate', ...files);
    expect(validated.code, validated.stderr).toBe(0);
    const checked = await workplace.run('runbook', 'check', 'runbooks/bad-deploy.md');
    expect([checked.code, checked.stderr]).toEqual([0, '']);
    // Of the cluster it only read.
    expect((await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: 'web' }))?.metadata.labels).not.toHaveProperty(
      'rehearse.dev/staging',
    );
  });

  test('init keeps files that are there, unless it is forced', async () => {
    const path = join(workplace.directory, 'rehearse.yaml');
    const mine = `# mine\n${readFileSync(path, 'utf8')}`;
    writeFileSync(path, mine);
    const { code, stderr } = await workplace.run('init', ...here(), '-n', 'web');
    expect(code).toBe(2);
    expect(stderr).toContain('nothing was written');
    expect(readFileSync(path, 'utf8')).toBe(mine);
    expect((await workplace.run('init', ...here(), '-n', 'web', '--force')).code).toBe(0);
    expect(readFileSync(path, 'utf8')).not.toContain('# mine');
  });

  test('until an admin labels the namespace, doctor says so, and plan shows no difference', async () => {
    const doctor = await workplace.run('doctor', 'image-not-found', '--target', 'site-deployment', ...here(), '--output', 'json');
    expect(doctor.code).toBe(3);
    const { ok, checks } = JSON.parse(doctor.stdout);
    expect(ok).toBe(false);
    expect(checks.filter((check: { status: string }) => check.status === 'failed')).toMatchObject([
      { name: 'namespace labelled', remedy: expect.stringContaining('kubectl label namespace web') },
    ]);
    const plan = await workplace.run('plan', 'image-not-found', '--target', 'site-deployment', ...here());
    expect(plan.code).toBe(3);
    expect(plan.stdout).toContain('not even asked for a dry run');
    expect(plan.stdout).not.toContain('@@');
    await cluster.patch(
      { apiVersion: 'v1', kind: 'Namespace', name: 'web' },
      { metadata: { labels: { 'rehearse.dev/staging': 'true' } } },
      'merge',
    );
    const again = await workplace.run('doctor', 'image-not-found', '--target', 'site-deployment', ...here());
    expect(again.code, again.stdout).toBe(0);
    expect(again.stdout).toMatch(/ready\n$/);
  });

  test('plan tells the difference, the way back, the permissions and the pods, and changes nothing', async () => {
    const before = await cluster.get(refOf(app[0] as RawObject));
    const { code, stdout } = await workplace.run(
      'plan',
      'image-not-found',
      '--target',
      'site-deployment',
      ...here(),
      '--output',
      'json',
    );
    expect(code, stdout).toBe(0);
    const plan = JSON.parse(stdout);
    expect(plan.fault.changes).toMatchObject([
      { action: 'update', diff: expect.stringMatching(/\+ +- name: nginx|\+ +image: nginx:1\.27-/) },
    ]);
    expect(plan.undo).toMatchObject([
      { object: { name: 'site' }, action: expect.stringContaining(`uid ${before?.metadata.uid}`) },
    ]);
    expect(plan.pods.pods).toHaveLength(2);
    expect(plan.rollback.toRevision).toBe('1');
    expect(plan.permissions.every((permission: { allowed: boolean }) => permission.allowed)).toBe(true);
    expect(plan.watched.probes[0]).toContain('GET / of site:http');
    expect((await cluster.get(refOf(app[0] as RawObject)))?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  });

  test('the Role needs no cluster to be printed, and is one that kubectl applies', async () => {
    const { code, stdout } = await workplace.run('plan', 'service-to-nowhere', '--target', 'site-deployment', '--role');
    expect(code).toBe(0);
    const [role, binding] = parseAllDocuments(stdout)
      .map(document => document.toJS())
      .filter(Boolean);
    expect(role).toMatchObject({ kind: 'Role', metadata: { name: 'rehearse-service-to-nowhere', namespace: 'web' } });
    expect(binding).toMatchObject({ kind: 'RoleBinding', roleRef: { name: role.metadata.name } });
    expect(role.rules).toContainEqual({
      apiGroups: [''],
      resources: ['services'],
      resourceNames: ['site'],
      verbs: ['get', 'patch', 'update'],
    });
  });

  test.each([
    ['image-not-found', 'site-deployment', 'Deployment'],
    ['service-to-nowhere', 'site-deployment', 'Service'],
    ['crash-on-start', 'site-statefulset', 'StatefulSet'],
  ])(
    'the drill %s on %s: found, brought back, put back',
    async (scenario, target, kind) => {
      const own = createWorkplace();
      try {
        for (const folder of ['scenarios', 'runbooks']) expect(existsSync(join(workplace.directory, folder))).toBe(true);
        const { code, stdout, stderr } = await own.run(
          'run',
          join(workplace.directory, 'scenarios', `${scenario}.yaml`),
          '--target',
          target,
          '--config',
          join(workplace.directory, 'rehearse.yaml'),
          '--plain',
          ...here(),
        );
        expect(code, stdout + stderr).toBe(0);
        const record = own.record();
        expect(record.diagnosis.answers.at(-1)).toMatchObject({
          correct: true,
          suspects: [{ workload: { kind, name: 'site' } }],
        });
        expect(record.restore).toMatchObject({ proven: true });
        expect(own.journals()).toEqual([]);
      } finally {
        own.remove();
      }
    },
    DRILL,
  );

  test('a target of rehearse.yaml can be of the embedded sandbox', async () => {
    writeFileSync(
      join(workplace.directory, 'demo.yaml'),
      stringify({
        apiVersion: 'rehearse.dev/v1',
        kind: 'Config',
        targets: {
          demo: { namespace: 'shop', workload: 'deployment/payments', probe: { service: 'frontend', path: '/checkout' } },
        },
      }),
    );
    const { code, stdout } = await workplace.run(
      'plan',
      'never-ready',
      '--target',
      'demo',
      '--config',
      'demo.yaml',
      '--output',
      'json',
    );
    expect(code, stdout).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ready: true, cluster: { provider: 'sandbox' }, target: { name: 'payments' } });
  });

  test.each([
    ['a scenario without a target of its own', ['run', 'scenarios/never-ready.yaml'], '--target NAME'],
    [
      'a target that rehearse.yaml does not have',
      ['plan', 'never-ready', '--target', 'stie-deployment'],
      'did you mean `site-deployment`',
    ],
    ['a target and a context', ['doctor', '--target', 'site-deployment', '--context', 'x'], 'leave --context'],
    ['init of a namespace with nothing in it', ['init', '-n', 'nothing', '--directory', 'new'], 'nothing to rehearse'],
  ])('%s is a mistake, told with what to do', async (_what, args, message) => {
    const { code, stderr } = await workplace.run(...args, ...(args[0] === 'run' ? [] : here()));
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(existsSync(join(workplace.directory, 'new'))).toBe(false);
  });
});

describe('a cluster that the guard refuses is sent nothing but reads, not even a dry run', () => {
  let server: Awaited<ReturnType<typeof scriptedServer>>;
  let workplace: Workplace;
  let labels: Record<string, string>;
  beforeEach(async () => {
    workplace = createWorkplace();
    labels = { 'rehearse.dev/staging': 'true' };
    server = await scriptedServer(({ path }, response) => {
      if (path === '/version') json(response, 200, { gitVersion: 'v1.34.4' });
      else if (/^\/api\/v1\/namespaces\/[^/]+$/.test(path))
        json(response, 200, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } });
      else json(response, 404, status(404, 'NotFound', 'the server could not find the requested resource'));
    });
  });
  afterEach(async () => {
    workplace.remove();
    await server.stop();
  });

  const optIn = (context = 'test') => ({ context, server: server.url, namespaces: ['shop'] });
  const refusals: [string, () => { context?: string; staging: object[]; labels?: Record<string, string> }][] = [
    ['nothing is opted in', () => ({ staging: [] })],
    ['another server is', () => ({ staging: [{ ...optIn(), server: 'https://staging.example:6443' }] })],
    ['its namespace has no label', () => ({ staging: [optIn()], labels: {} })],
    ['it looks like production', () => ({ context: 'eu-prod', staging: [optIn('eu-prod')] })],
  ];
  test.each(refusals)('%s', async (_why, given) => {
    const { context = 'test', staging, labels: other } = given();
    if (other) labels = other;
    writeFileSync(
      join(workplace.directory, 'rehearse.yaml'),
      stringify({ apiVersion: 'rehearse.dev/v1', kind: 'Config', staging }),
    );
    const kubeconfig = join(workplace.directory, 'kubeconfig');
    writeFileSync(kubeconfig, kubeconfigFor(server.url).replaceAll('"test"', JSON.stringify(context)), { mode: 0o600 });
    for (const command of ['run', 'plan', 'doctor']) {
      const { code, stdout, stderr } = await workplace.run(
        command,
        'error-rate',
        '--kubeconfig',
        kubeconfig,
        '--context',
        context,
      );
      expect(code, `${command}: ${stdout}${stderr}`).toBe(3);
    }
    expect(new Set(server.asked.map(({ method, path }) => `${method} ${path}`))).toEqual(
      new Set(['GET /version', 'GET /api/v1/namespaces/shop']),
    );
    expect(workplace.journals()).toEqual([]);
  });

  test('init opts in nothing that looks like production', async () => {
    const kubeconfig = join(workplace.directory, 'kubeconfig');
    writeFileSync(kubeconfig, kubeconfigFor(server.url), { mode: 0o600 });
    const { code, stderr } = await workplace.run('init', '--kubeconfig', kubeconfig, '-n', 'live');
    expect([code, stderr]).toEqual([3, expect.stringContaining('live looks like production')]);
    expect(existsSync(join(workplace.directory, 'rehearse.yaml'))).toBe(false);
    expect(server.asked).toEqual([]);
  });
});
