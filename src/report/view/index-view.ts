/** Runs → the page that lists them. Scenarios are never pooled: a crash loop and a slow leak have nothing to average. */
import { FEWEST_FOR_INTERVAL, mean, median, medianInterval } from '../../insights/statistics.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { dotsSvg } from '../charts/dots.ts';
import { stackedBar } from '../charts/meter.ts';
import { PHASE_FILL } from '../charts/timeline.ts';
import { formatDuration } from '../format.ts';
import { clean, cleaned, LIMITS, type Limits, trim } from '../text.ts';
import { count } from './context.ts';
import { dateText } from './measurement.ts';
import { lengthOf, PHASES } from './phases.ts';
import { verdictBadge } from './verdict.ts';

export interface IndexRun {
  record: RunRecord;
  /** Link to the run's report, relative to the page; none when there is no report. */
  href: string | undefined;
}

export function indexView(runs: readonly IndexRun[], problems: readonly string[]) {
  const limits = LIMITS[2] as Limits;
  const sorted = [...runs]
    .sort((a, b) => b.record.startedAt.localeCompare(a.record.startedAt))
    // The list needs no samples, events or outputs; cleaning those of hundreds of runs would cost seconds.
    .map(run => ({
      href: run.href ?? '',
      record: cleaned({ ...run.record, probes: [], events: [], runbook: { steps: [] } }, limits),
    }));
  const lengths = sorted.map(({ record }) => PHASES.reduce((sum, name) => sum + lengthOf(record, name), 0));
  const longest = Math.max(1, ...lengths);
  return {
    title: 'Rollback rehearsals',
    count: count(sorted.length, 'run'),
    empty: sorted.length === 0,
    problems: problems.map(problem => trim(clean(problem), limits.text)),
    scenarios: scenarios(sorted.map(run => run.record)),
    runs: sorted.map(({ record, href }) => {
      const known = PHASES.filter(name => record.phases[name].startTMs !== undefined);
      return {
        runId: record.runId,
        href,
        title: record.scenario.title,
        scenario: record.scenario.name,
        date: dateText(record.startedAt),
        startedAt: record.startedAt,
        badge: verdictBadge(record),
        total: record.recovery.durationMs === undefined ? '–' : formatDuration(record.recovery.durationMs),
        objective: record.recovery.objectiveMs === undefined ? '' : `of ${formatDuration(record.recovery.objectiveMs)}`,
        bar:
          known.length === 0
            ? ''
            : stackedBar(
                PHASES.map(name => ({ value: lengthOf(record, name), className: `p-${name}`, fill: PHASE_FILL[name] })),
                10,
                longest,
              ),
        phases: known
          .map(
            name => `${name} ${record.phases[name].censored ? 'not ended' : formatDuration(record.phases[name].durationMs ?? 0)}`,
          )
          .join(', '),
      };
    }),
  };
}

function scenarios(records: readonly RunRecord[]) {
  const byName = new Map<string, RunRecord[]>();
  for (const record of records) byName.set(record.scenario.name, [...(byName.get(record.scenario.name) ?? []), record]);
  const recovered = records.flatMap(record => record.recovery.durationMs ?? []);
  const end = Math.max(1, ...recovered);
  return [...byName].map(([name, runs], index) => {
    // A run that was refused or failed before the deploy says nothing about recovery; one that never recovered does.
    const drills = runs.filter(record => record.moments.deployed !== undefined);
    const done = drills.filter(record => record.recovery.durationMs !== undefined);
    const durations = done.map(record => record.recovery.durationMs as number);
    const middle = median(durations);
    const average = mean(durations);
    const interval = medianInterval(durations);
    const never = drills.length - done.length;
    return {
      name,
      title: runs[0]?.scenario.title ?? name,
      n: durations.length,
      runs: count(runs.length, 'run'),
      never: never === 0 ? '' : `${never} without a recovery, not in these figures`,
      median: middle === undefined ? '–' : formatDuration(middle),
      mean: average === undefined ? '–' : formatDuration(average),
      worst: durations.length === 0 ? '–' : formatDuration(Math.max(...durations)),
      certainty: interval
        ? `the median lies between ${formatDuration(interval.low)} and ${formatDuration(interval.high)} (95 %)`
        : `too few runs to say more: ${durations.length} of ${FEWEST_FOR_INTERVAL}`,
      dots:
        durations.length === 0
          ? ''
          : dotsSvg(
              done.map(record => ({
                durationMs: record.recovery.durationMs as number,
                met: record.verdict.outcome === 'met',
                label: `${formatDuration(record.recovery.durationMs as number)}, ${dateText(record.startedAt)}`,
              })),
              middle,
              interval,
              end,
              `Recovery times of ${name}: ${durations.map(formatDuration).join(', ')}`,
              `dots-${index + 1}`,
            ),
    };
  });
}
