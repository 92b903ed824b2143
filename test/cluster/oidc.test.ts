import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { createCredentials } from '../../src/sandbox/certificates.ts';
import { type Asked, configMap, json, kubeconfigFor, scriptedServer, status } from './scripted-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const REF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' };

function idToken(name: string, goodForSeconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub: name, exp: Math.floor(Date.now() / 1000) + goodForSeconds })}.x`;
}
const OLD = idToken('old', -60);
const NEW = idToken('new', 3600);

async function server(answer: (asked: Asked, response: ServerResponse) => void) {
  const started = await scriptedServer(answer);
  cleanups.push(() => started.stop());
  return started;
}

/** An OpenID provider: its discovery document and its token endpoint, which answers as the test says. */
async function issuer(token: (form: URLSearchParams, response: ServerResponse, times: number) => void, discovery: object = {}) {
  const forms: { form: URLSearchParams; authorization: string | undefined }[] = [];
  const started = await server((asked, response) => {
    if (asked.path === '/realm/.well-known/openid-configuration')
      return json(response, 200, { issuer: `${started.url}/realm`, token_endpoint: `${started.url}/realm/token`, ...discovery });
    if (asked.path !== '/realm/token' || asked.method !== 'POST') return json(response, 404, {});
    const form = new URLSearchParams(asked.body);
    forms.push({ form, authorization: asked.headers.authorization });
    token(form, response, forms.length);
  });
  return { url: `${started.url}/realm`, forms, stop: started.stop };
}
const renewing = (_form: URLSearchParams, response: ServerResponse, times: number) =>
  json(response, 200, { token_type: 'Bearer', access_token: 'a', id_token: NEW, refresh_token: `refresh-${times + 1}` });

function user(issuerUrl: string, config: Record<string, string> = {}) {
  const all = {
    'idp-issuer-url': issuerUrl,
    'client-id': 'kubectl',
    'refresh-token': 'refresh-1',
    'id-token': OLD,
    ...config,
  };
  return { 'auth-provider': { name: 'oidc', config: all } };
}
async function clusterOf(url: string, auth: Record<string, unknown>) {
  const cluster = await connect({ kubeconfigText: kubeconfigFor(url, auth) });
  cleanups.push(() => cluster.close());
  return cluster;
}
const takesAll = () => server((_asked, response) => json(response, 200, configMap('a', 1)));
const bearers = (asked: Asked[]) => [...new Set(asked.map(({ headers }) => headers.authorization))];

describe('an id token', () => {
  test('that expired is renewed once for all requests, and the new one is sent', async () => {
    const api = await takesAll();
    const idp = await issuer(renewing);
    const cluster = await clusterOf(api.url, user(idp.url));
    await Promise.all(Array.from({ length: 10 }, () => cluster.get(REF)));
    await cluster.get(REF);
    expect(api.asked).toHaveLength(11);
    expect(bearers(api.asked)).toEqual([`Bearer ${NEW}`]);
    expect(idp.forms).toHaveLength(1);
    expect(Object.fromEntries(idp.forms[0]?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-1',
      client_id: 'kubectl',
    });
  });

  test('that expires again is renewed with the refresh token that came with it, or the old one when none came', async () => {
    const api = await takesAll();
    const idp = await issuer((_form, response, times) =>
      json(response, 200, { id_token: idToken(`short-${times}`, 0), ...(times === 1 ? { refresh_token: 'refresh-2' } : {}) }),
    );
    const cluster = await clusterOf(api.url, user(idp.url));
    for (let index = 0; index < 3; index++) await cluster.get(REF);
    expect(idp.forms.map(({ form }) => form.get('refresh_token'))).toEqual(['refresh-1', 'refresh-2', 'refresh-2']);
  });

  test('that the server turns away although it is not over is renewed', async () => {
    const revoked = idToken('revoked', 3600);
    const api = await server(({ headers }, response) =>
      headers.authorization === `Bearer ${NEW}`
        ? json(response, 200, configMap('a', 1))
        : json(response, 401, status(401, 'Unauthorized', 'Unauthorized')),
    );
    const idp = await issuer(renewing);
    await (await clusterOf(api.url, user(idp.url, { 'id-token': revoked }))).get(REF);
    expect(bearers(api.asked)).toEqual([`Bearer ${revoked}`, `Bearer ${NEW}`]);
  });

  test.each([
    ['by name and password', {}, `Basic ${Buffer.from('kubectl:s%3Acret').toString('base64')}`, null],
    [
      'in the form, where the issuer wants it so',
      { token_endpoint_auth_methods_supported: ['client_secret_post'] },
      undefined,
      's:cret',
    ],
  ])('of a client with a secret is renewed with it, %s', async (_what, discovery, authorization, inForm) => {
    const api = await takesAll();
    const idp = await issuer(renewing, discovery);
    await (await clusterOf(api.url, user(idp.url, { 'client-secret': 's:cret' }))).get(REF);
    expect(idp.forms[0]?.authorization).toBe(authorization);
    expect(idp.forms[0]?.form.get('client_secret')).toBe(inForm);
  });

  test('is renewed at an issuer with an authority of its own', async () => {
    const api = await takesAll();
    const { ca, serverCertificate, serverKey } = createCredentials('admin', Date.now());
    const idp = createHttpsServer({ cert: serverCertificate, key: serverKey }, (request, response) => {
      const { port } = idp.address() as AddressInfo;
      if (request.method === 'GET') return json(response, 200, { token_endpoint: `https://127.0.0.1:${port}/token` });
      json(response, 200, { id_token: NEW });
    });
    await new Promise<void>(resolve => idp.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      idp.close();
      idp.closeAllConnections();
    });
    const url = `https://127.0.0.1:${(idp.address() as AddressInfo).port}`;
    const trusted = user(url, { 'idp-certificate-authority-data': Buffer.from(ca).toString('base64') });
    await (await clusterOf(api.url, trusted)).get(REF);
    expect(bearers(api.asked)).toEqual([`Bearer ${NEW}`]);
    await expect((await clusterOf(api.url, user(url))).get(REF)).rejects.toMatchObject({ message: expect.stringContaining(url) });
  });
});

describe('the tokens in the kubeconfig', () => {
  test('are replaced as kubectl does it, all else stays: the issuer no longer takes the old refresh token', async () => {
    const api = await takesAll();
    const idp = await issuer(renewing);
    const folder = await mkdtemp(path.join(tmpdir(), 'rehearse-oidc-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'config');
    const text = `# ours
apiVersion: v1
kind: Config
current-context: test
clusters:
  - name: test
    cluster: { server: "${api.url}" }
contexts:
  - name: test
    context: { cluster: test, user: jo }
users:
  - name: other
    user:
      auth-provider: { name: oidc, config: { id-token: theirs } }
  - name: jo # me
    user:
      auth-provider:
        name: oidc
        config:
          idp-issuer-url: ${idp.url}
          client-id: kubectl
          id-token: ${OLD}
          refresh-token: refresh-1
`;
    await writeFile(file, text, { mode: 0o600 });
    const cluster = await connect({ kubeconfig: file });
    cleanups.push(() => cluster.close());
    await cluster.get(REF);
    expect(await readFile(file, 'utf8')).toBe(text.replace(OLD, NEW).replace('refresh-1', 'refresh-2'));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['config']);
  });
});

describe('an id token that cannot be renewed names the user and what to do', () => {
  test.each([
    [
      'as the issuer refuses',
      (response: ServerResponse) => json(response, 400, { error: 'invalid_grant', error_description: 'Session not active' }),
      { reason: 'Credentials', message: 'answered 400 (invalid_grant, Session not active)', hint: 'log in again' },
    ],
    [
      'as its answer has none',
      (response: ServerResponse) => json(response, 200, { access_token: 'a' }),
      { reason: 'Credentials', message: 'no id_token', hint: 'log in again' },
    ],
    [
      'as the issuer is in trouble, which may pass',
      (response: ServerResponse) => void response.writeHead(502).end('<html>'),
      { reason: 'CredentialsUnavailable', message: 'answered 502', hint: 'can be reached' },
    ],
  ])('%s', async (_what, answer, { reason, message, hint }) => {
    const api = await takesAll();
    const idp = await issuer((_form, response) => answer(response));
    const failure = await (await clusterOf(api.url, user(idp.url))).get(REF).catch(error => error);
    expect(failure).toMatchObject({ status: 0, reason, hint: expect.stringContaining(hint) });
    expect(failure.message).toContain(`the id token of user "test" could not be renewed at ${idp.url}`);
    expect(failure.message).toContain(message);
    // It is not sent: the server would only say that it does not know who asks.
    expect(api.asked).toEqual([]);
  });

  test('as nothing listens there, which may pass', async () => {
    const api = await takesAll();
    const idp = await issuer(renewing);
    await idp.stop();
    await expect((await clusterOf(api.url, user(idp.url))).get(REF)).rejects.toMatchObject({
      reason: 'CredentialsUnavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('as the kubeconfig has no refresh token', async () => {
    const api = await takesAll();
    const idp = await issuer(renewing);
    await expect((await clusterOf(api.url, user(idp.url, { 'refresh-token': '' }))).get(REF)).rejects.toMatchObject({
      reason: 'Credentials',
      message: expect.stringContaining('the kubeconfig has no refresh-token'),
      hint: expect.stringContaining('log in again'),
    });
    expect(api.asked).toEqual([]);
  });

  test('an issuer that does not answer is left with the request', async () => {
    const api = await takesAll();
    const idp = await issuer(() => {});
    const cluster = await clusterOf(api.url, user(idp.url));
    const over = new AbortController();
    const pending = cluster.request('GET', '/version', { signal: over.signal });
    over.abort(new Error('interrupted'));
    await expect(pending).rejects.toThrow('interrupted');
    await expect(cluster.request('GET', '/version', { timeoutMs: 100 })).rejects.toMatchObject({
      reason: 'CredentialsUnavailable',
      message: 'the identity provider of user "test" gave nothing within 0.1 s',
    });
  });
});
