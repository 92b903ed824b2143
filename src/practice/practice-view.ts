/**
 * What of a drill a person who practises may see while it runs: not what was injected, which is what they are to find out. (A blind
 * drill hides much more; that is done before events come here.)
 */
import type { RehearsalEvent } from '../record/events.ts';
import { type KeyMoment, keyMoment } from '../reporters/key-moments.ts';

const HIDDEN: ReadonlySet<RehearsalEvent['type']> = new Set(['decoy.deployed', 'undo.written']);
/** The plan and the injection are about the fault; a hint is told when it is asked for. */
const WITHOUT_LINE: ReadonlySet<RehearsalEvent['type']> = new Set(['plan.made', 'fault.injected', 'hint.given']);

/** The event as it may be shown; undefined when it may not. */
export function practiceEvent(event: RehearsalEvent): RehearsalEvent | undefined {
  if (event.type === 'plan.made') return { ...event, fault: { kind: '', summary: '' } };
  if (event.type === 'fault.injected') return { ...event, kind: '', target: { apiVersion: '', kind: '', name: '' }, changes: [] };
  return HIDDEN.has(event.type) ? undefined : event;
}

/** The line of an event that may be shown, when it has one. */
export function practiceMoment(event: RehearsalEvent): KeyMoment | undefined {
  return WITHOUT_LINE.has(event.type) ? undefined : keyMoment(event);
}
