/** The four phases against their objectives, and the figures kept beside them. */

import { serviceLevels } from '../../insights/service-level.ts';
import type { MomentName, PhaseName } from '../../record/events.ts';
import { momentEventNumber } from '../../record/find-event.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { meter, stackedBar } from '../charts/meter.ts';
import { PHASE_FILL } from '../charts/timeline.ts';
import { formatDuration, percent } from '../format.ts';
import type { ViewContext } from './context.ts';

export const PHASES: readonly PhaseName[] = ['detection', 'diagnosis', 'rollback', 'verification'];

const SPANS: Record<PhaseName, { from: string; to: string; end: MomentName; never: string }> = {
  detection: { from: 't0 deployed', to: 't1 detected', end: 'detected', never: 'never detected' },
  diagnosis: { from: 't1 detected', to: 't2 diagnosed', end: 'diagnosed', never: 'cause never named' },
  rollback: { from: 't2 diagnosed', to: 't3 rolled back', end: 'rolled-back', never: 'never rolled back' },
  verification: { from: 't3 rolled back', to: 't4 restored', end: 'restored', never: 'never shown to be healthy' },
};

export function phasesView(context: ViewContext) {
  const { record } = context;
  const total = record.recovery.durationMs;
  const cards = PHASES.map(name => card(context, name, total));
  const reached = cards.some(each => each.state !== 'unreached');
  return {
    reached,
    cards,
    bar: stackedBar(PHASES.map(name => ({ value: lengthOf(record, name), className: `p-${name}`, fill: PHASE_FILL[name] }))),
    figures: figures(record),
  };
}

/** Measured, or watched for when it never ended. */
export function lengthOf(record: RunRecord, name: PhaseName): number {
  const phase = record.phases[name];
  if (phase.durationMs !== undefined) return phase.durationMs;
  return phase.startTMs === undefined ? 0 : Math.max(0, (record.restore?.startedTMs ?? record.endedTMs) - phase.startTMs);
}

function card({ record, links }: ViewContext, name: PhaseName, total: number | undefined) {
  const phase = record.phases[name];
  const span = SPANS[name];
  const length = lengthOf(record, name);
  const cutShort = ['interrupted', 'unfinished', 'error'].includes(record.verdict.outcome);
  const state: 'met' | 'missed' | 'open' | 'unreached' | 'measured' =
    phase.startTMs === undefined
      ? 'unreached'
      : phase.met === true
        ? 'met'
        : phase.met === false
          ? 'missed'
          : phase.censored
            ? 'open'
            : 'measured';
  return {
    name,
    title: name.charAt(0).toUpperCase() + name.slice(1),
    span: `${span.from} → ${span.to}`,
    state,
    durationMs: phase.startTMs === undefined ? undefined : length,
    prefix: phase.censored ? '>' : '',
    share: total && phase.durationMs !== undefined ? percent(phase.durationMs / total) : '',
    meter: phase.objectiveMs === undefined || phase.startTMs === undefined ? '' : meter(length, phase.objectiveMs, `p-${name}`),
    objective: phase.objectiveMs === undefined ? 'no objective' : `objective ${formatDuration(phase.objectiveMs)}`,
    judgement: judgement(),
    detail: phase.startTMs === undefined ? 'not reached' : detail(record, name),
    events: links([momentEventNumber(record, span.end)]),
  };

  function judgement(): string {
    if (phase.startTMs === undefined) return '';
    if (phase.censored) return cutShort ? 'cut short' : span.never;
    if (phase.objectiveMs === undefined || phase.durationMs === undefined) return '';
    return phase.met ? 'met' : `missed by ${formatDuration(phase.durationMs - phase.objectiveMs)}`;
  }
}

/** What made the phase up, in a few words. */
function detail(record: RunRecord, name: PhaseName): string {
  const { moments } = record;
  const t = (moment: MomentName) => moments[moment]?.tMs;
  switch (name) {
    case 'detection': {
      const impact = gap(t('deployed'), t('impact'));
      const parts = [
        moments.detected ? `told by ${moments.detected.by}` : '',
        impact === undefined ? '' : `first failed request after ${formatDuration(impact)}`,
      ];
      return parts.filter(Boolean).join('; ');
    }
    case 'diagnosis': {
      const wrong = record.diagnosis.answers.filter(answer => !answer.correct).length;
      const by = moments.diagnosed ? `named by ${moments.diagnosed.by}` : '';
      return [by, wrong === 0 ? '' : `${wrong} wrong ${wrong === 1 ? 'answer' : 'answers'}${moments.diagnosed ? ' first' : ''}`]
        .filter(Boolean)
        .join('; ');
    }
    case 'rollback': {
      const wait = gap(t('diagnosed'), t('rollback-issued'));
      const work = gap(t('rollback-issued'), t('rolled-back'));
      return [
        wait === undefined || wait < 0 ? '' : `command after ${formatDuration(wait)}`,
        work === undefined ? '' : `rollout ${formatDuration(work)}`,
      ]
        .filter(Boolean)
        .join('; ');
    }
    case 'verification': {
      const held = gap(t('healthy-since'), t('restored'));
      return held === undefined ? '' : `every check held for ${formatDuration(held)}`;
    }
  }
}

function figures(record: RunRecord) {
  const { moments } = record;
  const list: { term: string; durationMs: number | undefined; words: string; note: string }[] = [];
  const add = (term: string, durationMs: number | undefined, note: string, words = '') => {
    if (durationMs !== undefined || words) list.push({ term, durationMs, words, note });
  };
  add('Alert to command', record.alertToCommandMs, 'from the first signal to the rollback command');
  add(
    'Users failing unnoticed',
    gap(moments.impact?.tMs, moments.detected?.tMs),
    'from the first failed request to the first signal',
  );
  const worst = serviceLevels(record).sort((a, b) => b.impact.failed - a.impact.failed)[0];
  if (worst && worst.impact.requests > 0) {
    add(
      'Requests failed',
      undefined,
      `${percent(worst.impact.errorRate ?? 0)} of ${worst.impact.requests.toLocaleString('en')} while the fault was live (probe ${worst.probe.name})`,
      worst.impact.failed.toLocaleString('en'),
    );
  }
  add('Healthy since', gap(moments.deployed?.tMs, moments['healthy-since']?.tMs), 'after the deploy; the rest was making sure');
  return list;
}

function gap(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from);
}
