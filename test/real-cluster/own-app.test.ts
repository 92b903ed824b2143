/**
 * Somebody's own app on real Kubernetes: what the guard and the preflight refuse, drills with the minimal Role, a Service that is put back.
 * Needs REHEARSE_TEST_KUBECONFIG and kubectl (and REHEARSE_TEST_IMAGE, an image on the nodes that has a shell and `httpd`); skipped, saying so, without.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { type ConnectedCluster, connect } from '../../src/cluster/connection.ts';
import { settle } from '../../src/cluster/settle.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';
import { kubeconfigFor, scriptedServer } from '../cluster/scripted-server.ts';

const kubeconfig = process.env['REHEARSE_TEST_KUBECONFIG'];
if (!kubeconfig) console.warn('SKIPPED: an own app on real Kubernetes: REHEARSE_TEST_KUBECONFIG is not set');
const image = process.env['REHEARSE_TEST_IMAGE'] ?? 'lab/busybox:1';
const namespace = `own-app-${process.pid}`;
const DRILL = 240_000;

const kubectl = (args: string[], input?: string) =>
  execFileSync('kubectl', ['--kubeconfig', String(kubeconfig), '-n', namespace, ...args], {
    encoding: 'utf8',
    ...(input === undefined ? {} : { input }),
  });

const site = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'site' };
const app: RawObject[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'rehearse.dev/staging': 'true' } } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'site', namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'site' } },
      template: {
        metadata: { labels: { app: 'site' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'httpd',
              image,
              imagePullPolicy: 'IfNotPresent',
              command: ['sh', '-c', 'mkdir -p /tmp/www && echo hello > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www'],
              ports: [{ name: 'http', containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/index.html', port: 'http' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'site', namespace },
    spec: { selector: { app: 'site' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  },
];

describe.skipIf(!kubeconfig)('an own app on real Kubernetes', () => {
  let cluster: ConnectedCluster;
  let workplace: Workplace;

  beforeAll(async () => {
    cluster = await connect({ kubeconfig: String(kubeconfig) });
    for (const object of app) await cluster.create(object);
    await settle(cluster, systemClock, site, AbortSignal.timeout(120_000));
  }, DRILL);
  afterAll(async () => {
    await cluster.delete({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
    cluster.close();
  });
  beforeEach(async () => {
    workplace = createWorkplace();
    const { code, stderr } = await workplace.run('init', '--kubeconfig', String(kubeconfig), '-n', namespace);
    expect(code, stderr).toBe(0);
  });
  afterEach(() => workplace.remove());

  const drill = (command: string, scenario: string, path = String(kubeconfig), ...more: string[]) =>
    workplace.run(command, scenario, '--target', 'site', '--kubeconfig', path, ...more);
  /** What somebody asked for, and whose object it is. */
  const desired = async () =>
    Promise.all(
      [site, { apiVersion: 'v1', kind: 'Service', namespace, name: 'site' }].map(async ref => {
        const { metadata, spec } = (await cluster.get(ref)) as RawObject;
        return { uid: metadata.uid, labels: metadata.labels, spec };
      }),
    );

  describe('is refused, and not changed, when', () => {
    const hpa: RawObject = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'site', namespace },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'site' }, minReplicas: 2, maxReplicas: 4 },
    };
    const pdb: RawObject = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'site', namespace },
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'site' } } },
    };
    const label = (value: string | null) =>
      cluster.patch(site, { metadata: { labels: { 'kustomize.toolkit.fluxcd.io/name': value } } }, 'merge');
    const made = (object: RawObject) => ({
      async prepare() {
        await cluster.create(object);
        if (object === pdb)
          await expect
            .poll(async () => (await cluster.get({ ...pdb, namespace, name: 'site' }))?.['status']?.expectedPods, {
              timeout: 30_000,
            })
            .toBe(2);
      },
      undo: () => cluster.delete({ apiVersion: object.apiVersion, kind: object.kind, namespace, name: 'site' }),
    });
    test.each([
      ['an autoscaler scales it', made(hpa), 'HorizontalPodAutoscaler site (2 to 4 replicas)'],
      ['its disruption budget has no room', made(pdb), 'PodDisruptionBudget site allows 0 disruptions'],
      ['Flux manages it', { prepare: () => label('front'), undo: () => label(null) }, 'Flux manages deployment/site'],
    ])(
      '%s',
      async (_why, { prepare, undo }, message) => {
        await prepare();
        try {
          const before = await desired();
          for (const command of ['doctor', 'plan', 'run']) {
            const { code, stdout, stderr } = await drill(command, 'image-not-found');
            expect([command, code], stdout + stderr).toEqual([command, 3]);
            expect(`${stdout}${stderr}`.replace(/\s+/g, ' ')).toContain(message);
          }
          expect(await desired()).toEqual(before);
        } finally {
          await undo();
        }
      },
      DRILL,
    );
  });

  test(
    'a refused cluster gets not one request that is not a read, as a proxy in between sees it',
    async () => {
      const sent: string[] = [];
      const proxy = await scriptedServer(({ method, path, query, headers, body }, response) => {
        sent.push(method);
        void cluster
          .request(
            method,
            `${path}${query.size > 0 ? `?${query}` : ''}`,
            body === '' ? {} : { body: JSON.parse(body), contentType: headers['content-type'] ?? 'application/json' },
          )
          .then(answer =>
            response
              .writeHead(answer.status, { 'content-type': 'application/json', date: answer.headers['date'] })
              .end(answer.body),
          );
      });
      const path = join(workplace.directory, 'proxied');
      writeFileSync(path, kubeconfigFor(proxy.url), { mode: 0o600 });
      const config = (namespaces: string[]) =>
        writeFileSync(
          join(workplace.directory, 'rehearse.yaml'),
          stringify({
            apiVersion: 'rehearse.dev/v1',
            kind: 'Config',
            staging: [{ context: 'test', server: proxy.url, namespaces }],
            targets: {
              site: { context: 'test', namespace, workload: 'deployment/site', probe: { service: 'site', path: '/index.html' } },
            },
          }),
        );
      try {
        config(['another']);
        for (const command of ['run', 'plan', 'doctor']) expect((await drill(command, 'image-not-found', path)).code).toBe(3);
        expect(sent.length).toBeGreaterThan(5);
        expect(new Set(sent)).toEqual(new Set(['GET']));
        // The same way lets through what the guard allows: the proxy would have seen it.
        config([namespace]);
        const { code, stdout } = await drill('plan', 'image-not-found', path);
        expect(code, stdout).toBe(0);
        expect(new Set(sent)).toEqual(new Set(['GET', 'POST', 'PATCH']));
      } finally {
        await proxy.stop();
      }
    },
    DRILL,
  );

  /** A kubeconfig of a ServiceAccount that has what `objects` grant, and nothing else. */
  function serviceAccount(objects: RawObject[]): string {
    kubectl(['create', 'serviceaccount', 'rehearse']);
    kubectl(['apply', '-f', '-'], objects.map(object => stringify(object)).join('---\n'));
    const token = kubectl(['create', 'token', 'rehearse']).trim();
    const given = JSON.parse(kubectl(['config', 'view', '--raw', '--minify', '-o', 'json']));
    given.users[0].user = { token };
    const path = join(workplace.directory, 'kubeconfig');
    writeFileSync(path, JSON.stringify(given), { mode: 0o600 });
    return path;
  }
  const role = async (scenario: string): Promise<RawObject[]> =>
    parseAllDocuments((await drill('plan', scenario, String(kubeconfig), '--role')).stdout)
      .map(document => document.toJS() as RawObject | null)
      .filter(object => object !== null);
  const withdraw = () => {
    kubectl(['delete', 'serviceaccount', 'rehearse']);
    kubectl(['delete', 'role,rolebinding', '--all']);
  };

  test.each(['crash-on-start', 'service-to-nowhere'])(
    'the drill %s needs the printed Role and nothing else',
    async scenario => {
      const path = serviceAccount(await role(scenario));
      try {
        const before = await desired();
        const { code, stdout, stderr } = await drill('run', scenario, path, '--plain');
        expect(code, stdout + stderr).toBe(0);
        const record = workplace.record();
        expect(record.diagnosis.answers.at(-1)?.correct).toBe(true);
        expect(record.restore?.proven).toBe(true);
        expect(await desired()).toEqual(before);
        expect(workplace.journals()).toEqual([]);
      } finally {
        withdraw();
      }
    },
    DRILL,
  );

  test.each([
    ['secrets', 'create', 'create secrets (undo journal)'],
    ['deployments', 'patch', 'patch deployments.apps/site (bad deploy, rollback and restore)'],
    ['replicasets', 'delete', 'delete replicasets.apps (restore'],
  ])(
    'without the permission %s %s, plan says which is missing and run is refused before it injects',
    async (resource, verb, told) => {
      const objects = await role('crash-on-start');
      for (const rule of objects[0]?.['rules'] ?? [])
        if (rule.resources.includes(resource)) rule.verbs = rule.verbs.filter((given: string) => given !== verb);
      const path = serviceAccount(objects);
      try {
        const before = await cluster.get(site);
        const plan = await drill('plan', 'crash-on-start', path);
        expect(plan.code, plan.stdout).toBe(3);
        expect(plan.stdout).toContain(told);
        const { code, stdout } = await drill('run', 'crash-on-start', path, '--plain');
        expect(code, stdout).toBe(3);
        expect(stdout.replace(/\s+/g, ' ')).toMatch(new RegExp(`${verb} (resource )?"?${resource}`));
        expect((await cluster.get(site))?.metadata.generation).toBe(before?.metadata.generation);
        expect(workplace.journals()).toEqual([]);
      } finally {
        withdraw();
      }
    },
    DRILL,
  );
});
