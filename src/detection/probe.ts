import type { Probe } from '../rehearsal/ports.ts';
import { durationMs, type ProbeSpec } from '../scenario/schema.ts';
import { createRequester } from './probe-request.ts';
import { createServiceLevel } from './service-level.ts';

/**
 * User-like requests at fixed times, whether or not the ones before were answered (open loop), so that a stall of the app is seen by every
 * request that users would have sent during it. Latency counts from the time a request was due. Times that this process itself missed by
 * more than an interval are left out: its own stall says nothing about the app, and a burst afterwards would disturb it.
 */
export function createProbe(spec: ProbeSpec): Probe {
  const intervalMs = durationMs(spec.interval);
  const timeoutMs = durationMs(spec.timeout);
  const errorRateLimit = Number(spec.slo.errorRate.slice(0, -1)) / 100;
  const latencyLimitMs = spec.slo.latencyP95 === undefined ? undefined : durationMs(spec.slo.latencyP95);
  const windowMs = durationMs(spec.slo.window);
  const level = createServiceLevel({ windowMs, errorRateLimit, latencyLimitMs, minRequests: spec.slo.minRequests });
  const listeners = new Set<() => void>();
  let nowMs: () => number = () => 0;
  let trouble: string | undefined;

  const target = spec.url ?? `${spec.service}:${spec.port}`;
  const promise = [
    `errors ≤ ${spec.slo.errorRate}`,
    ...(latencyLimitMs === undefined ? [] : [`p95 ≤ ${spec.slo.latencyP95}`]),
  ].join(', ');
  return {
    name: spec.name,
    summary: `${spec.method} ${spec.path} of ${target} every ${spec.interval}; ${promise} over ${spec.slo.window}`,
    intervalMs,
    errorRateLimit,
    latencyLimitMs,

    async start(context, signal, onSample) {
      const { clock } = context;
      nowMs = () => context.tMs();
      const request = createRequester(spec, context, signal);
      const first = await request(timeoutMs);
      if (first.kind === 'unreachable') throw first.error;

      const send = async (dueTMs: number) => {
        const answer = await request(Math.max(1, timeoutMs - (context.tMs() - dueTMs)));
        if (signal.aborted) return;
        if (answer.kind === 'unreachable') {
          // The way to the app is broken, which says nothing about the app: no sample, and no judgement.
          if (trouble === undefined) context.log.warn({ probe: spec.name }, answer.error.message);
          trouble = answer.error.message;
        } else {
          if (trouble !== undefined) context.log.info({ probe: spec.name }, 'the API server answers the probe again');
          trouble = undefined;
          const doneTMs = context.tMs();
          const latencyMs = doneTMs - dueTMs;
          const { ok, status, error } = answer;
          level.add({ doneTMs, ok, latencyMs });
          onSample({
            sentTMs: dueTMs,
            ok,
            latencyMs,
            ...(status === undefined ? {} : { status }),
            ...(error === undefined ? {} : { error }),
          });
        }
        for (const listener of listeners) listener();
      };
      void (async () => {
        const startTMs = context.tMs();
        for (let index = 0; !signal.aborted; index++) {
          const dueTMs = startTMs + index * intervalMs;
          const lateMs = context.tMs() - dueTMs;
          if (lateMs > intervalMs) {
            const missed = Math.floor(lateMs / intervalMs);
            context.log.debug({ probe: spec.name, missed }, 'this process was too busy to send in time');
            index += missed - 1;
            continue;
          }
          if (lateMs < 0) await clock.sleep(-lateMs, signal);
          void send(dueTMs);
        }
      })().catch(error => {
        if (!signal.aborted) context.log.warn({ probe: spec.name }, `the probe stopped: ${(error as Error).message}`);
      });
    },

    level: () => (trouble === undefined ? level.at(nowMs()) : { ok: false, judged: false, detail: trouble }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
