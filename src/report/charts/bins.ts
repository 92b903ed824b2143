/**
 * Probe samples in bins of time. Nothing is smoothed: a bin knows its worst request, one failure makes a bin a failing one,
 * and a bin without requests is a gap, not a zero.
 */
import { quantile } from '../../insights/statistics.ts';
import type { ProbeRecord } from '../../record/run-record.ts';
import { timeStep } from './scale.ts';

export interface Bin {
  fromTMs: number;
  toTMs: number;
  requests: number;
  failed: number;
  /** Undefined without requests. */
  p50Ms: number | undefined;
  p95Ms: number | undefined;
  maxMs: number | undefined;
}

/**
 * @param originTMs bins start at whole steps from here (t0), so that no bin has requests from both before and after the deploy
 * @param most highest number of bins
 */
export function binSamples(probe: ProbeRecord, fromTMs: number, toTMs: number, originTMs: number, most = 72): Bin[] {
  const span = toTMs - fromTMs;
  if (span <= 0) return [];
  // About four requests at least in a bin, or a share of failures means nothing.
  const step = Math.max(timeStep(span, most), timeStep(span, Math.max(1, span / Math.max(1, probe.intervalMs * 4))));
  const first = Math.floor((fromTMs - originTMs) / step);
  const count = Math.ceil((toTMs - originTMs) / step) - first;
  const latencies: number[][] = Array.from({ length: count }, () => []);
  const failed: number[] = new Array(count).fill(0);
  const { sentTMs, latencyMs, ok } = probe.samples;
  for (let i = 0; i < sentTMs.length; i++) {
    const sent = sentTMs[i] as number;
    if (sent < fromTMs || sent > toTMs) continue;
    const index = Math.min(count - 1, Math.floor((sent - originTMs) / step) - first);
    latencies[index]?.push(latencyMs[i] as number);
    if (!ok[i]) failed[index] = (failed[index] ?? 0) + 1;
  }
  return latencies.map((values, index) => ({
    fromTMs: originTMs + (first + index) * step,
    toTMs: originTMs + (first + index + 1) * step,
    requests: values.length,
    failed: failed[index] ?? 0,
    p50Ms: quantile(values, 0.5),
    p95Ms: quantile(values, 0.95),
    maxMs: quantile(values, 1),
  }));
}
