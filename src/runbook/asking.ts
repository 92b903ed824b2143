/** Asks the person, until there is an answer; what they say beside it is done in between. */
import type { Activity } from '../record/events.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import type { RunbookActions } from '../rehearsal/ports.ts';
import type { Step } from './document.ts';
import type { Choice, Person, Prompt, ShownStep, SideCommand } from './person.ts';

/** What is asked, less what every prompt has. */
export type Question = Prompt extends infer One ? (One extends Prompt ? Omit<One, 'commands'> : never) : never;

interface AskingParts {
  person: Person;
  actions: Pick<RunbookActions, 'spend'>;
  signal: AbortSignal;
  redact: (text: string) => string;
  shown: (step: Step) => ShownStep;
  /** What a side command does. @throws Departure when it leaves the step */
  side: (step: Step | undefined, command: SideCommand, text: string) => Promise<void>;
}

export class Asking {
  readonly #parts: AskingParts;
  /** What the time goes into while a prompt is open; a person's own time unless something else is under way. */
  #activity: Activity = 'person';

  constructor(parts: AskingParts) {
    this.#parts = parts;
  }

  /** While this is under way, prompts are answered beside it. */
  async within<T>(activity: Activity, work: () => Promise<T>): Promise<T> {
    const before = this.#activity;
    this.#activity = activity;
    try {
      return await work();
    } finally {
      this.#activity = before;
    }
  }

  /**
   * @param own side commands that are an answer here
   * @throws Departure when the person leaves the step, the signal's reason when aborted
   */
  async ask(
    step: Step | undefined,
    question: Question,
    commands: readonly SideCommand[],
    own: Partial<Record<SideCommand, () => string>> = {},
    signal = this.#parts.signal,
  ): Promise<string> {
    const { actions, person, redact, shown, side } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      if (step) actions.spend(this.#activity, { stepId: step.id });
      else actions.spend(this.#activity);
      const prompt = { ...(step ? { step: shown(step) } : {}), ...question, commands } as Prompt;
      const reply = await person.prompt(prompt, signal);
      if (reply.kind === 'answer') return redact(harmlessLine(reply.text));
      const answer = own[reply.command];
      if (answer) return answer();
      await this.orCancelled(() => side(step, reply.command, redact(harmlessLine(reply.text))));
    }
  }

  /** A question on the way. @param given what was typed behind the side command. @throws Cancelled when the person goes back from it */
  async text(text: string, given = '', options: { optional?: boolean; must?: boolean } = {}): Promise<string> {
    if (given !== '') return given;
    const { optional = false, must = false } = options;
    for (;;) {
      const answer = await this.ask(undefined, { kind: 'text', text, optional }, must ? [] : ['back'], { back: cancel });
      if (answer !== '' || optional) return answer;
    }
  }

  /** @throws Cancelled when the person goes back from it */
  async choose(text: string, choices: readonly Choice[]): Promise<string> {
    return this.ask(undefined, { kind: 'choice', text, choices }, ['back'], { back: cancel });
  }

  async confirm(text: string): Promise<boolean> {
    return (await this.ask(undefined, { kind: 'confirm', text }, [])) === 'yes';
  }

  /** Undefined when the person thought better of it. */
  async orCancelled<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Cancelled) return undefined;
      throw error;
    }
  }
}

/** A person went back from a question on the way: nothing was done. */
class Cancelled extends Error {}

function cancel(): never {
  throw new Cancelled();
}
