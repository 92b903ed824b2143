/** The log of a run, cut where it is too long for a page: what links lead to stays. */
import type { RunRecord } from '../../record/run-record.ts';

/** Many of these say little; they go first. */
const MINOR = new Set([
  'activity.changed',
  'note',
  'verification.changed',
  'signal.cleared',
  'signal.raised',
  'runbook.step.finished',
]);

/** Numbers of at most `most` events: the ones that matter in order, then the others as long as there is room. */
export function shownEvents(record: RunRecord, most: number): Set<number> {
  const major = record.events.filter(event => !MINOR.has(event.type));
  const minor = record.events.filter(event => MINOR.has(event.type));
  return new Set([...major, ...minor].slice(0, most).map(event => event.seq));
}
