import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { clockSkew, connect } from '../../src/cluster/connection.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { Cluster, RawObject } from '../../src/rehearsal/ports.ts';
import { configMap, json, kubeconfigFor, scriptedServer, status } from './scripted-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function server(answer: Parameters<typeof scriptedServer>[0]) {
  const started = await scriptedServer(answer);
  cleanups.push(() => started.stop());
  return started;
}
async function clusterOf(kubeconfigText: string) {
  const cluster = await connect({ kubeconfigText });
  cleanups.push(() => cluster.close());
  return cluster;
}
const REF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' };

describe('requests', () => {
  test('a missing object is undefined, a missing kind is an error', async () => {
    const { kubeconfigText } = await server((asked, response) => {
      if (asked.path.endsWith('/configmaps/a')) return json(response, 404, status(404, 'NotFound', 'configmaps "a" not found'));
      json(response, 404, status(404, 'NotFound', 'the server could not find the requested resource'));
    });
    const cluster = await clusterOf(kubeconfigText);
    expect(await cluster.get(REF)).toBeUndefined();
    await expect(cluster.get({ apiVersion: 'example.com/v1', kind: 'Thing', name: 'x' })).rejects.toMatchObject({ status: 404 });
  });

  test('kinds that it does not know are looked up once', async () => {
    const started = await server((asked, response) => {
      if (asked.path === '/apis/argoproj.io/v1alpha1')
        return json(response, 200, {
          resources: [
            { name: 'rollouts', kind: 'Rollout', namespaced: true },
            { name: 'rollouts/status', kind: 'Rollout', namespaced: true },
          ],
        });
      json(response, 200, { metadata: { name: 'x' } });
    });
    const cluster = await clusterOf(started.kubeconfigText);
    const ref = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', namespace: 'shop', name: 'x' };
    await cluster.get(ref);
    await cluster.get(ref);
    expect(started.asked.map(asked => asked.path)).toEqual([
      '/apis/argoproj.io/v1alpha1',
      '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/x',
      '/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/x',
    ]);
  });

  test('lists come in pages, each item with its type', async () => {
    const { kubeconfigText } = await server((asked, response) => {
      const second = asked.query.get('continue') === 'next';
      json(response, 200, {
        metadata: second ? { resourceVersion: '9' } : { resourceVersion: '9', continue: 'next' },
        items: [{ metadata: { name: second ? 'b' : 'a' } }],
      });
    });
    const { items, resourceVersion } = await (await clusterOf(kubeconfigText)).list(
      { apiVersion: 'v1', kind: 'Pod' },
      { namespace: 'shop' },
    );
    expect(items.map(item => `${item.kind} ${item.metadata.name}`)).toEqual(['Pod a', 'Pod b']);
    expect(resourceVersion).toBe('9');
  });

  test('a conflict carries the status, reason and message of the server', async () => {
    const message = 'Operation cannot be fulfilled on configmaps "a": the object has been modified';
    const { kubeconfigText } = await server((_asked, response) => json(response, 409, status(409, 'Conflict', message)));
    await expect((await clusterOf(kubeconfigText)).replace(configMap('a', 1))).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
      serverMessage: message,
      method: 'PUT',
    });
  });

  test('a throttled call is tried again after the time that the server names', async () => {
    let calls = 0;
    const { kubeconfigText } = await server((_asked, response) => {
      if (++calls === 1) return json(response, 429, status(429, 'TooManyRequests', 'later'), { 'retry-after': '0' });
      json(response, 200, configMap('a', 1));
    });
    expect((await (await clusterOf(kubeconfigText)).get(REF))?.metadata.name).toBe('a');
    expect(calls).toBe(2);
  });

  test.each([
    ['a create', (cluster: Cluster) => cluster.create(configMap('b', 1) as RawObject)],
    ['a JSON patch that tests', (cluster: Cluster) => cluster.patch(REF, [{ op: 'test', path: '/data', value: {} }], 'json')],
  ])('%s is sent once when the connection breaks: doing it twice is another thing', async (_what, write) => {
    let writes = 0;
    const { kubeconfigText } = await server((asked, response) => {
      if (asked.method === 'GET') return json(response, 200, configMap('a', 1));
      writes++;
      response.socket?.destroy();
    });
    const cluster = await clusterOf(kubeconfigText);
    // The first request leaves a kept-alive connection, which the second one uses.
    await cluster.get(REF);
    await expect(write(cluster)).rejects.toMatchObject({ reason: 'ConnectionLost' });
    expect(writes).toBe(1);
  });

  test.each([
    ['a read', (cluster: Cluster) => cluster.get(REF)],
    ['a list', (cluster: Cluster) => cluster.list(REF, { namespace: 'shop' })],
    ['a replacement', (cluster: Cluster) => cluster.replace(configMap('a', 1) as RawObject)],
    ['a merge patch', (cluster: Cluster) => cluster.patch(REF, { data: {} }, 'merge')],
    ['a deletion', (cluster: Cluster) => cluster.delete(REF, { uid: 'uid-a' })],
    ['a watch', (cluster: Cluster) => cluster.watch(REF, { namespace: 'shop', signal: AbortSignal.timeout(10_000) }, () => {})],
  ])('%s comes through a reset, 503, 500 and 429, in the pace that the server asks for', async (_what, ask) => {
    let attempts = 0;
    const { kubeconfigText } = await server(({ query }, response) => {
      if (query.get('watch')) return;
      switch (attempts++) {
        case 1:
          return response.socket?.destroy();
        case 2:
          return json(response, 503, status(503, 'ServiceUnavailable', 'etcd'));
        case 3:
          return json(response, 500, status(500, 'InternalError', 'leader changed'));
        case 4:
          return json(response, 429, status(429, 'TooManyRequests', 'later'), { 'retry-after': '1' });
        default:
          return json(response, 200, { ...configMap('a', 1), items: [] });
      }
    });
    const slept: number[] = [];
    const clock = { ...systemClock, sleep: async (ms: number) => void slept.push(ms) };
    const cluster = await connect({ kubeconfigText, clock });
    await cluster.get(REF);
    await ask(cluster);
    expect(attempts).toBe(6);
    // A read that met a connection which had just been closed is asked again at once.
    expect(slept.length).toBeGreaterThanOrEqual(3);
    expect(slept.at(-1)).toBeGreaterThanOrEqual(1000);
    cluster.close();
  });

  test('a deletion whose answer was lost is done', async () => {
    let deletions = 0;
    const { kubeconfigText } = await server((asked, response) => {
      if (asked.method === 'GET') return json(response, 200, configMap('a', 1));
      if (++deletions === 1) return response.socket?.destroy();
      return json(response, 404, status(404, 'NotFound', 'configmaps "a" not found'));
    });
    const cluster = await clusterOf(kubeconfigText);
    await cluster.get(REF);
    await cluster.delete(REF);
    expect(deletions).toBe(2);
    await expect(cluster.delete(REF)).rejects.toMatchObject({ status: 404 });
  });

  test('ends with its signal, and at its deadline', async () => {
    const { kubeconfigText } = await server(() => {});
    const cluster = await clusterOf(kubeconfigText);
    const over = new AbortController();
    const pending = cluster.request('GET', '/slow', { signal: over.signal });
    over.abort(new Error('interrupted'));
    await expect(pending).rejects.toThrow('interrupted');
    await expect(cluster.request('GET', '/slow', { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'RequestTimeout' });
  });

  test.each([
    [401, 'log in again'],
    [403, 'auth can-i'],
  ])('%i says what to do next', async (code, hint) => {
    const { kubeconfigText } = await server((_asked, response) => json(response, code, status(code, 'Refused', 'no')));
    await expect((await clusterOf(kubeconfigText)).get(REF)).rejects.toMatchObject({
      status: code,
      hint: expect.stringContaining(hint),
    });
  });

  test('nothing that listens, and a server without TLS, are told apart', async () => {
    const plain = createServer(socket => {
      socket.on('error', () => {});
      socket.write('not TLS at all\n', () => socket.destroy());
    });
    await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve));
    const { port } = plain.address() as { port: number };
    const tls = await clusterOf(kubeconfigFor(`https://127.0.0.1:${port}`));
    await expect(tls.get(REF)).rejects.toMatchObject({ reason: 'TLS', status: 0 });
    await new Promise(resolve => plain.close(resolve));
    const gone = await clusterOf(kubeconfigFor(`https://127.0.0.1:${port}`));
    await expect(gone.get(REF)).rejects.toMatchObject({
      reason: 'ConnectionRefused',
      hint: expect.stringContaining('is the cluster running'),
    });
  });

  test("the server's clock is compared with ours", async () => {
    const { kubeconfigText } = await server((_asked, response) =>
      json(response, 200, {}, { date: new Date(Date.now() + 60_000).toUTCString() }),
    );
    const { skewMs, uncertaintyMs } = await clockSkew(await clusterOf(kubeconfigText), systemClock);
    expect(Math.abs(skewMs - 60_000)).toBeLessThanOrEqual(uncertaintyMs + 1);
    expect(uncertaintyMs).toBeGreaterThanOrEqual(500);
  });
});

test("a cluster behind a proxy is reached through it, as the kubeconfig's proxy-url says", async () => {
  const started = await server((_asked, response) => json(response, 200, configMap('a', 1)));
  const tunnels: string[] = [];
  const proxy = createHttpServer();
  proxy.on('connect', (request, socket) => {
    tunnels.push(request.url ?? '');
    const [host = '', port] = (request.url ?? '').split(':');
    const onward = connectSocket(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  const config = JSON.parse(kubeconfigFor(started.url));
  config.clusters[0].cluster['proxy-url'] = `http://127.0.0.1:${(proxy.address() as { port: number }).port}`;
  const cluster = await clusterOf(JSON.stringify(config));
  expect((await cluster.get(REF))?.metadata.name).toBe('a');
  expect(tunnels).toEqual([started.url.replace('http://', '')]);
});

describe('kubeconfig', () => {
  async function files(contents: Record<string, string>): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), 'rehearse-kubeconfig-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    for (const [name, text] of Object.entries(contents)) await writeFile(path.join(folder, name), text, { mode: 0o700 });
    return folder;
  }
  function withKubeconfig(value: string): void {
    const before = process.env['KUBECONFIG'];
    process.env['KUBECONFIG'] = value;
    cleanups.push(() => {
      if (before === undefined) delete process.env['KUBECONFIG'];
      else process.env['KUBECONFIG'] = before;
    });
  }

  test('of several files the first definition of a name wins, as with kubectl, and a missing one is skipped', async () => {
    const folder = await files({ one: kubeconfigFor('https://one'), two: kubeconfigFor('https://two') });
    withKubeconfig(['missing', 'one', 'two'].map(name => path.join(folder, name)).join(path.delimiter));
    expect((await connect({})).server).toBe('https://one');
  });

  test('a token file beside the kubeconfig is found from anywhere', async () => {
    const started = await server((_asked, response) => json(response, 200, configMap('a', 1)));
    const folder = await files({ config: kubeconfigFor(started.url, { tokenFile: 'token' }), token: 'from-file' });
    const cluster = await connect({ kubeconfig: path.join(folder, 'config') });
    await cluster.get(REF);
    expect(started.asked[0]?.headers.authorization).toBe('Bearer from-file');
  });

  test('an exec plugin gives the token', async () => {
    const started = await server((_asked, response) => json(response, 200, configMap('a', 1)));
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plugin' },
    };
    const folder = await files({ plugin: `#!/bin/sh\necho '${JSON.stringify(credential)}'\n` });
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: path.join(folder, 'plugin'), args: [] };
    await (await clusterOf(kubeconfigFor(started.url, { exec }))).get(REF);
    expect(started.asked[0]?.headers.authorization).toBe('Bearer from-plugin');
  });

  test('an exec plugin that is not installed is named', async () => {
    const started = await server((_asked, response) => json(response, 200, {}));
    const cluster = await clusterOf(
      kubeconfigFor(started.url, { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-such-plugin' } }),
    );
    await expect(cluster.get(REF)).rejects.toMatchObject({
      message: expect.stringContaining('`no-such-plugin`'),
      hint: expect.stringContaining('install'),
    });
  });

  test.each([
    ['an unknown context lists those that there are', { context: 'prod' }, 'there is no context "prod"', 'test'],
    ['a file that is no kubeconfig', { kubeconfigText: '[1, 2' }, 'not a valid kubeconfig', ''],
    ['a file that is not there', { kubeconfig: '/nowhere/config' }, 'cannot be read: ENOENT', 'path'],
  ])('%s', async (_what, options, message, hint) => {
    await expect(
      connect({
        kubeconfigText: kubeconfigFor('https://x'),
        ...('kubeconfig' in options ? { kubeconfigText: undefined as never } : {}),
        ...options,
      }),
    ).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
  });
});

describe('the audit of our own writes', () => {
  test('every write is told with the uid that the API server gave it; reads, dry runs, reviews and calls of an app are not', async () => {
    const { kubeconfigText } = await server((asked, response) => {
      if (asked.path === '/api/v1') {
        const resources = [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true, verbs: [] }];
        response.end(JSON.stringify({ kind: 'APIResourceList', groupVersion: 'v1', resources }));
        return;
      }
      response.setHeader('Audit-Id', `uid-of-${asked.method}`);
      response.statusCode = asked.method === 'DELETE' ? 404 : 200;
      response.end(
        JSON.stringify({ kind: 'Status', reason: 'NotFound', message: 'configmaps "a" not found', details: { name: 'a' } }),
      );
    });
    const cluster = await clusterOf(kubeconfigText);
    const told: object[] = [];
    const stop = cluster.onWrite(write => told.push(write));
    const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'shop', name: 'a' } };
    await cluster.get(ref);
    await cluster.create(object, { dryRun: true });
    await cluster.create(object);
    await cluster.patch(ref, { data: {} }, 'merge');
    await cluster.delete(ref).catch(() => {});
    await cluster.request('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body: {} });
    await cluster.request('POST', '/api/v1/namespaces/shop/services/frontend:80/proxy/checkout');
    stop();
    await cluster.create(object);
    const path = '/api/v1/namespaces/shop/configmaps';
    expect(told).toEqual([
      { verb: 'POST', path: expect.stringContaining(path), status: 200, auditId: 'uid-of-POST' },
      { verb: 'PATCH', path: expect.stringContaining(`${path}/a`), status: 200, auditId: 'uid-of-PATCH' },
      // Also one that was refused: somebody reads this beside the server's own audit log.
      { verb: 'DELETE', path: expect.stringContaining(`${path}/a`), status: 404, auditId: 'uid-of-DELETE' },
    ]);
  });
});
