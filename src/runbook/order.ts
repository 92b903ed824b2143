/** In which order steps can be followed, and what can therefore never happen. Pure. */
import type { Branch, RunbookDocument, Step } from './document.ts';
import type { Condition } from './format.ts';
import { at, END, inSettings } from './parse.ts';
import type { Problem } from './problems.ts';

/** Steps follow each other; a decision goes only where its branches go. */
export function orderProblems(document: RunbookDocument): Problem[] {
  const { steps } = document;
  const next = steps.map((step, index) => followers(steps, step, index));
  const reached = new Set([0, ...reachable(next, 0)]);
  const unreached = steps.filter((_, index) => !reached.has(index));
  return [
    ...unreached.map((step): Problem => {
      const message = `the step \`${step.id}\` is never reached`;
      const hint = 'no branch goes to it, and the step before it is a decision that goes elsewhere';
      return { ...at(document.file, document.source, step.line, 1, step.title.length + 3, message), severity: 'warning', hint };
    }),
    ...steps.flatMap((step, index) =>
      conditions(step).flatMap(({ condition, path }) => impossible(document, step, condition, path, next, reached, index)),
    ),
  ];
}

function followers(steps: Step[], { action }: Step, index: number): number[] {
  if (action.kind !== 'decide') return index + 1 < steps.length ? [index + 1] : [];
  return action.branches.flatMap(branch => (branch.go === END ? [] : [steps.findIndex(step => step.id === branch.go)]));
}

/** What can come after a step. The step itself only when the runbook can come back to it. */
function reachable(next: number[][], from: number): Set<number> {
  const found = new Set<number>();
  const open = [...(next[from] ?? [])];
  while (open.length > 0) {
    const index = open.pop() as number;
    if (found.has(index) || index < 0) continue;
    found.add(index);
    open.push(...(next[index] ?? []));
  }
  return found;
}

function conditions(step: Step): { condition: Condition; path: (string | number)[] }[] {
  const own = step.when ? [{ condition: step.when, path: ['when'] }] : [];
  if (step.action.kind !== 'decide') return own;
  const branches = step.action.branches.flatMap((branch: Branch, index) =>
    branch.when ? [{ condition: branch.when, path: ['decide', 'branches', index, 'when'] }] : [],
  );
  return [...own, ...branches];
}

/** A condition on what cannot have happened by then: the step would be left out every time, without anybody noticing. */
function impossible(
  document: RunbookDocument,
  step: Step,
  condition: Condition,
  path: (string | number)[],
  next: number[][],
  reached: ReadonlySet<number>,
  index: number,
): Problem[] {
  const about = document.steps.findIndex(one => one.id === condition.step);
  const other = document.steps[about];
  if (!other) return [];
  const tell = (field: string, message: string, hint: string): Problem[] => [
    { ...inSettings(document.file, document.source, step, [...path, field], message), severity: 'warning', hint },
  ];
  if (!reached.has(about) || !reachable(next, about).has(index)) {
    const message = `this can never hold: the step \`${other.id}\` cannot have been followed before \`${step.id}\``;
    return tell('step', message, 'name a step that comes before, or move this one');
  }
  const answers = answersOf(other);
  if (condition.answer !== undefined && !(answers === 'any' || answers.includes(condition.answer))) {
    const message = `this can never hold: \`${other.id}\` is not answered "${condition.answer}"`;
    const hint = answers.length === 0 ? 'it asks nothing' : `its answers are: ${answers.join(', ')}`;
    return tell('answer', message, hint);
  }
  return [];
}

function answersOf({ action }: Step): 'any' | string[] {
  switch (action.kind) {
    case 'ask':
      return action.answerKind === 'choice' ? action.choices : 'any';
    case 'confirm':
      return ['yes', 'no'];
    case 'decide':
      return action.branches.map(branch => branch.label);
    default:
      return [];
  }
}
