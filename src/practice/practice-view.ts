/**
 * What of a drill a person who practises may see while it runs: not what was injected, which is what they are to find out. (A blind
 * drill hides much more; that is done before events come here.)
 */
import type { RehearsalEvent } from '../record/events.ts';
import { type KeyMoment, keyMoment } from '../reporters/key-moments.ts';

const HIDDEN: ReadonlySet<RehearsalEvent['type']> = new Set(['decoy.deployed', 'fault.injected', 'undo.written']);

/** The event as it may be shown; undefined when it may not. */
export function practiceEvent(event: RehearsalEvent): RehearsalEvent | undefined {
  if (event.type === 'plan.made') return { ...event, fault: { kind: '', summary: '' } };
  return HIDDEN.has(event.type) ? undefined : event;
}

/** The line of an event that may be shown, when it has one. The plan is about the fault; a hint is told when it is asked for. */
export function practiceMoment(event: RehearsalEvent): KeyMoment | undefined {
  return event.type === 'plan.made' || event.type === 'hint.given' ? undefined : keyMoment(event);
}
