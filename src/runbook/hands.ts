/** Who follows a runbook: nobody (automatic.ts) or a person at a terminal (practice.ts). Both follow the same steps. */
import type { EventOf } from '../record/events.ts';
import type { Action, Step } from './document.ts';

type Finished = Omit<EventOf<'runbook.step.finished'>, 'type' | 'seq' | 'at' | 'tMs' | 'stepId' | 'durationMs'>;

/** How one step went, and where to go on when it says so. */
export interface Followed extends Finished {
  answer?: string;
  /** Id of the step that a decision leads to, or `end`. */
  go?: string;
  /** Somebody has to be there for it; it cannot be followed automatically. */
  needsPerson?: boolean;
  /** It was skipped because its condition does not hold. */
  notNeeded?: boolean;
  /** It failed, and the person goes on all the same. */
  goOn?: boolean;
  /** A person left it for another step than the runbook's next. */
  departure?: Departure;
}

/** Leaves a step for elsewhere. An Error, so that it ends whatever the step is waiting for. */
export class Departure extends Error {
  readonly to: 'next' | 'back' | 'again';
  constructor(to: Departure['to'], reason: string) {
    super(reason);
    this.name = 'Departure';
    this.to = to;
  }
}

/** A step asks for somebody, and nobody is there. */
export class PersonNeeded extends Error {}

export interface Hands {
  /** Name of the person, when there is one. */
  readonly by: string | undefined;
  /** Before a step begins: whoever it belongs to takes it. */
  meet(step: Step): Promise<void>;
  /** Before a step is done. `by-hand`: the person does it outside the tool. @throws Departure, PersonNeeded */
  arrive(step: Step, visit: number): Promise<'do' | 'by-hand'>;
  /** While something works that ends by itself, and listens to its signal. @throws Departure, the work's own error, or the signal's reason */
  during<T>(work: (signal: AbortSignal) => Promise<T>, about: Waiting, signal: AbortSignal): Promise<T>;
  /** The answer to a question, yet to be validated. @throws Departure, PersonNeeded */
  answer(step: Step, action: Extract<Action, { kind: 'ask' | 'confirm' | 'decide' }>): Promise<string>;
  /** Names the cause, in words for the record. @throws Departure, or what the diagnosis throws */
  diagnose(step: Step, signal: AbortSignal): Promise<string>;
  /** A step did not go well and is not tried again by itself. @throws Departure */
  afterFailure(step: Step, error: string): Promise<'again' | 'go-on' | 'end'>;
  /** No step is left: where to go from here, or nowhere. */
  over(last: Step | undefined): Promise<Departure | undefined>;
  /** Output of a command as it comes: whole lines, redacted and harmless. */
  output?(line: string): void;
}

export interface Waiting {
  step: Step | undefined;
  for: 'cluster' | 'machine';
  /** One line: what is waited for. */
  text: string;
}
