/** Follows a runbook with nobody at the keyboard: every step in order, timed, with its output kept. */
import { dirname } from 'node:path';
import { RehearseError } from '../errors/errors.ts';
import { formatDuration } from '../record/duration.ts';
import type { EventOf } from '../record/events.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import type { RoleContext, RunbookActions } from '../rehearsal/ports.ts';
import { Capture } from './capture.ts';
import { CommandRunner } from './commands.ts';
import type { Action, Branch, RunbookDocument, Step } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { type StepResult, whyNotExpected, whyNotMet } from './expectation.ts';
import { END } from './parse.ts';
import { Variables } from './variables.ts';

/** Of a command whose step names none: long enough for a slow cluster, short enough for a drill. */
const COMMAND_TIMEOUT_MS = 60_000;
/** Branches may go back; a runbook that comes to the same step this often goes round in circles. */
const MOST_VISITS = 25;

type Finished = Omit<EventOf<'runbook.step.finished'>, 'type' | 'seq' | 'at' | 'tMs' | 'stepId' | 'durationMs'>;
/** How one step went, and where to go on when it says so. */
interface Followed extends Finished {
  answer?: string;
  go?: string;
  /** Somebody has to be there for it; it cannot be followed automatically. */
  needsPerson?: boolean;
}

/** Resolves false when a step failed that is not optional: the rest was not followed. Rejects with the signal's reason when aborted. */
export async function followAutomatically(
  document: RunbookDocument,
  environment: RunbookEnvironment,
  context: RoleContext,
  actions: RunbookActions,
  signal: AbortSignal,
): Promise<boolean> {
  const variables = new Variables({ ...document.vars, ...environment.variables, ...runVariables(context, environment) });
  const commands = new CommandRunner(environment, context, variables, dirname(document.file));
  const results = new Map<string, StepResult>();
  const visits = new Map<string, number>();
  const follower = new StepFollower({ environment, context, actions, signal, variables, commands, results });
  try {
    let index = 0;
    while (index < document.steps.length) {
      const step = document.steps[index] as Step;
      signal.throwIfAborted();
      const suspect = actions.suspect?.();
      if (suspect) variables.set('suspect', `${suspect.kind.toLowerCase()}/${suspect.name}`);
      const visit = (visits.get(step.id) ?? 0) + 1;
      visits.set(step.id, visit);
      const followed = await follower.follow(step, visit);
      results.set(step.id, { outcome: followed.outcome, output: followed.output, answer: followed.answer });
      if (followed.outcome === 'interrupted') throw signal.reason;
      const good = followed.outcome === 'passed' || followed.outcome === 'skipped';
      if (!good && !step.optional) return false;
      if (followed.go === END) return true;
      index = followed.go === undefined ? index + 1 : document.steps.findIndex(one => one.id === followed.go);
    }
    return true;
  } finally {
    await commands.close();
  }
}

function runVariables(context: RoleContext, environment: RunbookEnvironment): Record<string, string | undefined> {
  const { target, namespace, cluster } = context;
  return {
    namespace,
    workload: `${target.kind.toLowerCase()}/${target.name}`,
    kind: target.kind.toLowerCase(),
    name: target.name,
    container: environment.container,
    context: cluster.context,
    kubeconfig: environment.kubeconfig,
    runId: environment.runId,
  };
}

interface FollowerParts {
  environment: RunbookEnvironment;
  context: RoleContext;
  actions: RunbookActions;
  signal: AbortSignal;
  variables: Variables;
  commands: CommandRunner;
  results: ReadonlyMap<string, StepResult>;
}

class StepTimeout extends Error {}
class PersonNeeded extends Error {}

class StepFollower {
  readonly #parts: FollowerParts;
  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** One step with its events. Never throws: what goes wrong is its outcome. */
  async follow(step: Step, visit: number): Promise<Followed> {
    const { context, commands } = this.#parts;
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
    });
    const followed = await this.#withRetries(step, visit);
    const { go, answer, needsPerson, ...finished } = followed;
    context.emit({
      type: 'runbook.step.finished',
      stepId: step.id,
      durationMs: Math.round((context.clock.monotonicMs() - start) * 10) / 10,
      ...finished,
    });
    return followed;
  }

  async #withRetries(step: Step, visit: number): Promise<Followed> {
    const { context, environment, results, signal } = this.#parts;
    const skip = whyNotMet(step.when, results, environment.tags ?? []);
    if (skip) return { outcome: 'skipped', output: '', error: `not needed: ${skip}` };
    if (visit > MOST_VISITS)
      return { outcome: 'failed', output: '', error: `the runbook came here ${MOST_VISITS} times: it goes round in circles` };
    if (step.breakGlass) {
      const error = 'needs a person: break-glass access is asked for by name, with a reason and an expiry';
      return { outcome: step.optional ? 'skipped' : 'failed', output: '', error, needsPerson: true };
    }
    const tries = step.retries + 1;
    const earlier: string[] = [];
    for (let number = 1; ; number++) {
      const followed = await this.#once(step);
      const again =
        (followed.outcome === 'failed' || followed.outcome === 'timed-out') && !followed.needsPerson && number < tries;
      if (!again) {
        if (earlier.length === 0) return followed;
        return { ...followed, output: this.#kept([...earlier, `[try ${number} of ${tries}]`, followed.output].join('\n')) };
      }
      earlier.push(`[try ${number} of ${tries}: ${followed.error ?? followed.outcome}]`, followed.output);
      try {
        await context.clock.sleep(step.retryAfterMs, signal);
      } catch {
        return { ...followed, outcome: 'interrupted' };
      }
    }
  }

  /** One try, within the step's timeout. */
  async #once(step: Step): Promise<Followed> {
    const { context, signal } = this.#parts;
    const over = new AbortController();
    const timeout = new AbortController();
    const timeoutMs = step.timeoutMs ?? (hasCommands(step.action) ? COMMAND_TIMEOUT_MS : undefined);
    if (timeoutMs !== undefined) {
      void context.clock.sleep(timeoutMs, over.signal).then(
        () => timeout.abort(new StepTimeout()),
        () => {},
      );
    }
    try {
      return await this.#act(step, AbortSignal.any([signal, timeout.signal]), timeoutMs);
    } catch (error) {
      if (signal.aborted) return { outcome: 'interrupted', output: '' };
      if (timeout.signal.aborted) return timedOut('', timeoutMs);
      if (error instanceof PersonNeeded) {
        return { outcome: 'failed', output: '', error: `needs a person: ${error.message}`, needsPerson: true };
      }
      return { outcome: 'failed', output: '', error: this.#line(errorText(error)) };
    } finally {
      over.abort();
    }
  }

  async #act(step: Step, signal: AbortSignal, timeoutMs: number | undefined): Promise<Followed> {
    const { actions, context, variables } = this.#parts;
    const { action } = step;
    switch (action.kind) {
      case 'await-detection':
        return this.#judged(step, await orAborted(actions.awaitDetection(signal), signal));
      case 'diagnose':
        return this.#judged(step, await orAborted(actions.diagnose(signal), signal));
      case 'rollback':
        return this.#judged(step, await orAborted(actions.rollback(signal), signal));
      case 'verify':
        return this.#judged(step, await orAborted(actions.verify(signal), signal));
      case 'show':
        return this.#judged(step, await orAborted(actions.show(action.what, signal), signal));
      case 'run':
        return this.#run(step, action, signal, timeoutMs ?? COMMAND_TIMEOUT_MS);
      case 'assert':
        return this.#assert(step, action, signal, timeoutMs ?? COMMAND_TIMEOUT_MS);
      case 'wait':
        await context.clock.sleep(action.ms, signal);
        return { outcome: 'passed', output: '' };
      case 'notify': {
        const to = action.to === undefined ? '' : `To ${variables.fill(action.to)}: `;
        const text = this.#line(`${to}${variables.fill(action.text)}`);
        context.emit({ type: 'note', text });
        return { outcome: 'passed', output: text };
      }
      case 'ask':
        return this.#ask(step, action);
      case 'confirm':
        return this.#confirm(step, action);
      case 'decide':
        return this.#decide(step, action);
    }
  }

  async #run(step: Step, action: Extract<Action, { kind: 'run' }>, signal: AbortSignal, timeoutMs: number): Promise<Followed> {
    const { commands, context } = this.#parts;
    const good = step.expect?.exitCode ?? [0];
    const isGood = (exitCode: number) => good.includes(exitCode);
    const result = await commands.run(action.commands, { timeoutMs, signal, clock: context.clock, isGood });
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
  async #assert(
    step: Step,
    action: Extract<Action, { kind: 'assert' }>,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Followed> {
    const { clock } = this.#parts.context;
    const start = clock.monotonicMs();
    let last: Followed | undefined;
    for (let tries = 1; ; tries++) {
      const left = timeoutMs - (clock.monotonicMs() - start);
      const followed = await this.#run(step, { kind: 'run', commands: action.commands }, signal, left);
      if (followed.outcome === 'passed') return followed;
      if (followed.outcome === 'interrupted' || followed.outcome === 'skipped') return followed;
      // A try that the timeout cut off says less than the one before it.
      if (followed.outcome !== 'timed-out') last = followed;
      try {
        if (followed.outcome === 'timed-out') throw new StepTimeout();
        await clock.sleep(action.everyMs, signal);
      } catch {
        if (this.#parts.signal.aborted) return { ...followed, outcome: 'interrupted' };
        const why = last?.error ? `; ${last.error}` : '';
        return {
          ...(last ?? followed),
          outcome: 'timed-out',
          error: `not so within ${formatDuration(timeoutMs)}, ${tries} tries${why}`,
        };
      }
    }
  }

  #ask(step: Step, action: Extract<Action, { kind: 'ask' }>): Followed {
    const { environment, variables } = this.#parts;
    const answer = environment.answers?.[step.id] ?? action.answer;
    if (answer === undefined) {
      throw new PersonNeeded(`it asks "${variables.fillKnown(action.text)}"; give \`answer\` in the step for automatic runs`);
    }
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

  #confirm(step: Step, action: Extract<Action, { kind: 'confirm' }>): Followed {
    const { environment, variables } = this.#parts;
    const given = environment.answers?.[step.id];
    const answer = given === undefined ? action.answer : /^(y|yes|true)$/i.test(given);
    if (answer === undefined) {
      throw new PersonNeeded(
        `it asks to confirm "${variables.fillKnown(action.text)}"; give \`answer\` in the step for automatic runs`,
      );
    }
    const output = this.#line(`${variables.fillKnown(action.text)} ${answer ? 'yes' : 'no'}`);
    if (!answer) return { outcome: 'failed', output, error: 'not confirmed', answer: 'no' };
    return { outcome: 'passed', output, answer: 'yes' };
  }

  #decide(step: Step, action: Extract<Action, { kind: 'decide' }>): Followed {
    const { environment, results, variables } = this.#parts;
    const label = environment.answers?.[step.id];
    const byEvidence = (branch: Branch) => branch.when !== undefined && !whyNotMet(branch.when, results, environment.tags ?? []);
    const chosen =
      label === undefined
        ? (action.branches.find(byEvidence) ?? action.branches.find(branch => branch.label === action.answer))
        : action.branches.find(branch => branch.label === label);
    if (!chosen) {
      if (label !== undefined) return { outcome: 'failed', output: '', error: `no branch is labelled "${label}"` };
      const text = variables.fillKnown(action.text);
      throw new PersonNeeded(`it asks to decide "${text}" and no \`when\` holds; give \`answer\` in the step for automatic runs`);
    }
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
function describeAction(action: Action): string {
  return action.kind === 'show' ? `show ${action.what}` : action.kind;
}

function hasCommands(action: Action): action is Extract<Action, { kind: 'run' | 'assert' }> {
  return action.kind === 'run' || action.kind === 'assert';
}

function timedOut(output: string, timeoutMs: number | undefined): Followed {
  return {
    outcome: 'timed-out',
    output,
    error: timeoutMs === undefined ? 'timed out' : `ended after ${formatDuration(timeoutMs)}`,
  };
}

function withError(error: string | undefined): { error?: string } {
  return error === undefined ? {} : { error };
}

function errorText(error: unknown): string {
  if (error instanceof RehearseError && error.hint) return `${error.message} ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}

/** An action that does not listen to the signal must not hold the runbook. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}
