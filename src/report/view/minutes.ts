/** Whose minutes they were: people's, the machine's, the cluster's, those of hand-overs, phase by phase. */
import { SPENDINGS, type Spending, type TimeSpent } from '../../insights/time-spent.ts';
import type { PhaseName } from '../../record/events.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { stackedBar } from '../charts/meter.ts';
import { formatDuration, percent } from '../format.ts';

/** Fills that a viewer without the style sheet sees. */
export const SPENDING_FILL: Record<Spending, string> = {
  person: '#c11574',
  machine: '#475467',
  cluster: '#4f7a21',
  'hand-over': '#b54708',
  pause: '#98a2b3',
  untold: '#d0d5dd',
};

export const SPENDING_WORDS: Record<Spending, string> = {
  person: 'people',
  machine: 'commands',
  cluster: 'the cluster',
  'hand-over': 'hand-overs',
  pause: 'pauses',
  untold: 'not told',
};

const MEANINGS: Record<Spending, string> = {
  person: 'reading, thinking, typing',
  machine: 'commands and actions of the runbook at work',
  cluster: 'waiting for a detector, a rollout, a check that has to hold',
  'hand-over': 'finding and briefing whoever acts next',
  pause: 'out of the drill, with a reason',
  untold: 'nothing on the record says what it went into',
};

const TITLES: Record<PhaseName, string> = {
  detection: 'Detection',
  diagnosis: 'Diagnosis',
  rollback: 'Rollback',
  verification: 'Verification',
};

export function minutesView(record: RunRecord, spent: TimeSpent | undefined) {
  if (!spent) return { there: false, lead: '', legend: [], rows: [] };
  const names = Object.keys(TITLES) as PhaseName[];
  const lengths = names.map(name => total(spent.phases[name]));
  const longest = Math.max(...lengths);
  const rows = names.map(name => row(TITLES[name], `p-${name}`, spent.phases[name], longest));
  const all = row(
    record.recovery.durationMs === undefined ? 'Until it was given up' : 'Recovery',
    'all',
    spent.total,
    total(spent.total),
  );
  const used = SPENDINGS.filter(spending => spent.total[spending] > 0);
  return {
    // One colour alone says nothing: an older run, or a drill without a runbook.
    there: used.length > 0 && spent.total.untold < total(spent.total),
    lead: lead(record, spent),
    legend: used.map(spending => ({ spending, word: SPENDING_WORDS[spending], meaning: MEANINGS[spending] })),
    rows: [...rows.filter((_, index) => (lengths[index] ?? 0) > 0), all],
  };

  function row(title: string, className: string, part: Record<Spending, number>, whole: number) {
    const length = total(part);
    return {
      title,
      className,
      durationMs: length,
      bar: stackedBar(
        SPENDINGS.map(spending => ({ value: part[spending], className: `s-${spending}`, fill: SPENDING_FILL[spending] })),
        12,
        whole || 1,
      ),
      parts: SPENDINGS.filter(spending => part[spending] > 0).map(spending => ({
        spending,
        word: SPENDING_WORDS[spending],
        durationMs: part[spending],
        share: percent(part[spending] / length),
      })),
    };
  }
}

/** "1 m 09 s people, 2.0 s commands": what a step, or any stretch, went into. */
export function spentText(spent: TimeSpent | undefined, stepId: string, fromTMs: number, toTMs: number): string {
  const parts = SPENDINGS.map(spending => ({
    spending,
    ms: (spent?.spans ?? [])
      .filter(span => span.spending === spending && span.stepId === stepId)
      .reduce((sum, span) => sum + Math.max(0, Math.min(span.endTMs, toTMs) - Math.max(span.startTMs, fromTMs)), 0),
  })).filter(part => part.ms >= 50);
  return parts.length < 2 ? '' : parts.map(({ spending, ms }) => `${formatDuration(ms)} ${SPENDING_WORDS[spending]}`).join(', ');
}

function lead(record: RunRecord, { total: parts, fromTMs, toTMs }: TimeSpent): string {
  const length = toTMs - fromTMs;
  const what = record.recovery.durationMs === undefined ? 'Of the time until the drill gave up' : 'Of the recovery';
  const said = SPENDINGS.filter(spending => spending !== 'untold' && parts[spending] / length >= 0.005)
    .sort((a, b) => parts[b] - parts[a])
    .map((spending, index) => `${SPENDING_WORDS[spending]}${index === 0 ? ' took' : ''} ${percent(parts[spending] / length)}`);
  const last = said.pop();
  if (last === undefined) return '';
  return `${what}, ${said.length > 0 ? `${said.join(', ')} and ` : ''}${last}.`;
}

function total(parts: Record<Spending, number>): number {
  return SPENDINGS.reduce((sum, spending) => sum + parts[spending], 0);
}
