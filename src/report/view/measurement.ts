/** How the figures were measured: moments with their uncertainties, clocks, and what ran where. */

import type { MomentName } from '../../record/events.ts';
import { momentEventNumber } from '../../record/find-event.ts';
import { formatDuration } from '../format.ts';
import type { ViewContext } from './context.ts';

const MOMENTS: readonly [MomentName, string][] = [
  ['deployed', 't0 deployed'],
  ['impact', 'impact'],
  ['detected', 't1 detected'],
  ['diagnosed', 't2 diagnosed'],
  ['rollback-issued', 'rollback issued'],
  ['rolled-back', 't3 rolled back'],
  ['healthy-since', 'healthy since'],
  ['restored', 't4 restored'],
];

export function measurementView({ record, since, links }: ViewContext) {
  const { environment: env, scenario, plan, moments } = record;
  const ends = moments.deployed && moments.restored;
  return {
    anyMoment: Object.keys(moments).length > 0,
    moments: MOMENTS.map(([name, label]) => {
      const moment = moments[name];
      return {
        label,
        main: label.startsWith('t'),
        reached: moment !== undefined,
        since: moment ? since(moment.tMs) : 'not reached',
        clock: moment ? clockTime(moment.at) : '',
        at: moment?.at ?? '',
        by: moment?.by ?? '',
        detail: moment?.detail ?? '',
        uncertainty: moment ? `± ${formatDuration(moment.uncertaintyMs)}` : '',
        events: links([momentEventNumber(record, name)]),
      };
    }),
    // The true ends may lie anywhere within both uncertainties; they add up in the worst case.
    totalUncertainty: ends ? formatDuration((moments.deployed?.uncertaintyMs ?? 0) + (moments.restored?.uncertaintyMs ?? 0)) : '',
    clocks: record.clocks.map(clock => ({
      source: clock.source,
      skew:
        clock.skewMs === 0
          ? 'equal to ours'
          : `${formatDuration(Math.abs(clock.skewMs))} ${clock.skewMs > 0 ? 'ahead of ours' : 'behind ours'}`,
      uncertainty: `± ${formatDuration(clock.uncertaintyMs)}`,
      certain: Math.abs(clock.skewMs) > clock.uncertaintyMs,
    })),
    environment: [
      ['Scenario', `${scenario.name} (${scenario.path})`],
      ['Scenario sha256', scenario.digest],
      ['Runbook', plan?.runbook ? `${plan.runbook.title} (${plan.runbook.path})` : 'none'],
      ['Operator', `${record.operator}, ${record.mode}`],
      ['Cluster', `${env.context} (${env.provider}), ${env.server}`],
      ['Namespace', env.namespace],
      ['Kubernetes', env.kubernetes],
      ['rehearse', record.rehearse],
      ['Node.js', `${env.node}, ${env.platform}`],
      ...(env.seed === undefined ? [] : [['Seed', String(env.seed)]]),
      ['Run', record.runId],
      ['Started', record.startedAt],
      ['Whole run', `${formatDuration(record.endedTMs)}, with preparation and restore`],
    ].map(([term, text]) => ({ term: term as string, text: text as string })),
    probes: (plan?.probes ?? []).map(probe => ({
      name: probe.name,
      summary: probe.summary,
      interval: formatDuration(probe.intervalMs),
      limits: [
        probe.errorRateLimit === undefined ? '' : `errors at most ${Math.round(probe.errorRateLimit * 1000) / 10} %`,
        probe.latencyLimitMs === undefined ? '' : `p95 at most ${formatDuration(probe.latencyLimitMs)}`,
      ]
        .filter(Boolean)
        .join(', '),
    })),
    failures: record.probes.flatMap(probe =>
      probe.failures.map(failure => ({
        probe: probe.name,
        first: since(failure.tMs),
        what:
          [failure.status === undefined ? '' : `HTTP ${failure.status}`, failure.error ?? ''].filter(Boolean).join(', ') ||
          'no answer',
        count: failure.count,
      })),
    ),
  };
}

/** "14:03:12.118" of an RFC 3339 stamp, in UTC. */
export function clockTime(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : time.toISOString().slice(11, 23);
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** "22 November 2026, 14:03 UTC" */
export function dateText(at: string): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return at;
  return `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]} ${time.getUTCFullYear()}, ${time.toISOString().slice(11, 16)} UTC`;
}
