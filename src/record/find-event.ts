/** From what a record says to the event that shows it, so that a reader can follow a link to the evidence. */
import { MOMENT_TEXT } from './event-text.ts';
import type { EventBody, MomentName } from './events.ts';
import type { RunRecord } from './run-record.ts';

/** Number of the first event of this type, written at `tMs` when that is given. */
export function eventNumber(record: RunRecord, type: EventBody['type'], tMs?: number): number | undefined {
  return record.events.find(event => event.type === type && (tMs === undefined || event.tMs === tMs))?.seq;
}

/** Number of the event that says that a moment was reached. */
export function momentEventNumber(record: RunRecord, moment: MomentName): number | undefined {
  const start = `${MOMENT_TEXT[moment]}, by `;
  return record.events.find(event => event.type === 'moment.reached' && event.text.startsWith(start))?.seq;
}
