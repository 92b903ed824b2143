/** Does one step of a runbook: its command or action, its retries and timeout, its events. */
import { RehearseError } from '../errors/errors.ts';
import { formatDuration } from '../record/duration.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import type { RoleContext, RunbookActions } from '../rehearsal/ports.ts';
import type { BreakGlass } from './break-glass.ts';
import { Capture } from './capture.ts';
import type { CommandRunner } from './commands.ts';
import type { Action, Step } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { type StepResult, whyNotExpected, whyNotMet } from './expectation.ts';
import { Departure, type Followed, type Hands, PersonNeeded } from './hands.ts';
import type { Variables } from './variables.ts';

/** Of a command whose step names none: long enough for a slow cluster, short enough for a drill. */
const COMMAND_TIMEOUT_MS = 60_000;
/** Branches may go back; a runbook that comes to the same step this often goes round in circles. */
const MOST_VISITS = 25;

export interface StepParts {
  environment: RunbookEnvironment;
  context: RoleContext;
  actions: RunbookActions;
  signal: AbortSignal;
  variables: Variables;
  commands: CommandRunner;
  results: ReadonlyMap<string, StepResult>;
  hands: Hands;
  breakGlass: BreakGlass;
}

class StepTimeout extends Error {
  readonly ms: number;
  constructor(ms: number) {
    super(`timed out after ${ms} ms`);
    this.ms = ms;
  }
}

export class StepRunner {
  readonly #parts: StepParts;
  constructor(parts: StepParts) {
    this.#parts = parts;
  }

  /** One step with its events. Never throws: what goes wrong is its outcome. */
  async follow(step: Step, visit: number): Promise<Followed> {
    const { context, commands, environment, hands, results, signal } = this.#parts;
    const notMet = whyNotMet(step.when, results, environment.tags ?? []);
    try {
      if (!notMet) await hands.meet(step);
    } catch (error) {
      if (signal.aborted) return { outcome: 'interrupted', output: '' };
      throw error;
    }
    const start = context.clock.monotonicMs();
    if (hasCommands(step.action)) await commands.open().catch(() => {});
    context.emit({
      type: 'runbook.step.started',
      stepId: step.id,
      title: step.title,
      does: describeAction(step.action),
      ...(step.phase === undefined ? {} : { phase: step.phase }),
      ...(step.owner === undefined ? {} : { owner: step.owner }),
      ...(step.expectedMs === undefined ? {} : { expectedMs: step.expectedMs }),
      ...(hasCommands(step.action) ? { command: commands.shown(step.action.commands) } : {}),
      ...(hands.by === undefined ? {} : { by: hands.by }),
      ...(visit === 1 ? {} : { visit }),
    });
    const followed = notMet ? notNeeded(notMet) : await this.#follow(step, visit);
    const {
      go: _go,
      answer: _answer,
      needsPerson: _needs,
      notNeeded: _not,
      goOn: _goOn,
      departure: _left,
      ...finished
    } = followed;
    context.emit({
      type: 'runbook.step.finished',
      stepId: step.id,
      durationMs: Math.round((context.clock.monotonicMs() - start) * 10) / 10,
      ...finished,
    });
    return followed;
  }

  async #follow(step: Step, visit: number): Promise<Followed> {
    const { hands } = this.#parts;
    if (visit > MOST_VISITS)
      return { outcome: 'failed', output: '', error: `the runbook came here ${MOST_VISITS} times: it goes round in circles` };
    return this.#outcomeOf(async () => {
      let way = await hands.arrive(step, visit);
      let tries = 0;
      for (;;) {
        const followed = await this.#outcomeOf(() => (way === 'by-hand' ? this.#byHand(step) : this.#withRetries(step)));
        tries += followed.tries ?? 1;
        const counted = tries > 1 ? { ...followed, tries } : followed;
        const failed = followed.outcome === 'failed' || followed.outcome === 'timed-out';
        if (!failed || followed.needsPerson || followed.departure) return counted;
        const next = await this.#leaving(counted, () =>
          hands.afterFailure(step, followed.error ?? followed.outcome.replace('-', ' ')),
        );
        if (typeof next !== 'string') return next;
        if (next !== 'again') return next === 'go-on' ? { ...counted, goOn: true } : counted;
        way = 'do';
      }
    }, step);
  }

  /** A person who leaves a step that failed leaves it failed, with the reason for going. */
  async #leaving<T>(followed: Followed, choose: () => Promise<T>): Promise<T | Followed> {
    try {
      return await choose();
    } catch (error) {
      if (error instanceof Departure) return { ...followed, reason: error.message, departure: error };
      throw error;
    }
  }

  /** What is thrown becomes an outcome. */
  async #outcomeOf(work: () => Promise<Followed>, step?: Step): Promise<Followed> {
    try {
      return await work();
    } catch (error) {
      if (this.#parts.signal.aborted) return { outcome: 'interrupted', output: '' };
      if (error instanceof Departure) return departed(error);
      if (error instanceof StepTimeout) return timedOut('', error.ms);
      if (error instanceof PersonNeeded) {
        const outcome = step?.optional && step.breakGlass ? 'skipped' : 'failed';
        return { outcome, output: '', error: `needs a person: ${error.message}`, needsPerson: true };
      }
      return { outcome: 'failed', output: '', error: this.#line(errorText(error)) };
    }
  }

  async #withRetries(step: Step): Promise<Followed> {
    const { context, signal } = this.#parts;
    const most = step.retries + 1;
    const earlier: string[] = [];
    for (let number = 1; ; number++) {
      const followed = await this.#outcomeOf(() => this.#act(step));
      const again = (followed.outcome === 'failed' || followed.outcome === 'timed-out') && !followed.needsPerson && number < most;
      if (!again) {
        if (earlier.length === 0) return followed;
        const output = this.#kept([...earlier, `[try ${number} of ${most}]`, followed.output].join('\n'));
        return { ...followed, output, tries: number };
      }
      earlier.push(`[try ${number} of ${most}: ${followed.error ?? followed.outcome}]`, followed.output);
      await context.clock.sleep(step.retryAfterMs, signal);
    }
  }

  /** The person does it outside the tool. What the cluster shows of it is waited for. */
  async #byHand(step: Step): Promise<Followed> {
    const { actions, hands } = this.#parts;
    if (step.action.kind === 'rollback') {
      const output = await hands.during(
        until => actions.awaitRollback(until),
        { step, for: 'cluster', text: 'waiting until the cluster shows your rollback' },
        this.#parts.signal,
      );
      return { outcome: 'passed', output, byHand: true };
    }
    if (step.action.kind === 'diagnose') return this.#act(step);
    if (step.phase === 'rollback') actions.commandIssued();
    return { outcome: 'passed', output: '', byHand: true };
  }

  async #act(step: Step): Promise<Followed> {
    const { actions, context, hands, signal, variables } = this.#parts;
    const { action } = step;
    const of = { stepId: step.id };
    switch (action.kind) {
      case 'await-detection':
        actions.spend('cluster', of);
        return this.#waited(step, 'cluster', 'waiting for a detector', until => actions.awaitDetection(until));
      case 'diagnose':
        actions.spend('machine', of);
        return this.#judged(step, await this.#diagnosed(step));
      case 'rollback':
        if (hands.by !== undefined && !actions.suspect() && !actions.reached('rolled-back')) await hands.diagnose(step, signal);
        actions.spend('machine', of);
        return this.#waited(step, 'cluster', 'rolling back', until => actions.rollback(until));
      case 'verify':
        actions.spend('cluster', of);
        return this.#waited(step, 'cluster', 'waiting until every check holds', until => actions.verify(until));
      case 'show': {
        actions.spend('machine', of);
        const shown = await this.#waited(step, 'machine', `reading ${action.what}`, until => actions.show(action.what, until));
        for (const line of shown.output.split('\n')) hands.output?.(line);
        return shown;
      }
      case 'run':
        return this.#elevated(step, () => {
          actions.spend('machine', of);
          if (step.phase === 'rollback') actions.commandIssued();
          return hands.during(until => this.#run(step, action, until), { step, for: 'machine', text: 'running' }, signal);
        });
      case 'assert':
        return this.#elevated(step, () => {
          actions.spend('cluster', of);
          return hands.during(
            until => this.#assert(step, action, until),
            { step, for: 'cluster', text: 'checking again and again' },
            signal,
          );
        });
      case 'wait':
        actions.spend('cluster', of);
        await this.#waited(step, 'cluster', `waiting ${formatDuration(action.ms)}`, async until => {
          await context.clock.sleep(action.ms, until);
          return '';
        });
        return { outcome: 'passed', output: '' };
      case 'notify': {
        const to = action.to === undefined ? '' : `To ${variables.fill(action.to)}: `;
        const text = this.#line(`${to}${variables.fill(action.text)}`);
        context.emit({ type: 'note', text });
        return { outcome: 'passed', output: text };
      }
      case 'ask':
        return this.#asked(action, await hands.answer(step, action));
      case 'confirm':
        return this.#confirmed(action, await hands.answer(step, action));
      case 'decide':
        return this.#decided(action, await hands.answer(step, action));
    }
  }

  async #waited(
    step: Step,
    waitingFor: 'cluster' | 'machine',
    text: string,
    work: (signal: AbortSignal) => Promise<string>,
  ): Promise<Followed> {
    const { hands } = this.#parts;
    return this.#judged(
      step,
      await this.#timed(step, until =>
        hands.during(inner => orAborted(work(inner), inner), { step, for: waitingFor, text }, until),
      ),
    );
  }

  /** A person may think as long as it takes: only the automatic diagnosis has the step's timeout. */
  async #diagnosed(step: Step): Promise<string> {
    const { hands, signal } = this.#parts;
    if (hands.by !== undefined) return hands.diagnose(step, signal);
    return this.#timed(step, until => orAborted(hands.diagnose(step, until), until));
  }

  /** Within the step's timeout. @throws StepTimeout */
  async #timed<T>(step: Step, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { context, signal } = this.#parts;
    const { timeoutMs } = step;
    if (timeoutMs === undefined) return work(signal);
    const over = new AbortController();
    const timeout = new AbortController();
    void context.clock.sleep(timeoutMs, over.signal).then(
      () => timeout.abort(new StepTimeout(timeoutMs)),
      () => {},
    );
    try {
      return await work(AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      if (timeout.signal.aborted && !signal.aborted) throw timeout.signal.reason;
      throw error;
    } finally {
      over.abort();
    }
  }

  async #elevated(step: Step, work: () => Promise<Followed>): Promise<Followed> {
    if (!step.breakGlass || !hasCommands(step.action)) return work();
    const drop = await this.#parts.breakGlass.use(step, this.#parts.commands.shown(step.action.commands));
    try {
      return await work();
    } finally {
      await drop();
    }
  }

  async #run(step: Step, action: Extract<Action, { kind: 'run' }>, signal: AbortSignal, limitMs?: number): Promise<Followed> {
    const { commands, context, hands } = this.#parts;
    const timeoutMs = limitMs ?? step.timeoutMs ?? COMMAND_TIMEOUT_MS;
    const good = step.expect?.exitCode ?? [0];
    const isGood = (exitCode: number) => good.includes(exitCode);
    const onLine = limitMs === undefined && hands.output ? (line: string) => hands.output?.(line) : undefined;
    const result = await commands.run(action.commands, { timeoutMs, signal, clock: context.clock, isGood, onLine });
    const exit = result.exitCode === undefined ? {} : { exitCode: result.exitCode };
    const output = this.#kept(result.output);
    switch (result.outcome) {
      case 'not-found':
        return { outcome: step.optional ? 'skipped' : 'failed', output, ...withError(result.error) };
      case 'timed-out':
        return timedOut(output, timeoutMs);
      case 'aborted':
        return this.#parts.signal.aborted ? { outcome: 'interrupted', output } : timedOut(output, timeoutMs);
      case 'failed':
        return { outcome: 'failed', output, ...exit, ...withError(this.#line(result.error ?? 'failed')) };
      case 'done': {
        const why = whyNotExpected(step.expect, result.output, result.exitCode);
        return { outcome: why ? 'failed' : 'passed', output, ...exit, ...withError(why && this.#line(why)) };
      }
    }
  }

  /** Again and again until it is good. What it said last is kept. */
  async #assert(step: Step, action: Extract<Action, { kind: 'assert' }>, signal: AbortSignal): Promise<Followed> {
    const { clock } = this.#parts.context;
    const timeoutMs = step.timeoutMs ?? COMMAND_TIMEOUT_MS;
    const start = clock.monotonicMs();
    const left = () => timeoutMs - (clock.monotonicMs() - start);
    let last: Followed | undefined;
    for (let tries = 1; ; tries++) {
      const followed = await this.#run(step, { kind: 'run', commands: action.commands }, signal, left());
      if (followed.outcome === 'passed') return followed;
      if (followed.outcome === 'interrupted' || followed.outcome === 'skipped') return followed;
      // A try that the timeout cut off says less than the one before it.
      if (followed.outcome !== 'timed-out') last = followed;
      if (left() > 0) await clock.sleep(Math.min(action.everyMs, left()), signal);
      if (left() > 0) continue;
      const why = last?.error ? `; ${last.error}` : '';
      const error = `not so within ${formatDuration(timeoutMs)}, ${tries} tries${why}`;
      return { ...(last ?? followed), outcome: 'timed-out', error };
    }
  }

  #asked(action: Extract<Action, { kind: 'ask' }>, answer: string): Followed {
    const { variables } = this.#parts;
    const number = Number(answer);
    if (action.answerKind === 'number' && (answer.trim() === '' || !Number.isFinite(number))) {
      return { outcome: 'failed', output: '', error: `not a number: ${answer}` };
    }
    if (action.answerKind === 'number' && (number < (action.min ?? number) || number > (action.max ?? number))) {
      return { outcome: 'failed', output: '', error: `${answer} is not within ${action.min ?? '…'} to ${action.max ?? '…'}` };
    }
    if (action.answerKind === 'choice' && !action.choices.includes(answer)) {
      return { outcome: 'failed', output: '', error: `${answer} is none of: ${action.choices.join(', ')}` };
    }
    if (action.as !== undefined) variables.set(action.as, answer);
    return { outcome: 'passed', output: this.#line(`${variables.fillKnown(action.text)} ${answer}`), answer };
  }

  #confirmed(action: Extract<Action, { kind: 'confirm' }>, given: string): Followed {
    const answer = /^(y|yes|true)$/i.test(given) ? 'yes' : 'no';
    const output = this.#line(`${this.#parts.variables.fillKnown(action.text)} ${answer}`);
    if (answer === 'no') return { outcome: 'failed', output, error: 'not confirmed', answer };
    return { outcome: 'passed', output, answer };
  }

  #decided(action: Extract<Action, { kind: 'decide' }>, label: string): Followed {
    const chosen = action.branches.find(branch => branch.label === label);
    if (!chosen) return { outcome: 'failed', output: '', error: `no branch is labelled "${label}"` };
    return { outcome: 'passed', output: this.#line(`${chosen.label} → ${chosen.go}`), answer: chosen.label, go: chosen.go };
  }

  /** What an action said, kept as a command's output is, and judged by `expect`. */
  #judged(step: Step, said: string): Followed {
    const output = this.#kept(said);
    const why = whyNotExpected(step.expect, said, undefined);
    return { outcome: why ? 'failed' : 'passed', output, ...withError(why) };
  }

  #kept(text: string): string {
    const capture = new Capture();
    capture.write(new TextEncoder().encode(text));
    return capture.text(this.#parts.commands.redact);
  }

  #line(text: string): string {
    return this.#parts.commands.redact(harmlessLine(text));
  }
}

/** For the record: `run`, `show pods`, `diagnose`. */
export function describeAction(action: Action): string {
  return action.kind === 'show' ? `show ${action.what}` : action.kind;
}

export function hasCommands(action: Action): action is Extract<Action, { kind: 'run' | 'assert' }> {
  return action.kind === 'run' || action.kind === 'assert';
}

/** Left out for good is skipped; gone back from, or begun anew, is interrupted. */
function departed(departure: Departure): Followed {
  const outcome = departure.to === 'next' ? 'skipped' : 'interrupted';
  return { outcome, output: '', reason: departure.message, departure };
}

function notNeeded(why: string): Followed {
  return { outcome: 'skipped', output: '', error: `not needed: ${why}`, notNeeded: true };
}

function timedOut(output: string, timeoutMs: number): Followed {
  return { outcome: 'timed-out', output, error: `ended after ${formatDuration(timeoutMs)}` };
}

function withError(error: string | undefined): { error?: string } {
  return error === undefined ? {} : { error };
}

/** An action that does not listen to the signal must not hold the runbook. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}

function errorText(error: unknown): string {
  if (error instanceof RehearseError && error.hint) return `${error.message} ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}
