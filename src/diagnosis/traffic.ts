/** Counters of pods over time, turned into what a revision did in a stretch of it. */
import type { Traffic } from './observation.ts';
import type { MetricSample } from './prometheus-text.ts';

interface Counters {
  requests: number;
  failed: number;
  latencySum: number;
  latencyCount: number;
  callSeconds: number;
  calls: Map<string, CallCounters>;
}

interface CallCounters {
  total: number;
  failed: number;
  answered: number;
}

const NO_CALLS: CallCounters = { total: 0, failed: 0, answered: 0 };

interface Delta extends Counters {
  tMs: number;
}

/** Kubelets and scrapers ask these all the time; users do not. */
const HEALTH_ROUTE = /^\/(health|healthz|live|livez|ready|readyz|metrics|ping|-\/healthy|-\/ready)$/;

/** Longer ago than this is of no use for telling what changed. */
const KEEP_MS = 15 * 60_000;

/** By revision: what its pods answered and called, one entry for each scrape. */
export class TrafficHistory {
  readonly #last = new Map<string, Counters>();
  readonly #deltas = new Map<string, Delta[]>();
  /** Failures until then were there before anything changed. */
  #normalUntilTMs = Number.POSITIVE_INFINITY;

  changedAt(tMs: number): void {
    this.#normalUntilTMs = Math.min(this.#normalUntilTMs, tMs);
  }

  /**
   * @param pod uid of the pod
   * @param fresh the pod began after the observation did: its first counters all count
   */
  add(revision: string, pod: string, fresh: boolean, tMs: number, samples: readonly MetricSample[]): void {
    const now = countersOf(samples);
    const before = this.#last.get(pod) ?? (fresh ? countersOf([]) : undefined);
    this.#last.set(pod, now);
    if (!before) return;
    const deltas = this.#deltas.get(revision) ?? [];
    deltas.push({ tMs, ...difference(before, now) });
    while ((deltas[0]?.tMs ?? tMs) < tMs - KEEP_MS) deltas.shift();
    this.#deltas.set(revision, deltas);
  }

  /** First scrape after `fromTMs` that showed failures of the revision. */
  firstFailure(revision: string, fromTMs: number): number | undefined {
    return this.#deltas.get(revision)?.find(delta => delta.tMs > fromTMs && delta.failed > 0)?.tMs;
  }

  forget(pod: string): void {
    this.#last.delete(pod);
  }

  /** What the revision did from `fromTMs` on, until `toTMs`; undefined when nothing of it was scraped then. */
  between(revision: string, fromTMs: number, toTMs: number): Traffic | undefined {
    const deltas = (this.#deltas.get(revision) ?? []).filter(delta => delta.tMs > fromTMs && delta.tMs <= toTMs);
    if (deltas.length === 0) return undefined;
    const calls = new Map<string, CallCounters>();
    const sum = (field: 'requests' | 'failed' | 'latencySum' | 'latencyCount' | 'callSeconds') =>
      deltas.reduce((total, delta) => total + delta[field], 0);
    for (const delta of deltas) {
      for (const [target, { total, failed, answered }] of delta.calls) {
        const call = calls.get(target) ?? NO_CALLS;
        calls.set(target, { total: call.total + total, failed: call.failed + failed, answered: call.answered + answered });
      }
    }
    const latencyCount = sum('latencyCount');
    return {
      fromTMs,
      requests: sum('requests'),
      failed: sum('failed'),
      latencyMs: latencyCount > 0 ? (sum('latencySum') / latencyCount) * 1000 : undefined,
      ownLatencyMs: latencyCount > 0 ? (Math.max(0, sum('latencySum') - sum('callSeconds')) / latencyCount) * 1000 : undefined,
      firstFailureTMs: this.firstFailure(
        revision,
        this.#normalUntilTMs === Number.POSITIVE_INFINITY ? fromTMs : this.#normalUntilTMs,
      ),
      calls: [...calls].filter(([, call]) => call.total > 0).map(([target, call]) => ({ target, ...call })),
    };
  }
}

function countersOf(samples: readonly MetricSample[]): Counters {
  const counters: Counters = { requests: 0, failed: 0, latencySum: 0, latencyCount: 0, callSeconds: 0, calls: new Map() };
  for (const { name, labels, value } of samples) {
    if (HEALTH_ROUTE.test(labels['route'] ?? labels['path'] ?? labels['handler'] ?? '')) continue;
    const code = labels['code'] ?? labels['status'] ?? '';
    if (name === 'http_requests_total') {
      counters.requests += value;
      if (code.startsWith('5')) counters.failed += value;
    } else if (name === 'http_request_duration_seconds_sum') counters.latencySum += value;
    else if (name === 'http_request_duration_seconds_count') counters.latencyCount += value;
    else if (name === 'http_client_request_duration_seconds_sum') counters.callSeconds += value;
    else if (name === 'http_client_requests_total') {
      const target = labels['target'] ?? labels['host'] ?? '';
      const call = counters.calls.get(target) ?? { ...NO_CALLS };
      call.total += value;
      // A call without an answer has no code: an error's name stands in its place.
      if (!/^[1-4]\d\d$/.test(code)) call.failed += value;
      if (/^5\d\d$/.test(code)) call.answered += value;
      counters.calls.set(target, call);
    }
  }
  return counters;
}

/** Counters begin again at zero when a container is started again. */
function difference(before: Counters, now: Counters): Counters {
  const reset = now.requests < before.requests || now.latencyCount < before.latencyCount;
  const base = reset ? countersOf([]) : before;
  const calls = new Map<string, CallCounters>();
  for (const [target, call] of now.calls) {
    const old = base.calls.get(target) ?? NO_CALLS;
    calls.set(target, {
      total: Math.max(0, call.total - old.total),
      failed: Math.max(0, call.failed - old.failed),
      answered: Math.max(0, call.answered - old.answered),
    });
  }
  return {
    requests: now.requests - base.requests,
    failed: Math.max(0, now.failed - base.failed),
    latencySum: Math.max(0, now.latencySum - base.latencySum),
    latencyCount: now.latencyCount - base.latencyCount,
    callSeconds: Math.max(0, now.callSeconds - base.callSeconds),
    calls,
  };
}
