/** What users felt, from the probe samples of a run. */
import type { ProbeRecord, RunRecord } from '../record/run-record.ts';
import { quantile } from './statistics.ts';

export interface ServiceLevel {
  probe: ProbeRecord;
  before: Window;
  /** From the first failed or slow request after t0 to the last before the service was healthy again; empty when users felt nothing. */
  impact: Window;
}

export interface Window {
  fromTMs: number;
  toTMs: number;
  requests: number;
  failed: number;
  /** 0..1; undefined without requests. */
  errorRate: number | undefined;
  p95Ms: number | undefined;
}

/** One for each probe. The impact window is that of failures; a fault that only slows has one of requests over the latency limit. */
export function serviceLevels(record: RunRecord): ServiceLevel[] {
  const { moments, restore } = record;
  const deployed = moments.deployed?.tMs ?? Number.POSITIVE_INFINITY;
  // What fails later is not of the fault: restoring the decoys, for one, is a rollout too.
  const healthy = moments['healthy-since']?.tMs ?? restore?.finishedTMs ?? Number.POSITIVE_INFINITY;
  return record.probes.map(probe => {
    const { sentTMs, ok, latencyMs } = probe.samples;
    const limit = probe.latencyLimitMs ?? Number.POSITIVE_INFINITY;
    let first = Number.POSITIVE_INFINITY;
    let last = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < sentTMs.length; i++) {
      const sent = sentTMs[i] as number;
      if (sent < deployed || sent >= healthy || (ok[i] && (latencyMs[i] as number) <= limit)) continue;
      first = Math.min(first, sent);
      last = Math.max(last, sent);
    }
    return {
      probe,
      before: windowOf(probe, 0, Math.min(deployed, Number.MAX_SAFE_INTEGER)),
      impact: first <= last ? windowOf(probe, first, last) : windowOf(probe, 0, -1),
    };
  });
}

/** Requests sent from `fromTMs` to `toTMs`, both included. */
export function windowOf(probe: ProbeRecord, fromTMs: number, toTMs: number): Window {
  const { sentTMs, ok, latencyMs } = probe.samples;
  const latencies: number[] = [];
  let failed = 0;
  for (let i = 0; i < sentTMs.length; i++) {
    const sent = sentTMs[i] as number;
    if (sent < fromTMs || sent > toTMs) continue;
    latencies.push(latencyMs[i] as number);
    if (!ok[i]) failed++;
  }
  const requests = latencies.length;
  return {
    fromTMs,
    toTMs,
    requests,
    failed,
    errorRate: requests === 0 ? undefined : failed / requests,
    p95Ms: quantile(latencies, 0.95),
  };
}
