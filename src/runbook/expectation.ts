import type { Condition, Expectation } from './format.ts';

/** How a step that was followed ended; what conditions of later steps look at. */
export interface StepResult {
  outcome: 'passed' | 'failed' | 'skipped' | 'timed-out' | 'interrupted';
  output: string;
  answer: string | undefined;
}

/** Why a result is not good, or undefined when it is. @param exitCode of a command; undefined for what has none */
export function whyNotExpected(
  expect: Expectation | undefined,
  output: string,
  exitCode: number | undefined,
): string | undefined {
  const good = expect?.exitCode ?? [0];
  if (exitCode !== undefined && !good.includes(exitCode)) {
    const wanted = expect?.exitCode ? `, expected ${good.join(' or ')}` : '';
    return `exit code ${exitCode}${wanted}`;
  }
  for (const text of expect?.contains ?? []) if (!output.includes(text)) return `the output does not contain "${text}"`;
  for (const text of expect?.lacks ?? []) if (output.includes(text)) return `the output contains "${text}"`;
  if (expect?.matches !== undefined && !new RegExp(expect.matches, 'm').test(output)) {
    return `the output does not match /${expect.matches}/`;
  }
  return undefined;
}

/** Why a condition does not hold, or undefined when it does. A step that was not reached has no outcome, so nothing holds of it. */
export function whyNotMet(
  condition: Condition | undefined,
  results: ReadonlyMap<string, StepResult>,
  tags: readonly string[],
): string | undefined {
  if (!condition) return undefined;
  if (condition.tag !== undefined && !tags.includes(condition.tag)) return `the scenario is not tagged "${condition.tag}"`;
  if (condition.step === undefined) return undefined;
  const result = results.get(condition.step);
  if (!result) return `step "${condition.step}" was not followed`;
  const outcomes: string[] =
    condition.outcome ?? (condition.answer === undefined ? ['passed'] : ['passed', 'failed', 'timed-out']);
  if (!outcomes.includes(result.outcome)) {
    return `step "${condition.step}" ${result.outcome === 'skipped' ? 'was skipped' : result.outcome}`;
  }
  if (condition.answer !== undefined && result.answer !== condition.answer) {
    return `the answer to "${condition.step}" was ${result.answer === undefined ? 'not given' : `"${result.answer}"`}`;
  }
  if (condition.contains !== undefined && !result.output.includes(condition.contains)) {
    return `the output of "${condition.step}" does not contain "${condition.contains}"`;
  }
  return undefined;
}
