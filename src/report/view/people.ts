/** People in the drill: roles and hand-overs, calls for help, what they wrote down, elevated access, and the score of a blind drill. */
import { scoreOf } from '../../insights/score.ts';
import { eventNumber } from '../../record/find-event.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { formatDuration } from '../format.ts';
import { cleaned, type Limits } from '../text.ts';
import type { ViewContext } from './context.ts';

export function peopleView({ record, since, links }: ViewContext) {
  const roles = record.roles.map(({ role, person, away }) => {
    const taken = record.handOvers.filter(each => each.role === role).at(-1);
    return {
      role,
      person: person ?? 'nobody',
      away,
      unassigned: person === undefined,
      // Who had it in the end, when that is somebody else.
      inTheEnd: taken && taken.to !== person ? taken.to : '',
    };
  });
  const handOvers = record.handOvers.map(each => ({
    when: since(each.tMs),
    role: each.role,
    from: each.from ?? 'nobody',
    to: each.to,
    reason: each.reason,
    unclear: each.from === undefined,
    waited: formatDuration(each.waitedMs),
    step: record.runbook.steps.find(step => step.id === each.stepId)?.title ?? '',
    events: links([eventNumber(record, 'role.handed-over', each.tMs)]),
  }));
  const waited = record.handOvers.reduce((sum, each) => sum + each.waitedMs, 0);
  const escalations = record.escalations.map(each => ({
    when: since(each.tMs),
    by: each.by,
    to: each.to,
    reason: each.reason,
    events: links([eventNumber(record, 'escalated', each.tMs)]),
  }));
  const notes = record.notes
    .filter(note => note.by !== undefined)
    .map(note => ({
      when: since(note.tMs),
      by: note.by ?? '',
      text: note.text,
      events: links([eventNumber(record, 'note', note.tMs)]),
    }));
  return {
    there: roles.length + handOvers.length + escalations.length + notes.length > 0,
    roles,
    handOvers,
    waited: waited > 0 && handOvers.length > 1 ? formatDuration(waited) : '',
    escalations,
    notes,
  };
}

export function breakGlassView({ record, since, links }: ViewContext) {
  return record.breakGlass.map(use => ({
    when: since(use.tMs),
    name: use.name,
    reason: use.reason,
    account: use.account,
    approvedBy: use.approvedBy ?? '',
    expiresAt: use.expiresAt,
    closed: use.closed ? `${since(use.closed.tMs)}: ${use.closed.reason}` : '',
    open: use.closed === undefined,
    used: use.used.map(one => ({
      when: since(one.tMs),
      command: one.command,
      step: record.runbook.steps.find(step => step.id === one.stepId)?.title ?? one.stepId,
      events: links([eventNumber(record, 'break-glass.used', one.tMs)]),
    })),
    events: links([eventNumber(record, 'break-glass.opened', use.tMs)]),
  }));
}

/** Of a blind drill; undefined of any other. @param raw the record with everything in it: the score counts all answers and hints */
export function scoreView(raw: RunRecord, { record, since, links }: ViewContext, limits: Limits) {
  const score = cleaned(raw.blind && scoreOf(raw), limits);
  if (!score || !record.blind) return undefined;
  return {
    points: score.points,
    of: score.of,
    seed: record.blind.seed,
    scenarios: record.blind.scenarios.join(', '),
    lines: score.lines.map(line => ({
      text: line.text,
      points: line.points === 0 ? '0' : `${line.points < 0 ? '−' : '+'}${Math.abs(line.points)}`,
      tone: line.points < 0 ? 'minus' : line.points > 0 ? 'plus' : 'none',
    })),
    hints: record.hints.map(hint => ({
      when: since(hint.tMs),
      level: hint.level,
      cost: hint.cost,
      by: hint.by,
      text: hint.text,
      events: links([eventNumber(record, 'hint.given', hint.tMs)]),
    })),
  };
}
