/** A step of a runbook as the person who practises sees it. */
import { formatDuration } from '../record/duration.ts';
import { harmlessText } from '../record/harmless-text.ts';
import type { CommandRunner } from './commands.ts';
import type { RunbookDocument, Step } from './document.ts';
import type { ShownStep } from './person.ts';
import { describeAction, hasCommands } from './step-runner.ts';
import type { Variables } from './variables.ts';

export function shownStep(
  step: Step,
  visit: number,
  { commands, document, variables }: { commands: CommandRunner; document: RunbookDocument; variables: Variables },
): ShownStep {
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

/** What the person's Enter does at a step, and what else they may say. */
export function whatEnterDoes(step: Step): string {
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
