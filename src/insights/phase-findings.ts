/** Findings about the four phases: missed objectives, what dominates, the gap between knowing and acting, wrong answers. */
import { formatDuration } from '../record/duration.ts';
import { suspectText } from '../record/event-text.ts';
import type { PhaseName } from '../record/events.ts';
import { eventNumber, momentEventNumber } from '../record/find-event.ts';
import type { RunRecord, StepRecord } from '../record/run-record.ts';
import { type Finding, finding, percent, times } from './finding.ts';

const PHASES: readonly PhaseName[] = ['detection', 'diagnosis', 'rollback', 'verification'];
const END = { detection: 'detected', diagnosis: 'diagnosed', rollback: 'rolled-back', verification: 'restored' } as const;
const NEVER = {
  detection: 'The bad deploy was never detected',
  diagnosis: 'The cause was never named',
  rollback: 'The rollback never finished',
  verification: 'The service was never shown to be healthy',
} as const;

export function phaseFindings(record: RunRecord): Finding[] {
  if (!record.injected) return [];
  const gap = commandGap(record);
  const list: Finding[] = [];
  for (const name of PHASES) {
    const phase = record.phases[name];
    // Never detected is told by the detectors, with what users felt.
    if (phase.censored && name !== 'detection' && gaveUp(record)) list.push(neverEnded(record, name));
    // The gap before the command is the cause of a missed rollback; one finding says both.
    else if (phase.met === false && !phase.censored && !(name === 'rollback' && gap)) list.push(missed(record, name));
  }
  const dominant = dominantPhase(record);
  if (dominant && record.phases[dominant.name].met !== false) {
    list.push(
      finding(
        'phase-dominates',
        'advice',
        `${capital(dominant.name)} is where the time goes`,
        `${formatDuration(dominant.durationMs)}, ${percent(dominant.share)} of the recovery.`,
        advice(record, dominant.name),
        { phase: dominant.name, costMs: dominant.durationMs, events: [momentEventNumber(record, END[dominant.name])] },
      ),
    );
  }
  if (gap) list.push(gap);
  list.push(...wrongAnswers(record), ...closeCall(record), ...falseDone(record));
  return list;
}

/** The phase that takes at least half of a recovery, if one does. */
function dominantPhase(record: RunRecord): { name: PhaseName; durationMs: number; share: number } | undefined {
  const total = record.recovery.durationMs;
  if (!total) return undefined;
  for (const name of PHASES) {
    const durationMs = record.phases[name].durationMs ?? 0;
    if (durationMs / total >= 0.5) return { name, durationMs, share: durationMs / total };
  }
  return undefined;
}

/** The drill itself ended without reaching the moment; nobody cut it short. */
function gaveUp(record: RunRecord): boolean {
  return !['interrupted', 'unfinished', 'error', 'refused'].includes(record.verdict.outcome);
}

function neverEnded(record: RunRecord, name: PhaseName): Finding {
  const start = record.phases[name].startTMs ?? 0;
  const watched = (record.restore?.startedTMs ?? record.endedTMs) - start;
  return finding(
    `${name}-never-ended`,
    'critical',
    NEVER[name],
    `Given up after ${formatDuration(watched)}${record.phases[name].objectiveMs === undefined ? '' : `; the objective is ${formatDuration(record.phases[name].objectiveMs)}`}.`,
    name === 'rollback'
      ? 'The runbook’s way back does not work for this fault. Find out why below, and rehearse again before you need it.'
      : advice(record, name),
    { phase: name, costMs: watched },
  );
}

function missed(record: RunRecord, name: PhaseName): Finding {
  const { durationMs = 0, objectiveMs = 0 } = record.phases[name];
  const total = record.recovery.durationMs;
  const share = total ? `, ${percent(durationMs / total)} of the recovery` : '';
  return finding(
    `${name}-objective-missed`,
    'warning',
    `${capital(name)} took ${times(durationMs / objectiveMs)} its objective`,
    `${formatDuration(durationMs)} against ${formatDuration(objectiveMs)}${share}${longestStep(record, name, durationMs)}.`,
    advice(record, name),
    { phase: name, costMs: durationMs - objectiveMs, events: [momentEventNumber(record, END[name])] },
  );
}

/** The runbook step that makes up most of a phase, where one does. Waiting for the alert is detection itself and says nothing more. */
function longestStep(record: RunRecord, name: PhaseName, durationMs: number): string {
  if (name === 'detection') return '';
  const step = record.runbook.steps
    .filter(each => each.phase === name && each.durationMs !== undefined)
    .sort((a, b) => (b.durationMs ?? 0) - (a.durationMs ?? 0))[0];
  if (step?.durationMs === undefined || step.durationMs < durationMs * 0.5) return '';
  return `; step “${step.title}” alone ${formatDuration(step.durationMs)}`;
}

/** One concrete next action, chosen by what the phase is made of. */
function advice(record: RunRecord, name: PhaseName): string {
  const { moments } = record;
  switch (name) {
    case 'detection': {
      const quiet = between(moments.deployed?.tMs, moments.impact?.tMs);
      const blind = between(moments.impact?.tMs, moments.detected?.tMs);
      if (quiet !== undefined && blind !== undefined && quiet > blind) {
        return `Users felt nothing for the first ${formatDuration(quiet)}: watch the rollout itself (conditions, a canary) to tell before they do.`;
      }
      return blind === undefined
        ? 'Shorten the window of the first detector.'
        : `Users were failing for ${formatDuration(blind)} before anything told: shorten the window of the detector, or let it judge fewer requests.`;
    }
    case 'diagnosis': {
      const wrong = record.diagnosis.answers.filter(answer => !answer.correct).length;
      return wrong > 0
        ? 'Put the check that tells the suspects apart first in the runbook: which service’s own errors rose, and which only passes them on.'
        : 'Have the alert carry what changed last (workload, revision, who), so that the first look answers it.';
    }
    case 'rollback': {
      const waiting = between(moments.diagnosed?.tMs, moments['rollback-issued']?.tMs) ?? 0;
      const working = between(moments['rollback-issued']?.tMs, moments['rolled-back']?.tMs) ?? 0;
      if (waiting > working)
        return `${formatDuration(waiting)} passed before the command was given: name a rollback owner and approve this rollback in advance.`;
      return `The mechanism itself took ${formatDuration(working)}: look at readiness delays, maxSurge and the grace period of the pods.`;
    }
    case 'verification': {
      const stableFor = record.plan?.verification.stableForMs ?? 0;
      const duration = record.phases.verification.durationMs;
      if (duration !== undefined && stableFor / Math.max(1, duration) >= 0.6) {
        const interval = record.plan?.probes[0]?.intervalMs;
        const judged = interval ? ` (${Math.round(stableFor / interval)} requests)` : '';
        return `Most of it is the ${formatDuration(stableFor)} that every check must hold${judged}. That is the price of being sure; shorten \`stableFor\` only if fewer requests would convince you too.`;
      }
      return 'The checks kept breaking after the rollback: find out which one below, and what it waited for.';
    }
  }
}

/** Time from alert to command shows an ownership gap that no faster tool closes: the article's third rule. */
function commandGap(record: RunRecord): Finding | undefined {
  const gap = between(record.moments.diagnosed?.tMs, record.moments['rollback-issued']?.tMs);
  const total = record.recovery.durationMs ?? record.endedTMs - (record.moments.deployed?.tMs ?? 0);
  if (gap === undefined || gap < 1000 || gap < total * 0.2) return undefined;
  const step = personInGap(record, gap);
  const handing = handedOver(record);
  const handOvers = handing >= 1000 ? `; hand-overs took ${formatDuration(handing)} of it` : '';
  const { durationMs, objectiveMs, met } = record.phases.rollback;
  const missedObjective =
    met === false && durationMs !== undefined && objectiveMs !== undefined
      ? ` The rollback phase took ${formatDuration(durationMs)} against ${formatDuration(objectiveMs)}.`
      : '';
  return finding(
    'command-gap',
    'warning',
    `The cause was known for ${formatDuration(gap)} before anybody acted`,
    `${percent(gap / total)} of the recovery${step ? `, spent in “${step.title}”` : ', with no runbook step that explains it'}${handOvers}. Alert to command: ${formatDuration(record.alertToCommandMs ?? gap)}.${missedObjective}`,
    step && handing < gap / 2
      ? 'Let the person on call roll back without asking when the diagnosis is sure; ask afterwards.'
      : 'Name a rollback owner in the runbook, and put the command right after the diagnosis.',
    {
      phase: 'rollback',
      costMs: gap,
      events: [step && eventNumber(record, 'runbook.step.started', step.startTMs), momentEventNumber(record, 'rollback-issued')],
    },
  );
}

/** ms between naming the cause and the command that went into finding whoever acts. */
function handedOver(record: RunRecord): number {
  const from = record.moments.diagnosed?.tMs ?? 0;
  const to = record.moments['rollback-issued']?.tMs ?? 0;
  return record.activities
    .filter(({ activity }) => activity === 'hand-over')
    .reduce((sum, span) => sum + Math.max(0, Math.min(to, span.endTMs) - Math.max(from, span.startTMs)), 0);
}

function personInGap(record: RunRecord, gapMs: number): StepRecord | undefined {
  const from = record.moments.diagnosed?.tMs ?? 0;
  return record.runbook.steps.find(step => step.startTMs >= from && step.startTMs < from + gapMs && needsPerson(step.does));
}

export function needsPerson(does: string): boolean {
  return ['ask', 'confirm', 'decide'].includes(does);
}

function wrongAnswers(record: RunRecord): Finding[] {
  const wrong = record.diagnosis.answers.filter(answer => !answer.correct);
  const first = wrong[0];
  if (!first) return [];
  const blamed = first.suspects[0];
  const right = record.moments.diagnosed?.tMs;
  const cost = right === undefined ? undefined : right - first.tMs;
  return [
    finding(
      'diagnosis-wrong',
      'warning',
      `The diagnosis first blamed ${blamed ? suspectText(blamed) : 'nothing'}`,
      `${wrong.length} wrong ${wrong.length === 1 ? 'answer' : 'answers'}${cost === undefined ? ', never corrected' : `, ${formatDuration(cost)} until the right one`}${blamed?.reasons[0] ? `. What misled it: “${blamed.reasons[0].text}”` : ''}.`,
      'A rollback of the wrong workload would have been the next step. Add evidence that separates the two, such as error counters of each service.',
      { phase: 'diagnosis', costMs: cost, events: wrong.map(answer => eventNumber(record, 'diagnosis.answered', answer.tMs)) },
    ),
  ];
}

function closeCall(record: RunRecord): Finding[] {
  const answer = record.diagnosis.answers.find(each => each.correct);
  const [best, second] = answer?.suspects ?? [];
  if (!answer || !best || !second || best.score - second.score > 0.15) return [];
  return [
    finding(
      'diagnosis-close',
      'advice',
      'The right answer was a close call',
      `${suspectText(best)} ${best.score.toFixed(2)}, ${suspectText(second)} ${second.score.toFixed(2)}.`,
      'Next time it may fall the other way: collect evidence for longer (`diagnosis.settle`), or give services error counters of their own.',
      { phase: 'diagnosis', events: [eventNumber(record, 'diagnosis.answered', answer.tMs)] },
    ),
  ];
}

/** The mechanism reported success and the known-good state is not there: the rollback that lies. */
function falseDone(record: RunRecord): Finding[] {
  const { rollback } = record;
  if (rollback?.mechanismDoneTMs === undefined || rollback.desiredStateEqualTMs !== undefined) return [];
  return [
    finding(
      'rollback-false-done',
      'critical',
      'The rollback said done and was not',
      `The mechanism reported success ${formatDuration(rollback.mechanismDoneTMs - rollback.issuedTMs)} after the command, the desired state never equalled the known-good one.`,
      'Check what else writes to this workload (a GitOps controller, an operator), and roll back there.',
      { phase: 'rollback', events: [eventNumber(record, 'rollback.observed')] },
    ),
  ];
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
