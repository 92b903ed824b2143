/** What of a drill a person who practises may see while it runs: never what was injected, which is what they are to find out. */
import type { RehearsalEvent } from '../record/events.ts';
import { type KeyMoment, keyMoment } from '../reporters/key-moments.ts';

export class PracticeView {
  #blind = false;

  /**
   * The event as it may be shown; undefined when it may not. In a blind drill a wrong answer looks like a right one, and that an
   * answer was right (t2) is not told: both would give away what the score asks for.
   */
  event(event: RehearsalEvent): RehearsalEvent | undefined {
    if (event.type === 'run.started') this.#blind = event.blind !== undefined;
    if (HIDDEN.has(event.type)) return event.type === 'plan.made' ? withoutFault(event) : undefined;
    if (!this.#blind) return event;
    if (event.type === 'moment.reached' && event.moment === 'diagnosed') return undefined;
    if (event.type === 'diagnosis.answered') return { ...event, correct: true };
    return event;
  }

  /** The line of an event that may be shown, when it has one. */
  moment(event: RehearsalEvent): KeyMoment | undefined {
    // The plan names the fault; a hint is told when it is asked for.
    return event.type === 'plan.made' || event.type === 'hint.given' ? undefined : keyMoment(event);
  }
}

const HIDDEN: ReadonlySet<RehearsalEvent['type']> = new Set(['plan.made', 'decoy.deployed', 'fault.injected', 'undo.written']);

function withoutFault<Event extends RehearsalEvent & { type: 'plan.made' }>(event: Event): Event {
  return { ...event, fault: { kind: '', summary: '' } };
}
