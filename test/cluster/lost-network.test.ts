import dns from 'node:dns';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { errorOfTransport } from '../../src/cluster/kubernetes-error.ts';
import { isTransient } from '../../src/cluster/patience.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import { configMap, json, kubeconfigFor, scriptedServer } from './scripted-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const REF = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'a' };
const HOST = 'api.staging.example';

/** A resolver that knows the API server's name, and loses it with the network; a real one cannot be taken away from a test. */
function resolver() {
  const answers: string[] = [];
  const real = dns.lookup as (...given: unknown[]) => void;
  const lookup = (...given: unknown[]) => {
    if (given[0] !== HOST) return real(...given);
    const [, options, callback] = given as [string, { all?: boolean }, (error: Error | null, ...address: unknown[]) => void];
    const code = answers.shift();
    if (code) callback(Object.assign(new Error(`getaddrinfo ${code} ${HOST}`), { code }));
    else if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as never);
  return { fail: (...codes: string[]) => void answers.push(...codes), left: answers };
}

async function cluster() {
  const started = await scriptedServer((_asked, response) => json(response, 200, configMap('a', 1)));
  cleanups.push(() => started.stop());
  const slept: number[] = [];
  const clock = { ...systemClock, sleep: async (ms: number) => void slept.push(ms) };
  const connected = await connect({ kubeconfigText: kubeconfigFor(started.url.replace('127.0.0.1', HOST)), clock });
  cleanups.push(() => connected.close());
  return { connected, slept, restart: started.restart };
}

describe('a name that cannot be resolved', () => {
  test('after the server has answered is a lost network: a restore goes on when it is back', async () => {
    const { fail, left } = resolver();
    const { connected, slept, restart } = await cluster();
    await connected.get(REF);
    await restart();
    fail('ENOTFOUND', 'EAI_AGAIN');
    await connected.replace(configMap('a', 1));
    expect(left).toEqual([]);
    // A connection that was cut may cost a try as well.
    expect(slept.length).toBeGreaterThanOrEqual(2);
  });

  test('at first contact is a wrong server in the kubeconfig, and told at once', async () => {
    const { fail } = resolver();
    const { connected, slept } = await cluster();
    fail('ENOTFOUND');
    await expect(connected.get(REF)).rejects.toMatchObject({
      reason: 'HostNotFound',
      hint: expect.stringContaining('cluster.server'),
    });
    expect(slept).toEqual([]);
  });
});

test.each([
  ['ENETUNREACH', true],
  ['EHOSTUNREACH', true],
  ['ENETDOWN', true],
  ['ENOTFOUND', true],
  ['EAI_AGAIN', true],
  ['CERT_HAS_EXPIRED', false],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', false],
])('%s may pass by itself: %s', (code, expected) => {
  const error = errorOfTransport({ method: 'GET', path: '/x', server: 'https://x' }, Object.assign(new Error(code), { code }));
  expect(isTransient(error)).toBe(expected);
});
