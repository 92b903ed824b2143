/** What of the events a person who practises may see: never what was injected, which is what they are to find out. */
import type { RehearsalEvent } from '../record/events.ts';
import { type KeyMoment, keyMoment } from '../reporters/key-moments.ts';

/** Undefined for what is hidden or has no line. */
export function practiceMoment(event: RehearsalEvent): KeyMoment | undefined {
  switch (event.type) {
    case 'plan.made':
    case 'decoy.deployed':
    case 'fault.injected':
    case 'undo.written':
      return undefined;
    default:
      return keyMoment(event);
  }
}
