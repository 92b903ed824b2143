import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { namedTarget, readConfig } from '../../src/cluster/config.ts';
import { connect } from '../../src/cluster/connection.ts';
import { checkGuard, looksLikeProduction } from '../../src/cluster/guard.ts';
import { json, scriptedServer, status } from './scripted-server.ts';

let server: Awaited<ReturnType<typeof scriptedServer>>;
let labels: Record<string, string> | undefined;
beforeEach(async () => {
  labels = { 'rehearse.dev/staging': 'true' };
  server = await scriptedServer((_asked, response) =>
    labels === undefined
      ? json(response, 403, status(403, 'Forbidden', 'namespaces "shop" is forbidden'))
      : json(response, 200, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } }),
  );
});
afterEach(() => server.stop());

async function guard(namespace: string, optIns: Parameters<typeof checkGuard>[2], context = 'test') {
  const cluster = await connect({ kubeconfigText: server.kubeconfigText.replaceAll('"test"', JSON.stringify(context)) });
  try {
    const { allowed, checks } = await checkGuard(cluster, namespace, optIns);
    return { allowed, failed: checks.filter(check => !check.ok) };
  } finally {
    cluster.close();
  }
}
const optIn = (more: object = {}) => ({ context: 'test', server: server.url, namespaces: ['shop'], ...more });

describe('the staging guard', () => {
  test('lets a drill through where context, server and namespace are opted in and the namespace is labelled', async () => {
    expect(await guard('shop', [optIn()])).toEqual({ allowed: true, failed: [] });
  });

  test.each([
    ['nothing is opted in', () => [], 'not opted in as staging'],
    [
      'the context points to another server than the one that was opted in',
      () => [optIn({ server: 'https://other:6443' })],
      'the context points to',
    ],
    ['another namespace is opted in', () => [optIn({ namespaces: ['web'] })], 'namespace shop is not opted in'],
  ])('refuses when %s, and says what to add', async (_what, optIns, detail) => {
    const { allowed, failed } = await guard('shop', optIns());
    expect(allowed).toBe(false);
    expect(failed.map(check => check.detail).join('\n')).toContain(detail);
    expect(failed[0]?.remedy).toContain(`{ context: test, server: ${server.url}, namespaces: [shop] }`);
  });

  test('refuses a namespace without the label, with another value of it, and one that cannot be read', async () => {
    for (const given of [{}, { 'rehearse.dev/staging': 'yes' }, undefined]) {
      labels = given;
      const { allowed, failed } = await guard('shop', [optIn()]);
      expect([allowed, failed.map(check => check.name)]).toEqual([false, ['namespace labelled']]);
    }
  });

  test('refuses names that look like production although they are opted in', async () => {
    const entry = optIn({ context: 'eu-prod', namespaces: ['shop', 'live'] });
    const { allowed, failed } = await guard('live', [entry], 'eu-prod');
    expect(allowed).toBe(false);
    expect(failed[0]?.detail).toBe('eu-prod and live look like production');
    expect(failed[0]?.remedy).toContain('notProduction: [eu-prod, live]');
  });

  test('lets such a name through only when it is excepted in full', async () => {
    const named = (notProduction: string[]) => guard('live', [optIn({ namespaces: ['live'], notProduction })]);
    expect((await named(['live'])).allowed).toBe(true);
    for (const partly of [['li'], ['LIVE'], ['live-eu'], []]) expect((await named(partly)).allowed, partly.join()).toBe(false);
  });

  test('asks the server for nothing but the namespace', async () => {
    await guard('shop', []);
    expect(server.asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /api/v1/namespaces/shop']);
  });
});

describe('a name looks like production', () => {
  test.each([
    'prod',
    'eu-prod',
    'prod1',
    'production.example.com',
    'PRD',
    'shop_live',
    'euProd',
    'ProdEu',
    'arn:aws:eks:eu:1:cluster/prod',
  ])('%s does', name => expect(looksLikeProduction(name)).toBe(true));
  test.each(['product-catalog', 'reproduce', 'delivery', 'preprod', 'staging-eu', 'liverpool', 'https://127.0.0.1:6443'])(
    '%s does not',
    name => expect(looksLikeProduction(name)).toBe(false),
  );
});

describe('rehearse.yaml', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rehearse-config-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const read = async (text: string) => {
    const path = join(directory, 'rehearse.yaml');
    await writeFile(path, `apiVersion: rehearse.dev/v1\nkind: Config\n${text}`);
    return readConfig(path);
  };

  test('that is not there opts nothing in', async () => {
    expect(await readConfig(join(directory, 'rehearse.yaml'))).toMatchObject({ staging: [], targets: {} });
  });

  test('tells every mistake with its place', async () => {
    await expect(
      read(
        'staging:\n  - context: a\n    server: nowhere\n    namespaces: []\ntargets:\n  api:\n    namespace: web\n    workload: pod/x\n',
      ),
    ).rejects.toThrow(/:5:\d+[\s\S]*:6:\d+[\s\S]*:10:\d+/);
  });

  test('that opts a context in twice is refused: the order must not decide', async () => {
    const entry = '  - { context: a, server: "https://a", namespaces: [x] }\n';
    await expect(read(`staging:\n${entry}${entry}`)).rejects.toThrow('context a is opted in a second time');
  });

  test('names its targets when one is asked for that it does not have', async () => {
    const config = await read('targets:\n  api: { namespace: web, workload: deployment/api }\n');
    expect(namedTarget(config, 'rehearse.yaml', 'api')).toMatchObject({ workload: 'deployment/api' });
    for (const wrong of ['apy', 'toString'])
      expect(() => namedTarget(config, 'rehearse.yaml', wrong)).toThrow(`rehearse.yaml has no target ${wrong}`);
  });
});
