import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { loadKubeconfig } from '../../src/cluster/kubeconfig.ts';
import { proxyFor } from '../../src/cluster/proxy-environment.ts';
import { createTransport } from '../../src/cluster/transport.ts';
import { createCredentials } from '../../src/sandbox/certificates.ts';
import { configMap, json, kubeconfigFor, scriptedServer } from './scripted-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(contents: Record<string, string>): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'rehearse-kubeconfig-'));
  cleanups.push(() => rm(made, { recursive: true }));
  for (const [name, text] of Object.entries(contents)) await writeFile(path.join(made, name), text, { mode: 0o700 });
  return made;
}
async function scripted() {
  const started = await scriptedServer((_asked, response) => json(response, 200, configMap('a', 1)));
  cleanups.push(() => started.stop());
  return started;
}
const REF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' };

describe('in a pod', () => {
  /** An API server over TLS with an authority of its own, as a pod sees it. */
  async function pod() {
    const { ca, serverCertificate, serverKey } = createCredentials('admin', Date.now());
    const tokens: (string | undefined)[] = [];
    const server = createHttpsServer({ cert: serverCertificate, key: serverKey }, (request, response) => {
      tokens.push(request.headers.authorization);
      json(response, 200, {});
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.close();
      server.closeAllConnections();
    });
    const serviceAccount = await folder({ 'ca.crt': ca, token: 'first\n', namespace: 'shop' });
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', String((server.address() as AddressInfo).port));
    return { serviceAccount, tokens };
  }

  test('the service account is used, by its authority, and its token is read anew when it rotates', async () => {
    const { serviceAccount, tokens } = await pod();
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', serviceAccount);
    const config = await loadKubeconfig({ serviceAccount });
    expect(config).toMatchObject({ context: 'in-cluster', namespace: 'shop' });
    const transport = createTransport(config);
    cleanups.push(() => transport.close());
    await transport.request({ method: 'GET', path: '/version' });
    await writeFile(path.join(serviceAccount, 'token'), 'second\n');
    await transport.request({ method: 'GET', path: '/version' });
    expect(tokens).toEqual(['Bearer first', 'Bearer second']);
  });

  test('--context in-cluster means it although there is a kubeconfig; a context of that name goes before', async () => {
    const { serviceAccount } = await pod();
    const other = await folder({
      config: kubeconfigFor('https://elsewhere'),
      named: kubeconfigFor('https://named').replaceAll('"test"', '"in-cluster"'),
    });
    vi.stubEnv('KUBECONFIG', path.join(other, 'config'));
    expect((await loadKubeconfig({ serviceAccount })).server).toBe('https://elsewhere');
    expect((await loadKubeconfig({ serviceAccount, context: 'in-cluster' })).server).toMatch(/^https:\/\/127\.0\.0\.1:/);
    vi.stubEnv('KUBECONFIG', path.join(other, 'named'));
    expect((await loadKubeconfig({ serviceAccount, context: 'in-cluster' })).server).toBe('https://named');
  });

  test('outside of one it says so', async () => {
    vi.stubEnv('KUBECONFIG', '/nowhere/config');
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    await expect(loadKubeconfig({ context: 'in-cluster' })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('no service account'),
    });
  });
});

describe('several files in KUBECONFIG', () => {
  test('cluster, user and context may each come from another, with paths beside their own', async () => {
    const started = await scripted();
    const whole = JSON.parse(kubeconfigFor(started.url, { tokenFile: 'token' }));
    const { clusters, users, contexts, ...rest } = whole;
    const one = await folder({ clusters: JSON.stringify({ ...rest, 'current-context': '', clusters }) });
    const two = await folder({ users: JSON.stringify({ ...rest, users }), token: 'of-two' });
    const three = await folder({ contexts: JSON.stringify({ contexts, 'current-context': 'other' }) });
    vi.stubEnv(
      'KUBECONFIG',
      [path.join(one, 'clusters'), path.join(two, 'users'), path.join(three, 'contexts')].join(path.delimiter),
    );
    const cluster = await connect({});
    cleanups.push(() => cluster.close());
    expect(cluster.context).toBe('test');
    await cluster.get(REF);
    expect(started.asked[0]?.headers.authorization).toBe('Bearer of-two');
  });
});

describe('credentials', () => {
  test('a plugin named by a path is found beside the kubeconfig, gets its env, and is asked again when its token expired', async () => {
    const started = await scripted();
    const made = await folder({
      plugin: `#!/bin/sh
count=$(cat "$COUNT" 2>/dev/null || echo 0); count=$((count + 1)); echo $count > "$COUNT"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-'$count'","expirationTimestamp":"2020-01-01T00:00:00Z"}}'
`,
    });
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin',
      args: [],
      env: [{ name: 'COUNT', value: path.join(made, 'count') }],
      interactiveMode: 'Never',
    };
    await writeFile(path.join(made, 'config'), kubeconfigFor(started.url, { exec }));
    const cluster = await connect({ kubeconfig: path.join(made, 'config') });
    cleanups.push(() => cluster.close());
    await cluster.get(REF);
    await cluster.get(REF);
    expect(started.asked.map(asked => asked.headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('an OIDC user sends its id token while it is good', async () => {
    const started = await scripted();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const idToken = `${part({ alg: 'none' })}.${part({ iss: 'https://issuer', exp: Math.floor(Date.now() / 1000) + 3600 })}.x`;
    const user = {
      'auth-provider': {
        name: 'oidc',
        config: { 'idp-issuer-url': 'https://issuer', 'client-id': 'kubectl', 'refresh-token': 'r', 'id-token': idToken },
      },
    };
    const cluster = await connect({ kubeconfigText: kubeconfigFor(started.url, user) });
    cleanups.push(() => cluster.close());
    await cluster.get(REF);
    expect(started.asked[0]?.headers.authorization).toBe(`Bearer ${idToken}`);
  });
});

describe('the proxy of the environment', () => {
  test('is asked for a tunnel to the server, whose name it resolves itself', async () => {
    const started = await scripted();
    const tunnels: string[] = [];
    const proxy = createHttpServer();
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      const onward = connectSocket(Number(new URL(started.url).port), '127.0.0.1', () => {
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
    vi.stubEnv('HTTP_PROXY', `127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    vi.stubEnv('NO_PROXY', '');
    const cluster = await connect({ kubeconfigText: kubeconfigFor('http://api.staging.example:8080') });
    cleanups.push(() => cluster.close());
    expect((await cluster.get(REF))?.metadata.name).toBe('a');
    expect(tunnels).toEqual(['api.staging.example:8080']);
  });

  test.each([
    ['https://api.example', '', 'http://proxy:3128'],
    ['https://127.0.0.1:6443', '', undefined],
    ['https://localhost:6443', '', undefined],
    ['https://[::1]:6443', '', undefined],
    ['https://api.example', '*', undefined],
    ['https://api.example', 'other.example, example', undefined],
    ['https://example', '.example', 'http://proxy:3128'],
    ['https://api.example', '.example', undefined],
    ['https://badexample', 'example', 'http://proxy:3128'],
    ['https://10.1.2.3', '10.0.0.0/8', undefined],
    ['https://11.1.2.3', '10.0.0.0/8', 'http://proxy:3128'],
    ['https://[fd00::1]', 'fd00::/8', undefined],
    ['https://api.example:6443', 'api.example:443', 'http://proxy:3128'],
    ['https://api.example:6443', 'api.example:6443', undefined],
  ])('for %s with NO_PROXY=%s: %s', (server, noProxy, expected) => {
    expect(proxyFor(server, { HTTPS_PROXY: 'proxy:3128', no_proxy: noProxy })).toBe(expected);
  });
});
