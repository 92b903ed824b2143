import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { type ExecConfig, isInteractive, runExecPlugin } from '../../src/cluster/exec-plugin.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { type Asked, configMap, json, kubeconfigFor, scriptedServer, status } from './scripted-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const API = 'client.authentication.k8s.io/v1';
const REF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' };
const PATH = '/api/v1/namespaces/shop/configmaps/a';
const UNAUTHORIZED = status(401, 'Unauthorized', 'Unauthorized');

async function server(answer: (asked: Asked, response: ServerResponse) => void) {
  const started = await scriptedServer(answer);
  cleanups.push(() => started.stop());
  return started;
}
/** Takes the tokens that are good; all else is turned away. */
const taking =
  (good: Set<string>, body: unknown = configMap('a', 1)) =>
  ({ headers }: Asked, response: ServerResponse) =>
    good.has(headers.authorization ?? '') ? json(response, 200, body) : json(response, 401, UNAUTHORIZED);

async function clusterOf(url: string, user: Record<string, unknown>, clock = systemClock) {
  const cluster = await connect({ kubeconfigText: kubeconfigFor(url, user), clock });
  cleanups.push(() => cluster.close());
  return cluster;
}
async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'rehearse-credentials-'));
  cleanups.push(() => rm(made, { recursive: true }));
  return made;
}

/** A plugin that counts its starts and runs a script; `token` prints a credential with that number. */
async function plugin(script: string, settings: Partial<ExecConfig> = {}) {
  const made = await folder();
  const command = path.join(made, 'plugin');
  const preamble = `#!/bin/sh
cd "${made}"
count=$(cat count 2>/dev/null || echo 0); count=$((count + 1)); echo $count > count
token() { echo '{"apiVersion":"${API}","kind":"ExecCredential","status":{"token":"token-'$1'"'"$2"'}}'; }
`;
  await writeFile(command, preamble + script, { mode: 0o700 });
  const exec = { apiVersion: API, command, args: [], interactiveMode: 'Never' as const, ...settings };
  return {
    exec,
    folder: made,
    starts: async () => Number(await readFile(path.join(made, 'count'), 'utf8').catch(() => '0')),
    file: (name: string) => readFile(path.join(made, name), 'utf8'),
  };
}
const EXPIRED = `',"expirationTimestamp":"2020-01-01T00:00:00Z"'`;
const tokens = (asked: Asked[]) => asked.map(({ method, headers }) => `${method} ${headers.authorization}`);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('credentials that the server turns away', () => {
  test('of a plugin are asked for anew, and the request is sent again whatever it is: a token may be revoked at any time', async () => {
    const good = new Set(['Bearer token-1']);
    const { url, asked } = await server(taking(good));
    const { exec, starts } = await plugin('token $count');
    const cluster = await clusterOf(url, { exec });
    await cluster.get(REF);
    await cluster.get(REF);
    good.clear();
    good.add('Bearer token-2');
    await cluster.create(configMap('a', 1) as RawObject);
    await cluster.get(REF);
    expect(tokens(asked)).toEqual([
      'GET Bearer token-1',
      'GET Bearer token-1',
      'POST Bearer token-1',
      'POST Bearer token-2',
      'GET Bearer token-2',
    ]);
    expect(asked[3]?.body).toBe(asked[2]?.body);
    expect(asked[3]?.body).toContain('"uid-a"');
    expect(await starts()).toBe(2);
  });

  test('are renewed for a watch too', async () => {
    const good = new Set(['Bearer token-1']);
    const { url, asked } = await server((one, response) => {
      if (!one.query.has('watch')) return taking(good, { metadata: { resourceVersion: '1' }, items: [] })(one, response);
      if (one.headers.authorization !== 'Bearer token-2') return json(response, 401, UNAUTHORIZED);
      response.write(`${JSON.stringify({ type: 'ADDED', object: configMap('a', 2) })}\n`);
    });
    const { exec } = await plugin('token $count');
    const cluster = await clusterOf(url, { exec });
    const over = new AbortController();
    cleanups.push(() => over.abort());
    const added = new Promise<string>(resolve => {
      void cluster.watch(REF, { namespace: 'shop', signal: over.signal }, (_type, { metadata }) => resolve(metadata.name));
    });
    expect(await added).toBe('a');
    expect(tokens(asked)).toEqual(['GET Bearer token-1', 'GET Bearer token-1', 'GET Bearer token-2']);
  });

  test('of a file are read again: it may have rotated between reading and asking', async () => {
    const file = path.join(await folder(), 'token');
    await writeFile(file, 'first');
    const { url, asked } = await server((one, response) => {
      if (one.headers.authorization === 'Bearer second') return json(response, 200, configMap('a', 1));
      void writeFile(file, 'second').then(() => json(response, 401, UNAUTHORIZED));
    });
    await (await clusterOf(url, { tokenFile: file })).get(REF);
    expect(tokens(asked)).toEqual(['GET Bearer first', 'GET Bearer second']);
  });

  test.each([
    ['a token in the kubeconfig', async () => ({ token: 'fixed' })],
    ['a plugin that has no other', async () => ({ exec: (await plugin('token same')).exec })],
  ])('and that are all there is, %s, are not sent twice', async (_what, user) => {
    const { url, asked } = await server(taking(new Set()));
    await expect((await clusterOf(url, await user())).get(REF)).rejects.toMatchObject({ status: 401, reason: 'Unauthorized' });
    expect(asked).toHaveLength(1);
  });

  test('the 401 of an app behind the proxy of the API server is its answer; that of the API server is not', async () => {
    const { url, asked } = await server(({ path: asks, headers }, response) => {
      if (asks.endsWith('/app')) return json(response, 401, { error: 'who are you?' });
      if (headers.authorization === 'Bearer token-1') return json(response, 401, UNAUTHORIZED);
      json(response, 200, {});
    });
    const { exec, starts } = await plugin('token $count');
    const cluster = await clusterOf(url, { exec });
    const proxied = '/api/v1/namespaces/shop/services/frontend:80/proxy';
    expect((await cluster.request('POST', `${proxied}/app`)).status).toBe(401);
    expect(asked).toHaveLength(1);
    expect(await starts()).toBe(1);
    expect((await cluster.request('POST', `${proxied}/down`)).status).toBe(200);
    expect(asked).toHaveLength(3);
  });
});

test('many requests at once start the plugin once, also on connections of their own and after a 401', async () => {
  const good = new Set(['Bearer token-1']);
  const { url } = await server(taking(good));
  const { exec, starts } = await plugin('sleep 0.2; token $count');
  const cluster = await clusterOf(url, { exec });
  const other = cluster.separate();
  cleanups.push(() => other.close());
  const all = () => Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 ? cluster : other).get(REF)));
  await all();
  expect(await starts()).toBe(1);
  good.clear();
  good.add('Bearer token-2');
  await all();
  expect(await starts()).toBe(2);
});

describe('a plugin that does not come back', () => {
  const HANGING = 'sleep 60 & echo $! > child; echo $$ > pid; wait';
  const pids = async ({ file }: Awaited<ReturnType<typeof plugin>>) => {
    await expect.poll(() => file('pid').catch(() => ''), { timeout: 5000 }).not.toBe('');
    return [Number(await file('pid')), Number(await file('child'))];
  };

  test('is ended, with all that it started, when the request is aborted: Ctrl-C must not hang', async () => {
    const { url, asked } = await server(taking(new Set()));
    const hanging = await plugin(HANGING);
    const cluster = await clusterOf(url, { exec: hanging.exec });
    const over = new AbortController();
    const pending = cluster.request('GET', PATH, { signal: over.signal });
    pending.catch(() => {});
    const running = await pids(hanging);
    expect(running.map(isRunning)).toEqual([true, true]);
    over.abort(new Error('interrupted'));
    await expect(pending).rejects.toThrow('interrupted');
    await expect.poll(() => running.some(isRunning), { timeout: 5000 }).toBe(false);
    expect(asked).toEqual([]);
  });

  test('goes on for another request that still waits', async () => {
    const { url } = await server(taking(new Set(['Bearer token-1'])));
    const slow = await plugin('sleep 0.4; token $count');
    const cluster = await clusterOf(url, { exec: slow.exec });
    const over = new AbortController();
    const aborted = cluster.request('GET', PATH, { signal: over.signal });
    const waits = cluster.request('GET', PATH);
    over.abort(new Error('interrupted'));
    await expect(aborted).rejects.toThrow('interrupted');
    expect((await waits).status).toBe(200);
    expect(await slow.starts()).toBe(1);
  });

  test('is under the deadline of the request, which it is not the app that missed; it serves the next', async () => {
    const { url } = await server(taking(new Set(['Bearer token-1'])));
    const slow = await plugin('sleep 0.6; token $count');
    const cluster = await clusterOf(url, { exec: slow.exec });
    await expect(cluster.request('GET', PATH, { timeoutMs: 100 })).rejects.toMatchObject({
      status: 0,
      reason: 'CredentialsUnavailable',
      message: `the credential plugin \`${slow.exec.command}\` of user "test" gave nothing within 0.1 s`,
      hint: expect.stringContaining('log in'),
    });
    expect((await cluster.request('GET', PATH)).status).toBe(200);
    expect(await slow.starts()).toBe(1);
  });

  test('is ended at a limit of its own, and what it asked for is told', async () => {
    const hanging = await plugin(`echo 'open https://login and enter AB12' >&2; ${HANGING}`);
    const cluster = { server: 'https://x' };
    const { signal } = new AbortController();
    const ended = runExecPlugin(hanging.exec, { user: 'jo', cluster, signal, limitMs: 1000 });
    ended.catch(() => {});
    const running = await pids(hanging);
    await expect(ended).rejects.toMatchObject({
      message: expect.stringMatching(/of user "jo" gave nothing within 1 s: open https:\/\/login and enter AB12$/),
      passing: true,
    });
    await expect.poll(() => running.some(isRunning), { timeout: 5000 }).toBe(false);
  });
});

describe('a plugin that fails', () => {
  const patient = () => {
    const slept: number[] = [];
    return { slept, clock: { ...systemClock, sleep: async (ms: number) => void slept.push(ms) } };
  };

  test('while the network is away does not fail what follows: it is asked again', async () => {
    const { url } = await server(taking(new Set(['Bearer token-1', 'Bearer token-4'])));
    const failing = await plugin(
      `case $count in 2|3) echo 'cannot reach the identity provider' >&2; exit 1;; esac; token $count ${EXPIRED}`,
    );
    const { slept, clock } = patient();
    const cluster = await clusterOf(url, { exec: failing.exec }, clock);
    await cluster.get(REF);
    expect((await cluster.get(REF))?.metadata.name).toBe('a');
    expect(await failing.starts()).toBe(4);
    expect(slept).toHaveLength(2);
  });

  test('at first contact is told at once, with what it said', async () => {
    const { url } = await server(taking(new Set()));
    const failing = await plugin("echo 'token has been revoked' >&2; exit 3");
    const { slept, clock } = patient();
    await expect((await clusterOf(url, { exec: failing.exec }, clock)).get(REF)).rejects.toMatchObject({
      reason: 'CredentialsUnavailable',
      message: expect.stringContaining('failed (exit code 3): token has been revoked'),
      hint: expect.stringContaining('log in'),
    });
    expect(slept).toEqual([]);
  });

  test('as it is gone is not waited for', async () => {
    const { url } = await server(taking(new Set(['Bearer token-1'])));
    const leaving = await plugin(`rm plugin; token $count ${EXPIRED}`, { installHint: 'brew install it' });
    const { slept, clock } = patient();
    const cluster = await clusterOf(url, { exec: leaving.exec }, clock);
    await cluster.get(REF);
    await expect(cluster.get(REF)).rejects.toMatchObject({
      reason: 'Credentials',
      message: expect.stringContaining('is not installed'),
      hint: 'brew install it',
    });
    expect(slept).toEqual([]);
  });

  test('to print a credential is told without what it printed, which may be a secret', async () => {
    const { url } = await server(taking(new Set()));
    const { exec } = await plugin('echo s3cret');
    const failure = await (await clusterOf(url, { exec })).get(REF).catch(error => error);
    expect(failure).toMatchObject({ reason: 'Credentials', message: expect.stringContaining('printed no ExecCredential') });
    expect(`${failure.message} ${failure.hint}`).not.toContain('s3cret');
  });
});

describe('what a plugin is told', () => {
  const TELLS = `printf %s "$KUBERNETES_EXEC_INFO" > info; token $count`;

  test.each([['client.authentication.k8s.io/v1'], ['client.authentication.k8s.io/v1beta1']])(
    'of %s: its version, and that nobody is there to ask',
    async apiVersion => {
      const { url } = await server(taking(new Set(['Bearer token-1'])));
      const { exec, file } = await plugin(TELLS, { apiVersion });
      await (await clusterOf(url, { exec })).get(REF);
      expect(JSON.parse(await file('info'))).toEqual({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } });
    },
  );

  test('the cluster, with its authority and its settings for plugins, when the kubeconfig says so', async () => {
    const { url } = await server(taking(new Set(['Bearer token-1'])));
    const { exec, file, folder: made } = await plugin(TELLS, { provideClusterInfo: true });
    await writeFile(path.join(made, 'ca.crt'), 'an authority');
    const whole = JSON.parse(kubeconfigFor(url, { exec }));
    Object.assign(whole.clusters[0].cluster, {
      'certificate-authority': 'ca.crt',
      'tls-server-name': 'api.example',
      extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'staging' } }],
    });
    await writeFile(path.join(made, 'config'), JSON.stringify(whole));
    const cluster = await connect({ kubeconfig: path.join(made, 'config') });
    cleanups.push(() => cluster.close());
    await cluster.get(REF);
    expect(JSON.parse(await file('info')).spec.cluster).toEqual({
      server: url,
      'tls-server-name': 'api.example',
      'certificate-authority-data': Buffer.from('an authority').toString('base64'),
      config: { audience: 'staging' },
    });
  });

  test.each([
    ['Never', true, false],
    ['IfAvailable', true, true],
    ['IfAvailable', false, false],
    [undefined, true, true],
    ['Always', true, true],
  ] as const)('interactiveMode %s with a terminal (%s): it may ask is %s', (mode, terminal, expected) => {
    expect(isInteractive(mode, terminal)).toBe(expected);
  });

  test('one that must ask is not started where nobody can answer, and does not wait for an answer that never comes', async () => {
    const { url } = await server(taking(new Set()));
    const { exec, folder: made } = await plugin('read answer; token $count', { interactiveMode: 'Always' });
    await expect((await clusterOf(url, { exec })).get(REF)).rejects.toMatchObject({
      reason: 'Credentials',
      message: expect.stringContaining('interactiveMode: Always'),
    });
    expect(existsSync(path.join(made, 'count'))).toBe(false);
  });

  test('one that reads an answer all the same finds none', async () => {
    const { url, asked } = await server(taking(new Set(['Bearer token-none'])));
    const { exec } = await plugin('read answer || answer=none; token $answer', { interactiveMode: 'IfAvailable' });
    await (await clusterOf(url, { exec })).get(REF);
    expect(tokens(asked)).toEqual(['GET Bearer token-none']);
  });
});

describe('acting as somebody else', () => {
  async function headersWith(user: Record<string, unknown>): Promise<IncomingMessage['headersDistinct']> {
    let seen: IncomingMessage['headersDistinct'] = {};
    const listening = createHttpServer((request, response) => {
      seen = request.headersDistinct;
      json(response, 200, configMap('a', 1));
    });
    await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      listening.close();
      listening.closeAllConnections();
    });
    await (await clusterOf(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`, user)).get(REF);
    return seen;
  }

  test('takes the groups, the uid and the extras along: without them the drill would have other permissions', async () => {
    const headers = await headersWith({
      token: 'own',
      as: 'jo',
      'as-uid': '42',
      'as-groups': ['developers', 'on-call, eu'],
      'as-user-extra': { scopes: ['view', 'edit'], 'example.com/team': ['shop'] },
    });
    expect(headers).toMatchObject({
      authorization: ['Bearer own'],
      'impersonate-user': ['jo'],
      'impersonate-uid': ['42'],
      'impersonate-group': ['developers', 'on-call, eu'],
      'impersonate-extra-scopes': ['view', 'edit'],
      'impersonate-extra-example.com%2fteam': ['shop'],
    });
  });

  test('with a plugin, too', async () => {
    const { exec } = await plugin('token $count');
    expect(await headersWith({ exec, as: 'jo', 'as-groups': ['developers'] })).toMatchObject({
      authorization: ['Bearer token-1'],
      'impersonate-user': ['jo'],
      'impersonate-group': ['developers'],
    });
  });

  test('groups without a user are refused: the server would not look at them', async () => {
    await expect(
      connect({ kubeconfigText: kubeconfigFor('https://x', { token: 'own', 'as-groups': ['developers'] }) }),
    ).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('user "test"'),
      hint: expect.stringContaining('`as`'),
    });
  });
});
