import { describe, expect, test } from 'vitest';
import { createServiceLevel, percentile } from '../../src/detection/service-level.ts';

const limits = { windowMs: 2000, errorRateLimit: 0.05, latencyLimitMs: 500, minRequests: 10 };

function level(samples: { doneTMs: number; ok?: boolean; latencyMs?: number }[]) {
  const kept = createServiceLevel(limits);
  for (const { doneTMs, ok = true, latencyMs = 20 } of samples) kept.add({ doneTMs, ok, latencyMs });
  return kept;
}
const steady = (count: number, fromTMs = 0) =>
  Array.from({ length: count }, (_, index) => ({ doneTMs: fromTMs + (index + 1) * 100 }));

describe('the service level', () => {
  test('too few answers judge nothing, and do not count as well', () => {
    expect(level(steady(9)).at(1000)).toMatchObject({ judged: false, ok: false });
  });

  test('one failure of twenty is 5 %: within a limit of 5 %, two are not', () => {
    const one = steady(20).map((sample, index) => ({ ...sample, ok: index !== 3 }));
    expect(level(one).at(2000)).toMatchObject({ judged: true, ok: true });
    const two = one.map((sample, index) => ({ ...sample, ok: sample.ok && index !== 7 }));
    expect(level(two).at(2000)).toEqual({
      judged: true,
      ok: false,
      detail: 'error rate 10 % of 20 requests in 2 s, limit 5 %; p95 latency 20 ms, limit 500 ms',
    });
  });

  test('is well again when the failures have left the window', () => {
    const kept = level([...steady(20).map(sample => ({ ...sample, ok: false })), ...steady(20, 2000)]);
    expect(kept.at(4000)).toMatchObject({ judged: true, ok: true });
  });

  test('slow answers break it as failures do, and failures that come fast do not hide them', () => {
    const slow = steady(20).map((sample, index) => ({ ...sample, latencyMs: index < 18 ? 20 : 800 }));
    expect(level(slow).at(2000).ok).toBe(false);
    const mixed = steady(20).map((sample, index) => ({ ...sample, ok: index !== 0, latencyMs: index === 0 ? 1 : 800 }));
    expect(level(mixed).at(2000).detail).toContain('p95 latency 800 ms');
  });

  test('percentiles are by nearest rank', () => {
    expect(percentile([], 0.95)).toBeUndefined();
    expect(percentile([5], 0.95)).toBe(5);
    expect(
      percentile(
        Array.from({ length: 100 }, (_, index) => index + 1),
        0.95,
      ),
    ).toBe(95);
  });
});
