/** Follows a runbook: every step in order, timed, with its output kept. Who follows it decides what `Hands` are. */
import { dirname } from 'node:path';
import { objectText } from '../record/event-text.ts';
import type { RoleContext, RunbookActions } from '../rehearsal/ports.ts';
import { attended } from './attended.ts';
import { AutomaticHands } from './automatic.ts';
import { BreakGlass } from './break-glass.ts';
import { CommandRunner } from './commands.ts';
import type { RunbookDocument } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import type { StepResult } from './expectation.ts';
import type { Followed, Hands } from './hands.ts';
import { END } from './parse.ts';
import { PracticeHands } from './practice.ts';
import { StepRunner } from './step-runner.ts';
import { Variables } from './variables.ts';

/**
 * Resolves false when a step failed that is not optional: the rest was not followed. A person may go on all the same, go back or
 * leave steps out. Rejects with the signal's reason when aborted.
 */
export async function followRunbook(
  document: RunbookDocument,
  environment: RunbookEnvironment,
  context: RoleContext,
  actions: RunbookActions,
  signal: AbortSignal,
): Promise<boolean> {
  const variables = new Variables({ ...document.vars, ...environment.variables, ...runVariables(context, environment) });
  const commands = new CommandRunner(environment, context, variables, dirname(document.file));
  const results = new Map<string, StepResult>();
  const person = environment.person && attended(environment.person, actions, signal);
  const hands = person
    ? new PracticeHands({ person, document, environment, context, actions, signal, variables, commands })
    : new AutomaticHands(environment, results, variables, actions);
  const breakGlass = new BreakGlass({ document, environment, context, commands, person, signal });
  const runner = new StepRunner({ environment, context, actions, signal, variables, commands, results, hands, breakGlass });
  try {
    return await followSteps(document, { hands, runner, results, actions, variables, signal });
  } finally {
    await breakGlass.close();
    await commands.close();
  }
}

interface Following {
  hands: Hands;
  runner: StepRunner;
  results: Map<string, StepResult>;
  actions: RunbookActions;
  variables: Variables;
  signal: AbortSignal;
}

async function followSteps(document: RunbookDocument, parts: Following): Promise<boolean> {
  const { hands, results, runner, signal } = parts;
  const { steps } = document;
  const visits = new Map<string, number>();
  /** Steps that were come to, for going back; those that were not needed are not among them. */
  const trail: number[] = [];
  const goBack = (index: number) => {
    trail.pop();
    return trail.pop() ?? index;
  };
  let index = 0;
  for (;;) {
    signal.throwIfAborted();
    const step = steps[index];
    if (!step) {
      const departure = await hands.over(steps.at(-1));
      if (!departure) return true;
      index = departure.to === 'next' ? steps.length : (trail.pop() ?? 0);
      continue;
    }
    suspectVariable(parts);
    const visit = (visits.get(step.id) ?? 0) + 1;
    visits.set(step.id, visit);
    const followed = await runner.follow(step, visit);
    results.set(step.id, { outcome: followed.outcome, output: followed.output, answer: followed.answer });
    if (followed.outcome === 'interrupted' && signal.aborted) throw signal.reason;
    if (!followed.notNeeded) trail.push(index);
    if (followed.departure) {
      const { to } = followed.departure;
      index = to === 'back' ? goBack(index) : to === 'again' ? index : index + 1;
      continue;
    }
    if (!isGood(followed) && !step.optional && !followed.goOn) return false;
    if (followed.go === END) index = steps.length;
    else index = followed.go === undefined ? index + 1 : steps.findIndex(one => one.id === followed.go);
  }
}

const isGood = (followed: Followed) => followed.outcome === 'passed' || followed.outcome === 'skipped';

function suspectVariable({ actions, variables }: Following): void {
  const suspect = actions.suspect();
  if (suspect) variables.set('suspect', objectText(suspect));
}

function runVariables(context: RoleContext, environment: RunbookEnvironment): Record<string, string | undefined> {
  const { target, namespace, cluster } = context;
  // In a blind drill the target is what has to be found.
  const ofTarget = {
    workload: objectText(target),
    kind: target.kind.toLowerCase(),
    name: target.name,
    container: environment.container,
  };
  return {
    namespace,
    ...(environment.blind ? {} : ofTarget),
    context: cluster.context,
    kubeconfig: environment.kubeconfig,
    runId: environment.runId,
  };
}
