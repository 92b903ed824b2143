/** A person follows the runbook at a terminal: step by step, with their own hands where they like, with everything on the record. */
import { objectText } from '../record/event-text.ts';
import { harmlessLine, harmlessText } from '../record/harmless-text.ts';
import type { RoleContext, RunbookActions } from '../rehearsal/ports.ts';
import { Asking, type Question } from './asking.ts';
import { nameCause } from './cause.ts';
import type { CommandRunner } from './commands.ts';
import type { Action, RunbookDocument, Step } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { HandOvers } from './hand-over.ts';
import { Departure, type Hands, type Waiting } from './hands.ts';
import type { Person, SideCommand } from './person.ts';
import { shownStep, whatEnterDoes } from './shown-step.ts';
import type { Variables } from './variables.ts';

const EVIDENCE = ['changes', 'pods', 'events', 'logs', 'service-level'] as const;

/** What can be said at every prompt of the drill. */
const ALWAYS = ['cause', 'rollback', 'show', 'note', 'escalate', 'hand-over', 'hint', 'pause', 'quit'] as const;

interface Parts {
  person: Person;
  document: RunbookDocument;
  environment: RunbookEnvironment;
  context: RoleContext;
  actions: RunbookActions;
  signal: AbortSignal;
  variables: Variables;
  commands: CommandRunner;
}

export class PracticeHands implements Hands {
  readonly #parts: Parts;
  readonly #asking: Asking;
  readonly #handOvers: HandOvers;
  /** How often the step that it is at was come to. */
  #visit = 1;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { person, actions, environment, signal } = parts;
    this.#asking = new Asking({
      person,
      actions,
      signal,
      redact: text => parts.commands.redact(text),
      shown: step => shownStep(step, this.#visit, parts),
      side: (step, command, text) => this.#side(step, command, text),
    });
    this.#handOvers = new HandOvers({ ...parts, asking: this.#asking }, environment.roles ?? []);
  }

  get by(): string {
    return this.#parts.person.name;
  }

  meet(step: Step): Promise<void> {
    return this.#handOvers.meet(step);
  }

  async arrive(step: Step, visit: number): Promise<'do' | 'by-hand'> {
    this.#visit = visit;
    // The alert comes by itself, or has come; a question is read with its step.
    const { kind } = step.action;
    if (kind === 'await-detection' || kind === 'ask' || kind === 'confirm' || kind === 'decide') return 'do';
    const shown = shownStep(step, visit, this.#parts);
    const commands: SideCommand[] = [
      'done',
      'skip',
      'back',
      ...(step.phase === 'detection' ? (['alert'] as const) : []),
      ...ALWAYS,
    ];
    const question: Question = { kind: 'step', text: whatEnterDoes(step), step: shown };
    const answer = await this.#asking.ask(step, question, commands, { done: () => 'by-hand' });
    return answer === 'by-hand' ? 'by-hand' : 'do';
  }

  async during<T>(work: (signal: AbortSignal) => Promise<T>, about: Waiting, signal: AbortSignal): Promise<T> {
    const stop = new AbortController();
    const over = new AbortController();
    const working = work(AbortSignal.any([signal, stop.signal])).finally(() => over.abort(new Error('it is over')));
    // Its failure is told by awaiting it below, in whichever order things end.
    working.catch(() => {});
    const commands: SideCommand[] = ['alert', 'skip', 'back', 'repeat', ...ALWAYS];
    try {
      const until = AbortSignal.any([signal, over.signal]);
      const question: Question = { kind: 'waiting', text: about.text, waitingFor: about.for };
      await this.#asking.within(about.for, () => this.#asking.ask(about.step, question, commands, {}, until));
    } catch (error) {
      if (!over.signal.aborted) {
        stop.abort(error);
        await working.catch(() => {});
        throw error;
      }
    }
    return working;
  }

  async answer(step: Step, action: Extract<Action, { kind: 'ask' | 'confirm' | 'decide' }>): Promise<string> {
    return this.#asking.ask(step, this.#question(action), ['skip', 'back', ...ALWAYS]);
  }

  #question(action: Extract<Action, { kind: 'ask' | 'confirm' | 'decide' }>): Question {
    const text = this.#parts.variables.fillKnown(action.text);
    switch (action.kind) {
      case 'confirm':
        return { kind: 'confirm', text };
      case 'decide':
        return { kind: 'choice', text, choices: action.branches.map(branch => ({ value: branch.label })) };
      case 'ask':
        if (action.answerKind === 'choice') return { kind: 'choice', text, choices: action.choices.map(value => ({ value })) };
        if (action.answerKind === 'number') return { kind: 'number', text, min: action.min, max: action.max };
        return { kind: 'text', text };
    }
  }

  async diagnose(step: Step, signal: AbortSignal): Promise<string> {
    for (;;) {
      const said = await this.#nameCause(step, signal);
      if (said !== undefined) return said;
      const text = 'Look on. Enter: name the cause';
      await this.#asking.ask(step, { kind: 'step', text, step: shownStep(step, this.#visit, this.#parts) }, [
        'skip',
        'back',
        ...ALWAYS,
      ]);
    }
  }

  async afterFailure(step: Step, error: string): Promise<'again' | 'go-on'> {
    const commands: SideCommand[] = ['skip', 'back', 'done', ...ALWAYS];
    const text = 'Enter tries again';
    const answer = await this.#asking.ask(step, { kind: 'failed', text, error: harmlessLine(error) }, commands, {
      done: () => 'go-on',
    });
    return answer === 'go-on' ? 'go-on' : 'again';
  }

  async over(last: Step | undefined): Promise<Departure | undefined> {
    const { actions, person, signal } = this.#parts;
    try {
      while (!actions.reached('restored')) {
        if (actions.reached('rolled-back')) {
          const waiting: Waiting = { step: undefined, for: 'cluster', text: 'waiting until every check holds' };
          await this.during(until => actions.verify(until), waiting, signal).catch(error => this.#told(error));
          if (actions.reached('restored')) break;
        }
        const error = 'the runbook has no more steps, and the service is not restored';
        const commands: SideCommand[] = ['back', 'repeat', 'done', ...ALWAYS];
        const question: Question = { kind: 'failed', error, text: 'Enter ends the drill here' };
        // By their own hands: what comes is seen from the cluster.
        const answer = await this.#asking.ask(last, question, commands, { done: () => 'by-hand' });
        if (answer !== 'by-hand') return undefined;
        const waiting: Waiting = { step: undefined, for: 'cluster', text: 'waiting until the cluster shows your rollback' };
        await this.during(until => actions.awaitRollback(until), waiting, signal).catch(failure => this.#told(failure));
      }
      person.tell('The service is restored.', 'notice');
      return undefined;
    } catch (error) {
      if (error instanceof Departure) return error;
      throw error;
    }
  }

  output(line: string): void {
    this.#parts.person.stream(line);
  }

  /** A failure that the person may answer themselves. */
  #told(error: unknown): void {
    if (this.#parts.signal.aborted || error instanceof Departure) throw error;
    this.#parts.person.tell(harmlessLine((error as Error).message), 'warning');
  }

  async #side(step: Step | undefined, command: SideCommand, text: string): Promise<void> {
    const { actions, context, person, signal } = this.#parts;
    const of = step ? { stepId: step.id } : {};
    switch (command) {
      case 'skip':
        throw new Departure('next', await this.#asking.text('Why is this step left out?', text));
      case 'back':
        throw new Departure('back', text || 'went back');
      case 'repeat':
        throw new Departure('again', text || 'began it again');
      case 'done':
        return;
      case 'alert':
        actions.report(person.name, await this.#asking.text('What do you see?', text));
        return;
      case 'cause':
        await this.#nameCause(step, signal);
        return;
      case 'rollback':
        await this.#rollback(step);
        return;
      case 'show': {
        const what =
          EVIDENCE.find(one => one === text) ??
          (await this.#asking.choose(
            'Show what?',
            EVIDENCE.map(value => ({ value })),
          ));
        const evidence = await actions.show(what as (typeof EVIDENCE)[number], signal);
        person.tell(this.#parts.commands.redact(harmlessText(evidence)), 'evidence');
        return;
      }
      case 'note':
        context.emit({ type: 'note', by: person.name, text: await this.#asking.text('Note:', text) });
        return;
      case 'escalate': {
        const to = await this.#asking.text('Whom would you call?', text);
        context.emit({ type: 'escalated', by: person.name, to, reason: await this.#asking.text('Why?'), ...of });
        person.tell(`On the record: you would call ${to}. The drill goes on.`, 'notice');
        return;
      }
      case 'hand-over':
        await this.#handOvers.announce(text, step);
        return;
      case 'hint': {
        const hint = actions.hint(person.name);
        person.tell(hint ? `${hint.text} (−${hint.cost} points)` : 'There is no hint left.', 'notice');
        return;
      }
      case 'pause':
        await this.#pause(step, await this.#asking.text('Why? (the clock goes on, the pause is shown apart)', text));
        return;
      case 'quit': {
        if (await this.#asking.confirm('End the drill? The target is restored.')) {
          actions.end(`ended by ${person.name}`);
          signal.throwIfAborted();
        }
        return;
      }
    }
  }

  async #pause(step: Step | undefined, reason: string): Promise<void> {
    const { actions, person, signal } = this.#parts;
    actions.spend('pause', { ...(step ? { stepId: step.id } : {}), detail: reason });
    for (;;) {
      const reply = await person.prompt({ kind: 'paused', text: 'Enter goes on', reason, commands: [] }, signal);
      if (reply.kind === 'answer') return;
    }
  }

  async #rollback(step: Step | undefined): Promise<void> {
    const { actions, person, signal } = this.#parts;
    if (!actions.suspect() && (await this.#nameCause(step, signal)) === undefined) return;
    const suspect = actions.suspect();
    const name = suspect ? objectText(suspect) : '';
    if (!(await this.#asking.confirm(`Roll back ${name} now?`))) return;
    const waiting: Waiting = { step, for: 'cluster', text: `rolling back ${name}` };
    const said = await this.during(until => actions.rollback(until), waiting, signal).catch(error => this.#told(error));
    if (typeof said === 'string') person.tell(harmlessText(said), 'notice');
  }

  /** Undefined when the person is not sure yet, or was wrong and is told so. */
  async #nameCause(step: Step | undefined, signal: AbortSignal): Promise<string | undefined> {
    const { actions, environment } = this.#parts;
    const blind = environment.blind ?? false;
    const waiting: Waiting = { step, for: 'machine', text: 'diagnosing' };
    const automatic = () => this.during(until => actions.diagnose(until), waiting, signal);
    // In a blind drill the answer is the person's to find.
    const mayAsk = !blind && step?.action.kind === 'diagnose';
    const parts = { ...this.#parts, asking: this.#asking, blind };
    return this.#asking.orCancelled(() => nameCause(parts, mayAsk ? automatic : undefined));
  }
}
