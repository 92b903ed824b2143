import { afterEach, describe, expect, test } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { createDetector } from '../../src/detection/detectors.ts';
import { createProbe } from '../../src/detection/probe.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { ProbeSample, RoleContext } from '../../src/rehearsal/ports.ts';
import { type ProbeSpec, scenarioSchema } from '../../src/scenario/schema.ts';
import { json, scriptedServer, status } from '../cluster/scripted-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const probeSchema = scenarioSchema.shape.spec.shape.probes.element;
const spec = (given: Partial<ProbeSpec> = {}): ProbeSpec =>
  probeSchema.parse({
    name: 'buy',
    service: 'frontend',
    path: '/checkout?x=1',
    interval: '20ms',
    timeout: '300ms',
    slo: { window: '500ms', minRequests: 5 },
    ...given,
  });

async function probing(answer: Parameters<typeof scriptedServer>[0], given: Partial<ProbeSpec> = {}) {
  const server = await scriptedServer(answer);
  const cluster = await connect({ kubeconfigText: server.kubeconfigText });
  const over = new AbortController();
  cleanups.push(
    () => server.stop(),
    () => cluster.close(),
    () => over.abort(),
  );
  const startMs = performance.now();
  const context: RoleContext = {
    cluster,
    clock: systemClock,
    tMs: () => performance.now() - startMs,
    namespace: 'shop',
    target: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'frontend' },
    emit() {},
    log: { debug() {}, info() {}, warn() {} },
  };
  const probe = createProbe(spec(given));
  const samples: ProbeSample[] = [];
  const started = probe.start(context, over.signal, sample => samples.push(sample));
  return {
    server,
    probe,
    samples,
    started,
    context,
    over,
    async until(condition: () => boolean) {
      await started;
      await new Promise<void>(resolve => {
        const end = probe.onChange(() => {
          if (!condition()) return;
          end();
          resolve();
        });
      });
    },
  };
}

describe('a probe', () => {
  test("asks through the API server's service proxy, with path and query", async () => {
    const { until, samples, server } = await probing((_asked, response) => response.end('ok'));
    await until(() => samples.length >= 3);
    expect(server.asked[0]?.path).toBe('/api/v1/namespaces/shop/services/frontend:80/proxy/checkout');
    expect(server.asked[0]?.query.get('x')).toBe('1');
    expect(samples[0]).toMatchObject({ ok: true, status: 200 });
  });

  test('sends at fixed times while answers hang, and counts these as failed at the timeout', async () => {
    let asked = 0;
    const { until, samples } = await probing((_asked, response) => {
      if (asked++ === 0) response.end('ok');
    });
    await until(() => samples.length >= 5);
    expect(asked).toBeGreaterThan(samples.length + 5);
    expect(samples[0]).toMatchObject({ ok: false, error: 'timed out after 300ms' });
    expect(samples[0]?.latencyMs).toBeGreaterThanOrEqual(290);
    const distances = samples.slice(1).map((sample, index) => sample.sentTMs - (samples[index]?.sentTMs ?? 0));
    for (const distance of distances) expect(Math.round(distance) % 20).toBe(0);
  });

  test("the app's own 401 is a failure of the app, as is a service without endpoints", async () => {
    const answers = [
      { code: 200, body: 'ok' },
      { code: 401, body: '{"error":"who are you"}' },
      { code: 503, body: JSON.stringify(status(503, 'ServiceUnavailable', 'no endpoints available for service "frontend"')) },
    ];
    let index = 0;
    const { until, samples } = await probing((_asked, response) => {
      const { code, body } = answers[index++ % answers.length] ?? { code: 500, body: '' };
      response.writeHead(code).end(body);
    });
    await until(() => samples.length >= 6);
    expect(samples.filter(sample => sample.status === 401)[0]).toMatchObject({ ok: false, error: 'HTTP 401' });
    expect(samples.filter(sample => sample.status === 503)[0]).toMatchObject({
      ok: false,
      error: 'no endpoints available for service "frontend"',
    });
  });

  test('an API server that refuses the probe says nothing about the app: no samples, no judgement', async () => {
    let refuse = false;
    const { until, samples, probe } = await probing((_asked, response) => {
      if (refuse) json(response, 401, status(401, 'Unauthorized', 'Unauthorized'));
      else response.end('ok');
    });
    await until(() => samples.length >= 3);
    refuse = true;
    await until(() => probe.level().detail.includes('Unauthorized'));
    expect(probe.level()).toMatchObject({ judged: false });
    expect(samples.every(sample => sample.ok)).toBe(true);
  });

  test('does not start when it may not ask, and says what to do', async () => {
    const { started } = await probing((_asked, response) =>
      json(response, 403, status(403, 'Forbidden', 'services/proxy is forbidden')),
    );
    await expect(started).rejects.toMatchObject({ status: 403, hint: expect.stringContaining('can-i') });
  });

  test('a POST carries its body', async () => {
    const { until, samples, server } = await probing((_asked, response) => response.end('ok'), {
      method: 'POST',
      body: '{"item":1}',
    });
    await until(() => samples.length >= 1);
    expect(server.asked[0]).toMatchObject({ method: 'POST', body: '{"item":1}' });
  });
});

test('its detector tells when the level breaks and when it holds again', async () => {
  let failing = false;
  const { started, probe, context, over } = await probing((_asked, response) => response.writeHead(failing ? 500 : 200).end());
  await started;
  const told: string[] = [];
  let wake: () => void = () => {};
  const next = () =>
    new Promise<void>(resolve => {
      wake = resolve;
    });
  const detector = createDetector({ kind: 'probe', probe: 'buy' }, new Map([['buy', probe]]));
  await detector.start(context, over.signal, {
    signal: ({ message }) => {
      told.push(message);
      wake();
    },
    clear: message => {
      told.push(`clear ${message}`);
      wake();
    },
  });
  failing = true;
  await next();
  failing = false;
  await next();
  expect(told[0]).toMatch(/^buy: error rate \d/);
  expect(told[1]).toMatch(/^clear buy: error rate/);
});
