/** A person follows the runbook at a terminal: step by step, with their own hands where they like, with everything on the record. */
import { formatDuration } from '../record/duration.ts';
import type { Activity, ObjectRef } from '../record/events.ts';
import { harmlessLine, harmlessText } from '../record/harmless-text.ts';
import type { Candidate, RoleContext, RunbookActions } from '../rehearsal/ports.ts';
import type { CommandRunner } from './commands.ts';
import type { Action, RunbookDocument, Step } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { Departure, type Hands, type Waiting } from './hands.ts';
import type { Choice, Person, Prompt, Reply, ShownStep, SideCommand } from './person.ts';
import { RoleBook } from './role-book.ts';
import { describeAction, hasCommands } from './step-runner.ts';
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

/** What is asked, less what every prompt has. */
type Question = Prompt extends infer One ? (One extends Prompt ? Omit<One, 'commands'> : never) : never;

export class PracticeHands implements Hands {
  readonly #parts: Parts;
  readonly #roles: RoleBook;
  /** What the time goes into while a prompt is open; a person's own time unless something else is under way. */
  #activity: Activity = 'person';
  /** How often the step that it is at was come to. */
  #visit = 1;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#roles = new RoleBook(parts.environment.roles ?? []);
  }

  get by(): string {
    return this.#parts.person.name;
  }

  meet(step: Step): Promise<void> {
    return this.#ownerOf(step);
  }

  async arrive(step: Step, visit: number): Promise<'do' | 'by-hand'> {
    this.#visit = visit;
    // The alert comes by itself, or has come; a question is read with its step.
    const { kind } = step.action;
    if (kind === 'await-detection' || kind === 'ask' || kind === 'confirm' || kind === 'decide') return 'do';
    const shown = this.#shown(step, visit);
    const commands: SideCommand[] = [
      'done',
      'skip',
      'back',
      ...(step.phase === 'detection' ? (['alert'] as const) : []),
      ...ALWAYS,
    ];
    const question: Question = { kind: 'step', text: this.#whatEnterDoes(step), step: shown };
    const answer = await this.#ask(step, question, commands, { done: () => 'by-hand' });
    return answer === 'by-hand' ? 'by-hand' : 'do';
  }

  async during<T>(work: (signal: AbortSignal) => Promise<T>, about: Waiting, signal: AbortSignal): Promise<T> {
    const stop = new AbortController();
    const over = new AbortController();
    const before = this.#activity;
    this.#activity = about.for;
    const working = work(AbortSignal.any([signal, stop.signal])).finally(() => over.abort(new Error('it is over')));
    // Its failure is told by awaiting it below, in whichever order things end.
    working.catch(() => {});
    const commands: SideCommand[] = ['alert', 'skip', 'back', ...ALWAYS];
    try {
      await this.#ask(
        about.step,
        { kind: 'waiting', text: about.text, waitingFor: about.for },
        commands,
        {},
        AbortSignal.any([signal, over.signal]),
      );
    } catch (error) {
      if (!over.signal.aborted) {
        stop.abort(error);
        await working.catch(() => {});
        throw error;
      }
    } finally {
      this.#activity = before;
    }
    return working;
  }

  async answer(step: Step, action: Extract<Action, { kind: 'ask' | 'confirm' | 'decide' }>): Promise<string> {
    return this.#ask(step, this.#question(action), ['skip', 'back', ...ALWAYS]);
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
      await this.#ask(step, { kind: 'step', text, step: this.#shown(step, this.#visit) }, ['skip', 'back', ...ALWAYS]);
    }
  }

  async afterFailure(step: Step, error: string): Promise<'again' | 'go-on'> {
    const commands: SideCommand[] = ['skip', 'back', 'done', ...ALWAYS];
    const text = 'Enter tries again';
    const answer = await this.#ask(step, { kind: 'failed', text, error: harmlessLine(error) }, commands, { done: () => 'go-on' });
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
        const commands: SideCommand[] = ['back', 'done', ...ALWAYS];
        const question: Question = { kind: 'failed', error, text: 'Enter ends the drill here' };
        // By their own hands: what comes is seen from the cluster.
        const answer = await this.#ask(last, question, commands, { done: () => 'by-hand' });
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

  // Prompts.

  /** Asks until there is an answer; what is said beside it is done in between. @throws Departure */
  async #ask(
    step: Step | undefined,
    question: Question,
    commands: readonly SideCommand[],
    own: Partial<Record<SideCommand, () => string>> = {},
    signal = this.#parts.signal,
  ): Promise<string> {
    const { actions, person } = this.#parts;
    for (;;) {
      signal.throwIfAborted();
      if (step) actions.spend(this.#activity, { stepId: step.id });
      else actions.spend(this.#activity);
      const shown = step ? { step: this.#shown(step, this.#visit) } : {};
      const reply: Reply = await person.prompt({ ...shown, ...question, commands } as Prompt, signal);
      if (reply.kind === 'answer') return this.#parts.commands.redact(harmlessLine(reply.text));
      const answer = own[reply.command];
      if (answer) return answer();
      await this.#orCancelled(() => this.#side(step, reply.command, harmlessLine(reply.text)));
    }
  }

  /** Undefined when the person thought better of it. */
  async #orCancelled<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Cancelled) return undefined;
      throw error;
    }
  }

  /** A question on the way, in the same activity. @throws Cancelled when the person goes back from it */
  async #text(text: string, given = '', options: { optional?: boolean; must?: boolean } = {}): Promise<string> {
    if (given !== '') return this.#parts.commands.redact(given);
    const { optional = false, must = false } = options;
    for (;;) {
      const answer = await this.#ask(undefined, { kind: 'text', text, optional }, must ? [] : ['back'], { back: cancel });
      if (answer !== '' || optional) return answer;
    }
  }

  async #choose(text: string, choices: readonly Choice[]): Promise<string> {
    return this.#ask(undefined, { kind: 'choice', text, choices }, ['back'], { back: cancel });
  }

  async #side(step: Step | undefined, command: SideCommand, text: string): Promise<void> {
    const { actions, context, person, signal } = this.#parts;
    const of = step ? { stepId: step.id } : {};
    switch (command) {
      case 'skip':
        throw new Departure('next', await this.#text('Why is this step left out?', text));
      case 'back':
        throw new Departure('back', text || 'went back');
      case 'repeat':
        throw new Departure('again', text || 'began it again');
      case 'done':
        return;
      case 'alert':
        actions.report(person.name, await this.#text('What do you see?', text));
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
          (await this.#choose(
            'Show what?',
            EVIDENCE.map(value => ({ value })),
          ));
        const evidence = await actions.show(what as (typeof EVIDENCE)[number], signal);
        person.tell(this.#parts.commands.redact(harmlessText(evidence)), 'evidence');
        return;
      }
      case 'note':
        context.emit({ type: 'note', by: person.name, text: await this.#text('Note:', text) });
        return;
      case 'escalate': {
        const to = await this.#text('Whom would you call?', text);
        context.emit({ type: 'escalated', by: person.name, to, reason: await this.#text('Why?'), ...of });
        person.tell(`On the record: you would call ${to}. The drill goes on.`, 'notice');
        return;
      }
      case 'hand-over':
        await this.#handOver(text, step);
        return;
      case 'hint': {
        const hint = actions.hint(person.name);
        person.tell(hint ? `${hint.text} (−${hint.cost} points)` : 'There is no hint left.', 'notice');
        return;
      }
      case 'pause':
        await this.#pause(step, await this.#text('Why? (the clock goes on, the pause is shown apart)', text));
        return;
      case 'quit': {
        const sure = await this.#ask(undefined, { kind: 'confirm', text: 'End the drill? The target is restored.' }, []);
        if (sure === 'yes') {
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
    const name = suspect ? nameOf(suspect) : '';
    if ((await this.#ask(undefined, { kind: 'confirm', text: `Roll back ${name} now?` }, [])) !== 'yes') return;
    const waiting: Waiting = { step, for: 'cluster', text: `rolling back ${name}` };
    const said = await this.during(until => actions.rollback(until), waiting, signal).catch(error => this.#told(error));
    if (typeof said === 'string') person.tell(harmlessText(said), 'notice');
  }

  // The cause.

  /** Undefined when the person is not sure yet, or was wrong and is told so. */
  async #nameCause(step: Step | undefined, signal: AbortSignal): Promise<string | undefined> {
    return this.#orCancelled(() => this.#namedCause(step, signal));
  }

  async #namedCause(step: Step | undefined, signal: AbortSignal): Promise<string | undefined> {
    const { actions, context, environment, person } = this.#parts;
    const candidates = await actions.candidates();
    const now = context.clock.now().getTime();
    const choices: Choice[] = candidates.map(candidate => ({
      value: nameOf(candidate.workload),
      label: `${nameOf(candidate.workload)}${lastChanged(candidate, now)}`,
    }));
    choices.push({ value: 'later', label: 'not sure yet' });
    // In a blind drill the answer is the person's to find.
    if (!environment.blind && step?.action.kind === 'diagnose')
      choices.push({ value: 'automatic', label: 'let the automatic diagnosis answer' });
    const chosen = await this.#choose('Which workload is the cause?', choices);
    if (chosen === 'later') return undefined;
    if (chosen === 'automatic') {
      const waiting: Waiting = { step, for: 'machine', text: 'diagnosing' };
      return this.during(until => actions.diagnose(until), waiting, signal);
    }
    const candidate = candidates.find(one => nameOf(one.workload) === chosen);
    if (!candidate) return undefined;
    const revision = await this.#whichRevision(candidate, now);
    const why = await this.#text('How do you know? (Enter: no words)', '', { optional: true });
    const { correct } = await actions.nameCause(person.name, candidate.workload, revision, why);
    const said = `${chosen} revision ${revision}${why === '' ? '' : `: ${why}`}`;
    if (environment.blind) {
      person.tell('On the record. Whether it is right shows at the end.', 'notice');
      return said;
    }
    if (correct) {
      person.tell(`That is it: ${said}`, 'notice');
      return said;
    }
    person.tell(`That is not what was deployed badly: ${chosen} revision ${revision}. Look on.`, 'warning');
    return undefined;
  }

  async #whichRevision({ revisions }: Candidate, now: number): Promise<string> {
    const [only, second] = revisions;
    if (!only) return '';
    if (!second) return only.revision;
    return this.#choose(
      'Which of its changes?',
      revisions.map(one => ({
        value: one.revision,
        label: `revision ${one.revision}, ${ago(one.changedAt, now)}: ${one.change}`,
      })),
    );
  }

  // Roles.

  /** Before a step that belongs to a role: finds out who acts, and hands over to them. */
  async #ownerOf(step: Step): Promise<void> {
    const { person } = this.#parts;
    if (this.#roles.solo || step.owner === undefined) return;
    const assigned = this.#roles.get(step.owner);
    if (assigned?.person === person.name && !assigned.away) return;
    const about = { role: step.owner, stepId: step.id };
    await this.#handingOver(step.id, async () => {
      if (assigned?.person === undefined) {
        const to = await this.#text(`This step belongs to the ${step.owner}, and nobody was named. Who acts?`, '', {
          must: true,
        });
        return { ...about, to, reason: 'nobody had the role' };
      }
      if (assigned.away) {
        const to = await this.#text(`${assigned.person}, the ${step.owner}, does not answer. Who acts instead?`, '', {
          must: true,
        });
        const reason = await this.#text(`Why ${to}?`, '', { must: true });
        return { ...about, from: assigned.person, to, reason: `${assigned.person} is away; ${reason}` };
      }
      await this.#text(`The next step is the ${step.owner}'s. ${assigned.person}, press Enter when you have it.`, '', {
        optional: true,
        must: true,
      });
      return { ...about, from: person.name, to: assigned.person, reason: 'owner of the step' };
    });
  }

  async #handOver(given: string, step: Step | undefined): Promise<void> {
    const { document, person } = this.#parts;
    const owners = document.steps.flatMap(one => one.owner ?? []);
    const roles = [...new Set([...this.#roles.names(), ...owners])];
    await this.#handingOver(step?.id, async () => {
      const known = roles.find(role => role === given);
      const role =
        known ??
        (roles.length === 0
          ? await this.#text('Which role?')
          : await this.#choose(
              'Which role?',
              roles.map(value => ({ value })),
            ));
      const to = await this.#text(`Who is the ${role} from now on?`);
      const reason = await this.#text('Why?');
      return { role, from: this.#roles.get(role)?.person ?? person.name, to, reason, ...(step ? { stepId: step.id } : {}) };
    });
  }

  async #handingOver(
    stepId: string | undefined,
    find: () => Promise<{ role: string; from?: string; to: string; reason: string; stepId?: string }>,
  ): Promise<void> {
    const { actions, context, person } = this.#parts;
    const before = this.#activity;
    this.#activity = 'hand-over';
    actions.spend('hand-over', stepId === undefined ? {} : { stepId });
    const start = context.clock.monotonicMs();
    try {
      const handOver = await find();
      this.#roles.take(handOver.role, handOver.to);
      person.name = handOver.to;
      const waitedMs = Math.round(context.clock.monotonicMs() - start);
      context.emit({ type: 'role.handed-over', ...handOver, waitedMs });
    } finally {
      this.#activity = before;
    }
  }

  // What a person sees of a step.

  #shown(step: Step, visit: number): ShownStep {
    const { commands, document, variables } = this.#parts;
    return {
      id: step.id,
      number: document.steps.indexOf(step) + 1,
      total: document.steps.length,
      title: step.title,
      markdown: harmlessText(variables.fillKnown(step.markdown)),
      phase: step.phase,
      owner: step.owner,
      expectedMs: step.expectedMs,
      does: describeAction(step.action),
      command: hasCommands(step.action) ? commands.shown(step.action.commands) : undefined,
      visit,
    };
  }

  #whatEnterDoes(step: Step): string {
    const { action } = step;
    switch (action.kind) {
      case 'await-detection':
        return 'waiting for the alert';
      case 'diagnose':
        return 'Enter: name the cause';
      case 'rollback':
        return 'Enter rolls back here; done: you do it yourself, elsewhere';
      case 'verify':
        return 'Enter waits until every check holds';
      case 'show':
        return `Enter shows ${action.what}; done: you looked yourself`;
      case 'run':
        return 'Enter runs the command; done: you did it yourself';
      case 'assert':
        return 'Enter checks until it holds; done: you checked yourself';
      case 'wait':
        return `Enter waits ${formatDuration(action.ms)}`;
      case 'notify':
        return 'Enter puts it on the record; send it yourself';
      case 'ask':
      case 'confirm':
      case 'decide':
        return action.text;
    }
  }
}

/** A person went back from a question on the way: nothing was done. */
class Cancelled extends Error {}

function cancel(): never {
  throw new Cancelled();
}

const nameOf = (ref: ObjectRef) => `${ref.kind.toLowerCase()}/${ref.name}`;

function ago(at: string, nowMs: number): string {
  return `${formatDuration(Math.max(0, nowMs - new Date(at).getTime()))} ago`;
}

function lastChanged({ revisions }: Candidate, nowMs: number): string {
  const [newest] = revisions;
  return newest ? `, changed ${ago(newest.changedAt, nowMs)}: ${newest.change}` : '';
}
