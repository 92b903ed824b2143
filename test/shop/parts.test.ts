import { describe, expect, test } from 'vitest';
import { createLog } from '../../src/shop/log.ts';
import { createMetrics } from '../../src/shop/metrics.ts';
import { seededRandom } from '../../src/shop/random.ts';
import { behaviourOf, GOOD, SHOP_VERSIONS } from '../../src/shop/versions.ts';

test('metrics: buckets are cumulative and label values are escaped', () => {
  const metrics = createMetrics();
  const histogram = metrics.histogram('h', 'help', [1, 2]);
  for (const value of [0.5, 1, 1.5, 9]) histogram.observe({ path: 'a"b\\c\nd' }, value);
  expect(metrics.render().split('\n')).toEqual([
    '# HELP h help',
    '# TYPE h histogram',
    'h_bucket{path="a\\"b\\\\c\\nd",le="1"} 2',
    'h_bucket{path="a\\"b\\\\c\\nd",le="2"} 3',
    'h_bucket{path="a\\"b\\\\c\\nd",le="+Inf"} 4',
    'h_sum{path="a\\"b\\\\c\\nd"} 12',
    'h_count{path="a\\"b\\\\c\\nd"} 4',
    '',
  ]);
});

describe('randomness', () => {
  test('the same seed gives the same latencies, another seed others', () => {
    const draw = (seed: string) => {
      const random = seededRandom(seed);
      return Array.from({ length: 20 }, () => random.logNormal(10, 0.45));
    };
    expect(draw('a')).toEqual(draw('a'));
    expect(draw('a')).not.toEqual(draw('b'));
  });

  test('latencies have the median and the tail that was asked for', () => {
    const random = seededRandom('tail');
    const values = Array.from({ length: 5000 }, () => random.logNormal(10, 0.45)).sort((a, b) => a - b);
    expect(values[2500]).toBeGreaterThan(9.5);
    expect(values[2500]).toBeLessThan(10.5);
    // exp(0.45 × 1.645) is 2.1: p95 of a log-normal.
    expect(values[4750]).toBeGreaterThan(19);
    expect(values[4750]).toBeLessThan(23);
  });
});

test('logs below the level are not written, and the level can change while it runs', () => {
  const lines: string[] = [];
  let level: 'info' | 'error' = 'info';
  const log = createLog(
    { service: 'x' },
    () => level,
    line => lines.push(line),
  );
  log.debug('no');
  log.info('yes', { n: 1 });
  level = 'error';
  log.info('no more');
  expect(lines.map(line => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 'info', service: 'x', msg: 'yes', n: 1 }),
  ]);
});

test('the first three releases are good, and each bad one is bad in one way', () => {
  expect(SHOP_VERSIONS.filter(version => JSON.stringify(behaviourOf(version)) === JSON.stringify(GOOD))).toEqual([
    '1.4.0',
    '1.4.1',
    '1.4.2',
  ]);
  for (const version of SHOP_VERSIONS.slice(3)) {
    const behaviour = behaviourOf(version);
    const differing = Object.keys(GOOD).filter(
      key => JSON.stringify(behaviour[key as 'errorRate']) !== JSON.stringify(GOOD[key as 'errorRate']),
    );
    expect(differing, version).toHaveLength(1);
  }
  expect(behaviourOf('constructor')).toEqual(GOOD);
});
