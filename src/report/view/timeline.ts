/** The timeline: what users felt, phases, signals, runbook steps and changes on one time axis. */

import { serviceLevels, windowOf } from '../../insights/service-level.ts';
import type { TimeSpent } from '../../insights/time-spent.ts';
import { objectText } from '../../record/event-text.ts';
import type { MomentName } from '../../record/events.ts';
import type { ProbeRecord, RunRecord } from '../../record/run-record.ts';
import { type Bin, binSamples } from '../charts/bins.ts';
import { linearScale, type Scale } from '../charts/scale.ts';
import { errorRateLane, latencyLane } from '../charts/service.ts';
import { axisSvg, barsLane, gridSvg, type Mark, PHASE_FILL, segmentsLane } from '../charts/timeline.ts';
import { formatDuration, percent } from '../format.ts';
import type { Limits } from '../text.ts';
import { count, type ViewContext, watchedUntil } from './context.ts';
import { SPENDING_FILL, SPENDING_WORDS } from './minutes.ts';
import { lengthOf, PHASES } from './phases.ts';

const MARKS: readonly [MomentName, string, string][] = [
  ['deployed', 't0', 't0 deployed'],
  ['impact', '', 'impact'],
  ['detected', 't1', 't1 detected'],
  ['diagnosed', 't2', 't2 diagnosed'],
  ['rollback-issued', '', 'command'],
  ['rolled-back', 't3', 't3 rolled back'],
  ['healthy-since', '', 'healthy'],
  ['restored', 't4', 't4 restored'],
];

export interface Row {
  label: string;
  sub: string;
  href: string | undefined;
  lane: string;
  value: string;
  valueSub: string;
  kind: 'tl-phases' | 'tl-chart' | 'tl-bars';
}

export function timelineView(context: ViewContext, spent: TimeSpent | undefined, limits: Limits) {
  const { record, originTMs } = context;
  const hasSamples = record.probes.some(probe => probe.samples.sentTMs.length > 0);
  if (!hasSamples && record.runbook.steps.length === 0 && !record.moments.deployed) return undefined;
  const scale = timeScale(record, originTMs);
  const marks = MARKS.flatMap(([moment, short, label]): Mark[] => {
    const reached = record.moments[moment];
    return reached && scale.inside(reached.tMs)
      ? [{ tMs: reached.tMs, short, label, className: `m-${moment}`, main: short !== '' }]
      : [];
  });
  const charts = record.probes.slice(0, 3).map((probe, index) => probeRows(context, scale, probe, index, limits));
  const groups: { name: string; rows: Row[] }[] = [
    { name: 'Service', rows: [...phaseRow(context, scale), ...charts.flatMap(chart => chart.rows)] },
    // Without a deploy there was nothing to tell.
    { name: 'Signals', rows: record.injected ? signalRows(context, scale) : [] },
    { name: 'Runbook', rows: [...spentRow(context, scale, spent), ...stepRows(context, scale, 40)] },
    { name: 'Changes', rows: changeRows(context, scale) },
  ];
  return {
    axis: axisSvg(scale, originTMs, marks),
    grid: gridSvg(scale, originTMs, marks),
    zero: record.moments.deployed ? 't0, when the API server accepted the bad deploy' : 'the start of the run',
    groups: groups.filter(group => group.rows.length > 0),
    tables: charts.map(chart => chart.table),
  };
}

/** From a little before the deploy to a little after the end of the recovery, or of what was watched. */
function timeScale(record: RunRecord, originTMs: number): Scale {
  const restored = record.moments.restored?.tMs;
  const end = restored === undefined ? record.endedTMs : Math.min(record.endedTMs, restored + (restored - originTMs) * 0.08);
  const span = Math.max(1, end - originTMs);
  if (!record.moments.deployed) return linearScale(0, Math.max(1, record.endedTMs));
  // A decoy shortly before is part of the story; a long wait for the steady state is not.
  const decoys = record.decoys.map(decoy => decoy.tMs).filter(tMs => tMs >= originTMs - span * 0.25);
  const start = Math.min(originTMs - span * 0.06, ...decoys.map(tMs => tMs - span * 0.03));
  return linearScale(Math.max(0, start), Math.max(end, start + 1));
}

function phaseRow({ record }: ViewContext, scale: Scale): Row[] {
  const segments = PHASES.flatMap(name => {
    const phase = record.phases[name];
    if (phase.startTMs === undefined) return [];
    const length = lengthOf(record, name);
    return [
      {
        fromTMs: phase.startTMs,
        toTMs: phase.startTMs + length,
        className: `p-${name}`,
        fill: PHASE_FILL[name],
        label: `${name.charAt(0).toUpperCase()}${name.slice(1)} ${phase.censored ? '> ' : ''}${formatDuration(length)}`,
        open: phase.censored,
      },
    ];
  });
  if (segments.length === 0) return [];
  const total = record.recovery.durationMs;
  return [
    {
      label: 'Phases',
      sub: '',
      href: '#phases',
      lane: segmentsLane(scale, segments, `Phases: ${segments.map(segment => segment.label).join(', ')}`, 'chart-phases'),
      value: total === undefined ? '' : formatDuration(total),
      valueSub: total === undefined ? 'not recovered' : 'recovery',
      kind: 'tl-phases',
    },
  ];
}

function probeRows(context: ViewContext, scale: Scale, probe: ProbeRecord, index: number, limits: Limits) {
  const { record, originTMs, since } = context;
  const bins = binSamples(probe, scale.from, scale.to, originTMs, limits.bins);
  const id = `chart-probe-${index + 1}`;
  const level = serviceLevels(record)[record.probes.indexOf(probe)];
  const all = windowOf(probe, scale.from, scale.to);
  const binText = bins[0] ? formatDuration(bins[0].toTMs - bins[0].fromTMs) : '';
  const worst = bins.reduce<Bin | undefined>(
    (a, b) => (b.failed / (b.requests || 1) > (a ? a.failed / (a.requests || 1) : 0) ? b : a),
    undefined,
  );
  const errorDescription =
    all.failed === 0
      ? `None of ${count(all.requests, 'request')} failed.`
      : `${all.failed} of ${count(all.requests, 'request')} failed${level && level.impact.requests > 0 ? `, between ${since(level.impact.fromTMs)} and ${since(level.impact.toTMs)}` : ''}. Worst ${binText}: ${worst ? percent(worst.failed / worst.requests) : '0 %'} at ${worst ? since(worst.fromTMs) : ''}.`;
  const slowest = Math.max(0, ...bins.map(bin => bin.maxMs ?? 0));
  const latencyDescription = `95th percentile ${formatDuration(level?.before.p95Ms ?? 0)} before the deploy${level?.impact.p95Ms === undefined ? '' : `, ${formatDuration(level.impact.p95Ms)} while the fault was live`}; slowest request ${formatDuration(slowest)}.`;
  const rows: Row[] =
    bins.length === 0 || all.requests === 0
      ? []
      : [
          {
            label: 'Failed requests',
            sub: `probe ${probe.name}, share per ${binText}`,
            href: undefined,
            lane: errorRateLane(
              scale,
              bins,
              probe.errorRateLimit,
              `Share of failed requests of probe ${probe.name} over time`,
              errorDescription,
              `${id}-errors`,
            ),
            value: String(all.failed),
            valueSub: `of ${all.requests.toLocaleString('en')}`,
            kind: 'tl-chart',
          },
          {
            label: 'Latency',
            sub: `line: median; bar: slowest${probe.latencyLimitMs === undefined ? '' : `; limit ${formatDuration(probe.latencyLimitMs)}`}`,
            href: undefined,
            lane: latencyLane(
              scale,
              bins,
              probe.latencyLimitMs,
              `Latency of probe ${probe.name} over time`,
              latencyDescription,
              `${id}-latency`,
            ),
            value: level?.impact.p95Ms === undefined ? '' : formatDuration(level.impact.p95Ms),
            valueSub: level?.impact.p95Ms === undefined ? '' : 'p95 in the fault',
            kind: 'tl-chart',
          },
        ];
  const table = {
    name: probe.name,
    summary: probe.summary,
    errorDescription,
    latencyDescription,
    rows: bins
      .filter(bin => bin.requests > 0)
      .map(bin => ({
        from: since(bin.fromTMs),
        requests: bin.requests,
        failed: bin.failed,
        share: percent(bin.failed / bin.requests),
        p50: formatDuration(bin.p50Ms ?? 0),
        p95: formatDuration(bin.p95Ms ?? 0),
        max: formatDuration(bin.maxMs ?? 0),
      })),
  };
  return { rows, table };
}

function signalRows({ record, originTMs, since }: ViewContext, scale: Scale): Row[] {
  return record.detectors.slice(0, 12).map((detector, index): Row => {
    const inSight = (from: number, to: number) => to > scale.from && from < scale.to;
    const firing = detector.signals.map(signal => ({
      fromTMs: signal.tMs,
      toTMs: Math.min(scale.to, detector.clearedTMs.find(cleared => cleared >= signal.tMs) ?? watchedUntil(record)),
      className: 'firing',
      fill: '#d92d2055',
    }));
    const bars = firing.filter(bar => inSight(bar.fromTMs, bar.toTMs));
    const points = detector.signals.map(signal => ({
      tMs: signal.tMs,
      className: signal.tMs < originTMs ? 'signal early' : 'signal',
      fill: '#d92d20',
      shape: 'dot' as const,
    }));
    const told = detector.afterDeployMs;
    const toldLate =
      told !== undefined && originTMs + told > (record.moments['rollback-issued']?.tMs ?? Number.POSITIVE_INFINITY);
    return {
      label: detector.name,
      sub: detector.kind,
      href: `#detector-${index + 1}`,
      lane: barsLane(scale, bars, points, detector.signals.length === 0 ? 'never told' : undefined),
      value: told === undefined ? '–' : since(originTMs + told),
      valueSub: detector.first ? 'told first' : told === undefined ? 'silent' : toldLate ? 'after rollback' : 'would have told',
      kind: 'tl-bars',
    };
  });
}

/** Who or what was at work; only of runs that tell, since of others the steps below say the same. */
function spentRow({ record }: ViewContext, scale: Scale, spent: TimeSpent | undefined): Row[] {
  if (!spent || record.activities.length === 0) return [];
  const bars = spent.spans
    .filter(span => span.spending !== 'untold')
    .map(({ spending, startTMs, endTMs }) => ({
      fromTMs: startTMs,
      toTMs: endTMs,
      className: `s-${spending}`,
      fill: SPENDING_FILL[spending],
    }));
  const people = spent.total.person;
  return [
    {
      label: 'At work',
      sub: [...new Set(spent.spans.map(span => span.spending))]
        .filter(spending => spending !== 'untold')
        .map(spending => SPENDING_WORDS[spending])
        .join(', '),
      href: '#minutes',
      lane: barsLane(scale, bars, []),
      value: people > 0 ? formatDuration(people) : '',
      valueSub: people > 0 ? 'people' : '',
      kind: 'tl-bars',
    },
  ];
}

function stepRows({ record }: ViewContext, scale: Scale, most: number): Row[] {
  return record.runbook.steps.slice(0, most).map((step, index): Row => {
    const end = step.durationMs === undefined ? watchedUntil(record) : step.startTMs + step.durationMs;
    const failed = step.outcome === 'failed' || step.outcome === 'timed-out';
    return {
      label: step.title,
      sub: '',
      href: `#step-${index + 1}`,
      lane: barsLane(
        scale,
        [
          {
            fromTMs: step.startTMs,
            toTMs: end,
            className: step.phase ? `p-${step.phase}` : 'p-none',
            fill: step.phase ? PHASE_FILL[step.phase] : '#667085',
            expectedTMs: step.expectedMs === undefined ? undefined : step.startTMs + step.expectedMs,
            failed,
          },
        ],
        [],
      ),
      value: step.durationMs === undefined ? '–' : formatDuration(step.durationMs),
      valueSub:
        step.outcome === 'passed'
          ? step.expectedMs === undefined
            ? ''
            : `exp. ${formatDuration(step.expectedMs)}`
          : step.outcome,
      kind: 'tl-bars',
    };
  });
}

function changeRows({ record, since }: ViewContext, scale: Scale): Row[] {
  const rows: Row[] = [];
  const points: { tMs: number; className: string; fill: string; shape: 'diamond' }[] = record.decoys.map(decoy => ({
    tMs: decoy.tMs,
    className: 'decoy',
    fill: '#98a2b3',
    shape: 'diamond',
  }));
  if (record.injected) {
    points.push({ tMs: record.injected.tMs, className: 'fault', fill: '#d92d20', shape: 'diamond' });
    rows.push({
      label: 'Deploys',
      sub:
        record.decoys.length > 0
          ? `${objectText(record.injected.target)}, ${count(record.decoys.length, 'decoy')}`
          : objectText(record.injected.target),
      href: '#change',
      lane: barsLane(scale, [], points),
      value: since(record.injected.tMs),
      valueSub: 'bad deploy',
      kind: 'tl-bars',
    });
  }
  const { restore } = record;
  if (restore && scale.inside(restore.startedTMs)) {
    const end = restore.finishedTMs ?? record.endedTMs;
    rows.push({
      label: 'Restore',
      sub: restore.proven ? 'proven' : 'not proven',
      href: '#restore',
      lane: barsLane(
        scale,
        [{ fromTMs: restore.startedTMs, toTMs: end, className: 'restore', fill: '#667085', failed: !restore.proven }],
        [],
      ),
      value: formatDuration(end - restore.startedTMs),
      valueSub: '',
      kind: 'tl-bars',
    });
  }
  return rows;
}
