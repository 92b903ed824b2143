/** Nobody at the keyboard: questions are answered from the scenario, from the runbook or from evidence. */
import type { RunbookActions } from '../rehearsal/ports.ts';
import type { Action, Branch, Step } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { type StepResult, whyNotMet } from './expectation.ts';
import { type Hands, PersonNeeded, type Waiting } from './hands.ts';
import type { Variables } from './variables.ts';

export class AutomaticHands implements Hands {
  readonly by = undefined;
  readonly #environment: RunbookEnvironment;
  readonly #results: ReadonlyMap<string, StepResult>;
  readonly #variables: Variables;
  readonly #actions: RunbookActions;

  constructor(
    environment: RunbookEnvironment,
    results: ReadonlyMap<string, StepResult>,
    variables: Variables,
    actions: RunbookActions,
  ) {
    this.#environment = environment;
    this.#results = results;
    this.#variables = variables;
    this.#actions = actions;
  }

  async meet(): Promise<void> {}

  async arrive(step: Step): Promise<'do'> {
    if (step.breakGlass) {
      throw new PersonNeeded('break-glass access is asked for by name, with a reason and an expiry');
    }
    return 'do';
  }

  async during<T>(work: (signal: AbortSignal) => Promise<T>, _about: Waiting, signal: AbortSignal): Promise<T> {
    return work(signal);
  }

  async diagnose(_step: Step, signal: AbortSignal): Promise<string> {
    return this.#actions.diagnose(signal);
  }

  async answer(step: Step, action: Extract<Action, { kind: 'ask' | 'confirm' | 'decide' }>): Promise<string> {
    const text = this.#variables.fillKnown(action.text);
    const given = this.#environment.answers?.[step.id];
    const answer = given ?? this.#own(action);
    if (answer !== undefined) return answer;
    const how = 'give `answer` in the step, or `answers` in the scenario, for automatic runs';
    switch (action.kind) {
      case 'ask':
        throw new PersonNeeded(`it asks "${text}"; ${how}`);
      case 'confirm':
        throw new PersonNeeded(`it asks to confirm "${text}"; ${how}`);
      case 'decide':
        throw new PersonNeeded(`it asks to decide "${text}" and no \`when\` holds; ${how}`);
    }
  }

  #own(action: Extract<Action, { kind: 'ask' | 'confirm' | 'decide' }>): string | undefined {
    switch (action.kind) {
      case 'ask':
        return action.answer;
      case 'confirm':
        return action.answer === undefined ? undefined : action.answer ? 'yes' : 'no';
      case 'decide': {
        const byEvidence = (branch: Branch) =>
          branch.when !== undefined && !whyNotMet(branch.when, this.#results, this.#environment.tags ?? []);
        return action.branches.find(byEvidence)?.label ?? action.answer;
      }
    }
  }

  async afterFailure(): Promise<'end'> {
    return 'end';
  }

  async over(): Promise<undefined> {}
}
