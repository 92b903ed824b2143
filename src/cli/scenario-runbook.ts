import { join, relative } from 'node:path';
import type { RunbookEnvironment } from '../runbook/environment.ts';
import { type LoadedRunbook, loadRunbook } from '../runbook/load.ts';
import type { LoadedScenario } from '../scenario/load.ts';
import { scenarioSchema } from '../scenario/schema.ts';
import { parseYaml } from '../yaml/parse.ts';
import { suggestion } from '../yaml/suggest.ts';

/** The runbook that a scenario names, if any, and where they meet: its answers are to questions that the runbook asks. @throws InvalidInput, RehearseError */
export async function loadScenarioRunbook(
  loaded: LoadedScenario,
  environment: RunbookEnvironment = {},
): Promise<LoadedRunbook | undefined> {
  const path = runbookPath(loaded);
  if (path === undefined) return undefined;
  const book = await loadRunbook(path, environment);
  const asked = book.document.steps
    .filter(({ action }) => ['ask', 'confirm', 'decide'].includes(action.kind))
    .map(({ id }) => id);
  const problems = Object.keys(loaded.scenario.spec.answers)
    .filter(id => !asked.includes(id))
    .map(id => ({
      path: ['spec', 'answers', id],
      at: 'key' as const,
      message: `the runbook has no question \`${id}\``,
      hint: suggestion(id, asked) ?? 'it asks nothing',
    }));
  if (problems.length > 0) {
    parseYaml({ file: relative(process.cwd(), loaded.path), text: loaded.text }, scenarioSchema, () => problems);
  }
  return book;
}

/** As a reader of the report can follow it: from where the drill was started. */
export function runbookPath({ path, scenario }: LoadedScenario): string | undefined {
  const { runbook } = scenario.spec;
  return runbook === undefined ? undefined : relative(process.cwd(), join(path, '..', runbook));
}
