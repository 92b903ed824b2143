import { describe, expect, test } from 'vitest';
import { callGraph, dependenciesOf, hostsIn, serviceName } from '../../src/diagnosis/call-graph.ts';
import { parseMetrics } from '../../src/diagnosis/prometheus-text.ts';
import { TrafficHistory } from '../../src/diagnosis/traffic.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';

describe('Prometheus text', () => {
  test('labels may hold anything, values and timestamps every form that the format allows', () => {
    const samples = parseMetrics(
      [
        '# HELP x Some help.',
        '# TYPE x counter',
        'x{path="/a,b}",text="say \\"hi\\"\\n\\\\"} 12 1700000000000',
        'y_bucket{le="+Inf"} 1.5e3',
        'z  NaN',
        'up 1',
        'torn{a="b',
        'w -Inf',
      ].join('\n'),
    );
    expect(samples).toEqual([
      { name: 'x', labels: { path: '/a,b}', text: 'say "hi"\n\\' }, value: 12 },
      { name: 'y_bucket', labels: { le: '+Inf' }, value: 1500 },
      { name: 'z', labels: {}, value: Number.NaN },
      { name: 'up', labels: {}, value: 1 },
      { name: 'w', labels: {}, value: Number.NEGATIVE_INFINITY },
    ]);
  });
});

describe('traffic of a revision', () => {
  const scrape = (ok: number, failed: number, calls: Record<string, number> = {}) =>
    parseMetrics(
      [
        `http_requests_total{route="/checkout",code="200"} ${ok}`,
        `http_requests_total{route="/checkout",code="500"} ${failed}`,
        'http_requests_total{route="/readyz",code="503"} 999',
        `http_request_duration_seconds_sum{route="/checkout"} ${(ok + failed) * 0.5}`,
        `http_request_duration_seconds_count{route="/checkout"} ${ok + failed}`,
        `http_client_request_duration_seconds_sum{target="payments"} ${(ok + failed) * 0.4}`,
        ...Object.entries(calls).map(([code, value]) => `http_client_requests_total{target="payments",code="${code}"} ${value}`),
      ].join('\n'),
    );

  test('counts what happened in between, not what was before; health checks are not traffic', () => {
    const history = new TrafficHistory();
    history.add('new', 'pod-1', false, 1000, scrape(1000, 50));
    history.add('new', 'pod-1', false, 2000, scrape(1010, 55, { '200': 10, '503': 3, timeout: 2 }));
    expect(history.between('new', 0, 5000)).toMatchObject({
      requests: 15,
      failed: 5,
      calls: [{ target: 'payments', total: 15, failed: 5, answered: 3 }],
    });
    expect(history.between('new', 2000, 5000)).toBeUndefined();
  });

  test('all of a new pod counts, and a container that was started again begins at zero', () => {
    const history = new TrafficHistory();
    history.add('new', 'pod-1', true, 1000, scrape(20, 0));
    history.add('new', 'pod-1', true, 2000, scrape(3, 1));
    expect(history.between('new', 0, 5000)).toMatchObject({ requests: 24, failed: 1 });
  });

  test('tells the own time of a request from that of its calls', () => {
    const history = new TrafficHistory();
    history.add('new', 'pod-1', true, 1000, scrape(10, 0));
    const traffic = history.between('new', 0, 5000);
    expect(traffic?.latencyMs).toBeCloseTo(500);
    expect(traffic?.ownLatencyMs).toBeCloseTo(100);
  });
});

describe('call graph', () => {
  const template = (name: string, env: Record<string, string> = {}): RawObject =>
    ({
      metadata: { labels: { app: name } },
      spec: { containers: [{ name, env: Object.entries(env).map(([key, value]) => ({ name: key, value })) }] },
    }) as unknown as RawObject;
  const service = (name: string): RawObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name } },
  });

  test('hosts are found in URLs, in connection strings and as host:port, addresses are not', () => {
    expect(hostsIn('http://checkout,postgres://user:pw@db.shop.svc:5432/x')).toEqual(['checkout', 'db.shop.svc']);
    expect(hostsIn('redis:6379')).toEqual(['redis']);
    expect(hostsIn('http://127.0.0.1:80 and plain words')).toEqual([]);
  });

  test.each([
    ['payments', 'payments'],
    ['payments.shop', 'payments'],
    ['payments.shop.svc.cluster.local.', 'payments'],
    ['payments.other', undefined],
    ['api.stripe.com', undefined],
  ])('%s is service %s of namespace shop', (host, name) => {
    expect(serviceName(host, 'shop')).toBe(name);
  });

  test('follows environment and seen calls, and knows a service that is not there', () => {
    const nodes = [
      { name: 'frontend', template: template('frontend', { CHECKOUT_URL: 'http://checkout' }), seen: [] },
      {
        name: 'checkout',
        template: template('checkout', { FRAUD_URL: 'http://fraud', EXTERNAL: 'https://api.stripe.com' }),
        seen: ['payments'],
      },
      { name: 'payments', template: template('payments'), seen: [] },
    ];
    const calls = callGraph(nodes, ['frontend', 'checkout', 'payments'].map(service), new Map(), 'shop');
    expect(calls).toEqual([
      { from: 'frontend', service: 'checkout', to: ['checkout'], unresolved: false },
      { from: 'checkout', service: 'fraud', to: [], unresolved: true },
      { from: 'checkout', service: 'payments', to: ['payments'], unresolved: false },
    ]);
    expect([...dependenciesOf('frontend', calls)].sort()).toEqual(['checkout', 'payments']);
  });

  test('two services that call each other are no endless loop', () => {
    const calls = [
      { from: 'a', service: 'b', to: ['b'], unresolved: false },
      { from: 'b', service: 'a', to: ['a'], unresolved: false },
    ];
    expect([...dependenciesOf('a', calls)]).toEqual(['b']);
  });
});
