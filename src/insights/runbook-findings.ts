/** Findings about the runbook: steps that failed, took longer than written, need a person, or were never reached. */
import { formatDuration } from '../record/duration.ts';
import { eventNumber } from '../record/find-event.ts';
import type { RunRecord, StepRecord } from '../record/run-record.ts';
import { type Finding, finding, times } from './finding.ts';
import { needsPerson } from './phase-findings.ts';
import { unreachedSteps } from './runbook-times.ts';

export function runbookFindings(record: RunRecord): Finding[] {
  const { steps } = record.runbook;
  if (!record.injected) return [];
  if (record.plan && !record.plan.runbook) {
    return [
      finding(
        'no-runbook',
        'advice',
        'The drill followed no runbook',
        'The scenario names none.',
        'Name one with `spec.runbook`: a procedure that is never practised is what fails at night.',
      ),
    ];
  }
  return [
    ...failed(record, steps),
    ...slow(record, steps),
    ...people(record, steps),
    ...unreached(record, steps),
    ...untimed(steps),
  ];
}

function failed(record: RunRecord, steps: StepRecord[]): Finding[] {
  return steps
    .filter(step => (step.outcome === 'failed' || step.outcome === 'timed-out') && step.does !== 'wait')
    .map(step =>
      finding(
        'step-failed',
        'warning',
        `Step “${step.title}” ${step.outcome === 'failed' ? 'failed' : 'ran into its timeout'}`,
        `${step.durationMs === undefined ? '' : `After ${formatDuration(step.durationMs)}: `}${step.error ?? 'no reason given'}.`,
        step.command
          ? `Run it by hand against staging and correct the runbook: \`${step.command}\``
          : 'Correct this step in the runbook and rehearse again.',
        { phase: step.phase, costMs: step.durationMs, events: [eventNumber(record, 'runbook.step.started', step.startTMs)] },
      ),
    );
}

function slow(record: RunRecord, steps: StepRecord[]): Finding[] {
  const late = steps
    .filter(step => step.outcome === 'passed' && !needsPerson(step.does))
    .flatMap(step => {
      const { expectedMs, durationMs } = step;
      // A missed phase is told with the phase; the step that makes it up adds nothing.
      const phase = step.phase && record.phases[step.phase];
      if (phase?.met === false && (durationMs ?? 0) > (phase.durationMs ?? 0) * 0.6) return [];
      if (!expectedMs || durationMs === undefined || durationMs < expectedMs * 1.5 || durationMs - expectedMs < 1000) return [];
      return [{ step, expectedMs, durationMs }];
    });
  const written = 'If this is how long it takes, write that: people plan by it.';
  // People read and type in every step; each by itself would fill a page.
  if (record.mode === 'practice' && late.length > 1) {
    const cost = late.reduce((sum, each) => sum + each.durationMs - each.expectedMs, 0);
    return [
      finding(
        'steps-slow',
        'advice',
        `${late.length} steps took longer than the runbook says`,
        `${late.map(each => `“${each.step.title}” ${formatDuration(each.durationMs)} against ${formatDuration(each.expectedMs)}`).join(', ')}.`,
        `${written} The report has the times ready to paste.`,
        {
          phase: late[0]?.step.phase,
          costMs: cost,
          events: late.map(each => eventNumber(record, 'runbook.step.started', each.step.startTMs)),
        },
      ),
    ];
  }
  return late.map(({ step, expectedMs, durationMs }) =>
    finding(
      'step-slow',
      'advice',
      `Step “${step.title}” took ${times(durationMs / expectedMs)} what the runbook says`,
      `${formatDuration(durationMs)} against an expected ${formatDuration(expectedMs)}.`,
      `Find out what it waited for. ${written}`,
      {
        phase: step.phase,
        costMs: durationMs - expectedMs,
        events: [eventNumber(record, 'runbook.step.started', step.startTMs)],
      },
    ),
  );
}

function people(record: RunRecord, steps: StepRecord[]): Finding[] {
  // People are what a practice is for.
  if (record.mode === 'practice') return [];
  // A question that was answered at once, from the scenario or from evidence, kept nobody waiting.
  const waiting = steps.filter(
    step =>
      (needsPerson(step.does) || step.error?.includes('needs a person')) &&
      ((step.durationMs ?? 0) >= 1000 || step.outcome !== 'passed'),
  );
  if (waiting.length === 0) return [];
  const cost = waiting.reduce((sum, step) => sum + (step.durationMs ?? 0), 0);
  return [
    finding(
      'steps-need-people',
      'advice',
      waiting.length === 1 ? `Step “${waiting[0]?.title}” needs a person` : `${waiting.length} steps need a person`,
      `${waiting.map(step => `“${step.title}” ${step.durationMs === undefined ? 'never ended' : formatDuration(step.durationMs)}`).join(', ')}${waiting.length > 1 ? `; together ${formatDuration(cost)}` : ''}.`,
      'This is what keeps the runbook from being automatic. Turn each question into a check that answers itself, or decide that a person must stay.',
      {
        phase: waiting[0]?.phase,
        costMs: cost,
        events: waiting.map(step => eventNumber(record, 'runbook.step.started', step.startTMs)),
      },
    ),
  ];
}

function unreached(record: RunRecord, steps: StepRecord[]): Finding[] {
  const planned = record.plan?.runbook?.steps ?? 0;
  const reached = new Set(steps.map(step => step.id)).size;
  if (reached >= planned || record.verdict.outcome === 'met') return [];
  const last = steps.at(-1);
  const names = unreachedSteps(record).map(step => `“${step.title}”`);
  const never = names.length > 0 ? `Never: ${names.join(', ')}. ` : '';
  return [
    finding(
      'steps-unreached',
      'advice',
      `${planned - reached} of ${planned} runbook steps were not reached`,
      never + (last ? `The last one was “${last.title}” (${last.outcome}).` : 'Not one was started.'),
      'Nobody knows yet whether these steps work: rehearse again once the cause above is dealt with.',
      { phase: last?.phase },
    ),
  ];
}

function untimed(steps: StepRecord[]): Finding[] {
  const untimedSteps = steps.filter(step => step.expectedMs === undefined && step.durationMs !== undefined);
  if (untimedSteps.length === 0) return [];
  return [
    finding(
      'steps-without-expected-time',
      'advice',
      untimedSteps.length === 1 ? 'One step states no expected time' : `${untimedSteps.length} steps state no expected time`,
      untimedSteps.map(step => `“${step.title}” took ${formatDuration(step.durationMs ?? 0)}`).join(', '),
      'Write these times into the runbook (the report has them ready to paste): a reader under pressure then knows when to stop waiting.',
    ),
  ];
}
