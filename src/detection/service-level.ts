/** A service level over a sliding window: error rate, and 95th percentile of latency. Pure, the time is handed in. */

export interface LevelLimits {
  windowMs: number;
  /** Share of failed requests, 0..1. */
  errorRateLimit: number;
  latencyLimitMs: number | undefined;
  minRequests: number;
}

export interface LevelSample {
  /** When the answer, or the failure, was there. */
  doneTMs: number;
  ok: boolean;
  latencyMs: number;
}

export interface ServiceLevel {
  add(sample: LevelSample): void;
  /** The window that ends at `tMs`. A request counts when it was answered: a hanging one is not yet known to fail. */
  at(tMs: number): { ok: boolean; judged: boolean; detail: string };
}

export function createServiceLevel(limits: LevelLimits): ServiceLevel {
  let samples: LevelSample[] = [];
  return {
    add(sample) {
      samples.push(sample);
    },
    at(tMs) {
      samples = samples.filter(sample => sample.doneTMs > tMs - limits.windowMs);
      return judge(samples, limits);
    },
  };
}

function judge(samples: readonly LevelSample[], limits: LevelLimits): { ok: boolean; judged: boolean; detail: string } {
  const seconds = `${limits.windowMs / 1000} s`;
  const failed = samples.filter(sample => !sample.ok).length;
  const rate = samples.length ? failed / samples.length : 0;
  const p95 = percentile(
    samples.filter(sample => sample.ok).map(sample => sample.latencyMs),
    0.95,
  );
  const figures = [
    `error rate ${percent(rate)} of ${samples.length} requests in ${seconds}, limit ${percent(limits.errorRateLimit)}`,
  ];
  if (limits.latencyLimitMs !== undefined && p95 !== undefined)
    figures.push(`p95 latency ${Math.round(p95)} ms, limit ${limits.latencyLimitMs} ms`);
  const detail = figures.join('; ');
  if (samples.length < limits.minRequests)
    return {
      ok: false,
      judged: false,
      detail: `only ${samples.length} requests answered in ${seconds}, ${limits.minRequests} are needed to judge`,
    };
  const slow = limits.latencyLimitMs !== undefined && p95 !== undefined && p95 > limits.latencyLimitMs;
  return { ok: rate <= limits.errorRateLimit && !slow, judged: true, detail };
}

/** Nearest-rank percentile; undefined of nothing. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1).replace(/\.0$/, '')} %`;
}
