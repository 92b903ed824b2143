/** Findings about people: hand-overs, roles that nobody had, where their time went, what they left out, did twice or did elsewhere. */
import { formatDuration } from '../record/duration.ts';
import { eventNumber } from '../record/find-event.ts';
import type { RunRecord, StepRecord } from '../record/run-record.ts';
import { type Finding, finding, percent } from './finding.ts';
import { unexplainedWaits } from './runbook-times.ts';
import { peoplesTime, timeSpent } from './time-spent.ts';

export function practiceFindings(record: RunRecord): Finding[] {
  if (!record.injected) return [];
  return [
    ...handOvers(record),
    ...slowestPeople(record),
    ...skipped(record),
    ...repeated(record),
    ...waits(record),
    ...outside(record),
    ...escalations(record),
    ...hints(record),
    ...breakGlass(record),
  ];
}

/** What it is measured against: the recovery, or as long as it was waited for one. */
function lengthOf(record: RunRecord): number {
  const spent = timeSpent(record);
  return spent ? spent.toTMs - spent.fromTMs : 0;
}

function handOvers(record: RunRecord): Finding[] {
  const unclear = record.handOvers.filter(each => each.from === undefined);
  const away = record.handOvers.filter(
    each =>
      each.from !== undefined && record.roles.some(role => role.role === each.role && role.away && role.person === each.from),
  );
  const cost = record.handOvers.reduce((sum, each) => sum + each.waitedMs, 0);
  const list: Finding[] = [];
  for (const each of unclear)
    list.push(
      finding(
        'role-unassigned',
        'warning',
        `Nobody was the ${each.role}`,
        `${formatDuration(each.waitedMs)} passed until ${each.to} took it (${each.reason}).`,
        `Name who is the ${each.role} before an incident does: one name per shift, in the runbook or the rota.`,
        { costMs: each.waitedMs, events: [eventNumber(record, 'role.handed-over', each.tMs)] },
      ),
    );
  for (const each of away)
    list.push(
      finding(
        'role-away',
        'warning',
        `The ${each.role} was away`,
        `${each.from} did not answer; ${formatDuration(each.waitedMs)} passed until ${each.to} acted (${each.reason}).`,
        `Name a deputy for the ${each.role}, and give the deputy the access now: finding that out costs more at night.`,
        { costMs: each.waitedMs, events: [eventNumber(record, 'role.handed-over', each.tMs)] },
      ),
    );
  const total = lengthOf(record);
  const told = unclear.length + away.length;
  if (cost >= 1000 && cost >= total * 0.1 && record.handOvers.length > told)
    list.push(
      finding(
        'hand-over-cost',
        'advice',
        `Handing over took ${percent(cost / total)} of the recovery`,
        `${record.handOvers.length} hand-overs, ${formatDuration(cost)}: ${record.handOvers.map(each => `${each.role} to ${each.to} ${formatDuration(each.waitedMs)}`).join(', ')}.`,
        'Let neighbouring steps belong to one role, so that fewer people have to be found and briefed.',
        { costMs: cost, events: record.handOvers.map(each => eventNumber(record, 'role.handed-over', each.tMs)) },
      ),
    );
  return list;
}

/** The step that people spent most of their time in, when it is a large part of the whole. */
function slowestPeople(record: RunRecord): Finding[] {
  const spent = timeSpent(record);
  if (!spent || record.activities.length === 0) return [];
  const [most] = [...peoplesTime(spent)].sort((a, b) => b[1] - a[1]);
  const step = most && record.runbook.steps.find(each => each.id === most[0]);
  const total = spent.toTMs - spent.fromTMs;
  if (!most || !step || most[1] < 5000 || most[1] < total * 0.2) return [];
  return [
    finding(
      'people-time',
      'advice',
      `People spent most of their time in “${step.title}”`,
      `${formatDuration(most[1])} of reading, thinking and typing, ${percent(most[1] / total)} of the recovery${spent.total.person > most[1] ? `; in all steps together ${formatDuration(spent.total.person)}` : ''}.`,
      step.does === 'diagnose'
        ? 'Put what settles the question right before it: what changed last, and whose own errors rose with it.'
        : 'Ask whoever played what they were looking for, and write that into the step.',
      { phase: step.phase, costMs: most[1], events: [eventNumber(record, 'runbook.step.started', step.startTMs)] },
    ),
  ];
}

/** By a person, with a reason; what a condition leaves out is meant to be. */
function skipped(record: RunRecord): Finding[] {
  const steps = record.runbook.steps.filter(
    step => step.outcome === 'skipped' && step.reason !== undefined && step.reason !== '',
  );
  if (steps.length === 0) return [];
  return [
    finding(
      'steps-skipped',
      'advice',
      steps.length === 1 ? `“${steps[0]?.title}” was skipped` : `${steps.length} steps were skipped`,
      `${steps.map(step => `${steps.length > 1 ? `“${step.title}”: ` : ''}“${step.reason}”`).join('; ')}.`,
      'A step that is skipped in practice is skipped at night: take it out, make it optional, or say why it matters.',
      { phase: steps[0]?.phase, events: steps.map(step => eventNumber(record, 'runbook.step.started', step.startTMs)) },
    ),
  ];
}

function repeated(record: RunRecord): Finding[] {
  const visits = new Map<string, StepRecord[]>();
  for (const step of record.runbook.steps) visits.set(step.id, [...(visits.get(step.id) ?? []), step]);
  const again = [...visits.values()].filter(all => all.length > 1 || all.some(step => step.tries > 1));
  return again.flatMap(all => {
    const [first] = all;
    // A step that failed in the end is told as that.
    if (!first || all.at(-1)?.outcome === 'failed' || all.at(-1)?.outcome === 'timed-out') return [];
    const tries = all.reduce((sum, step) => sum + step.tries, 0);
    const cost = all.reduce((sum, step) => sum + (step.durationMs ?? 0), 0);
    return [
      finding(
        'step-repeated',
        'advice',
        all.length > 1 ? `“${first.title}” was gone back to` : `“${first.title}” needed ${tries} tries`,
        `${all.length > 1 ? `Come to ${all.length} times, ` : ''}${formatDuration(cost)} together${first.expectedMs ? `, expected ${formatDuration(first.expectedMs)}` : ''}.`,
        first.command && all.length === 1
          ? `Find out why it did not work at once, and correct the command: \`${first.command}\``
          : 'Say in the step what a good result looks like, so that once is enough.',
        { phase: first.phase, costMs: cost, events: all.map(step => eventNumber(record, 'runbook.step.started', step.startTMs)) },
      ),
    ];
  });
}

function waits(record: RunRecord): Finding[] {
  const total = lengthOf(record);
  return unexplainedWaits(record)
    .filter(wait => wait.waitedMs >= total * 0.05)
    .map(({ waitedMs, after, before }) => {
      const where = [after && `after “${after.title}”`, before && `before “${before.title}”`].filter(Boolean).join(' and ');
      return finding(
        'unexplained-wait',
        'advice',
        `No step explains ${formatDuration(waitedMs)}`,
        `${where ? `${where.charAt(0).toUpperCase()}${where.slice(1)}, ` : ''}${percent(waitedMs / total)} of the recovery.`,
        'Ask what was done or waited for then, and make that a step: what is not written down is not practised.',
        {
          phase: before?.phase ?? after?.phase,
          costMs: waitedMs,
          events: [
            after && eventNumber(record, 'runbook.step.started', after.startTMs),
            before && eventNumber(record, 'runbook.step.started', before.startTMs),
          ],
        },
      );
    });
}

function outside(record: RunRecord): Finding[] {
  const made = record.rollback?.outside;
  if (!made) return [];
  const step = record.runbook.steps.find(each => each.does === 'rollback');
  return [
    finding(
      'rollback-outside',
      'advice',
      `The rollback was made outside the runbook, by ${made.manager}`,
      `${made.how}.${step ? ` The runbook has “${step.title}” for it.` : ' The runbook has no step for it.'}`,
      step
        ? 'Write the command that was used into that step, or let the step run it: then it is timed, kept and the same for everybody.'
        : 'Add a step that rolls back, with the command that was used.',
      { phase: 'rollback', events: [eventNumber(record, 'rollback.issued')] },
    ),
  ];
}

function escalations(record: RunRecord): Finding[] {
  return record.escalations.map(each =>
    finding(
      'would-escalate',
      'advice',
      `${each.by} would have called ${each.to}`,
      `${each.reason}${/[.!?]$/.test(each.reason) ? '' : '.'}`,
      'Under Escalation, write whom to call, when and how; then call them in a drill and see who answers.',
      { events: [eventNumber(record, 'escalated', each.tMs)] },
    ),
  );
}

function hints(record: RunRecord): Finding[] {
  if (record.hints.length === 0) return [];
  const last = record.hints.at(-1);
  return [
    finding(
      'hints-needed',
      'advice',
      record.hints.length === 1 ? 'One hint was needed' : `${record.hints.length} hints were needed`,
      `They cost ${record.hints.reduce((sum, hint) => sum + hint.cost, 0)} points. What helped last: “${last?.text}”`,
      'Write into the runbook what the hint said: in an incident nobody gives it.',
      { phase: 'diagnosis', events: record.hints.map(hint => eventNumber(record, 'hint.given', hint.tMs)) },
    ),
  ];
}

function breakGlass(record: RunRecord): Finding[] {
  return record.breakGlass.map(use => {
    const events = [eventNumber(record, 'break-glass.opened', use.tMs)];
    const what = `${use.account}, for ${use.name}: “${use.reason}”; ${use.used.length === 1 ? 'one command' : `${use.used.length} commands`}`;
    if (!use.closed)
      return finding(
        'break-glass-open',
        'warning',
        'Elevated access was not given up',
        `${what}. It lasts until ${use.expiresAt}.`,
        `Take it back now: revoke what ${use.account} was given.`,
        { events },
      );
    return finding(
      'break-glass-used',
      'advice',
      'Elevated access was used',
      `${what}; given up after ${formatDuration(use.closed.tMs - use.tMs)}.`,
      use.used.length === 0
        ? 'Nothing was done with it: take the mark off steps that do not need it.'
        : 'See whether what was done could be allowed to the role on call, so that nobody has to break glass for it.',
      { events },
    );
  });
}
