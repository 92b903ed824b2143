import { type Diagnostic, EXIT, InvalidInput, RehearseError } from '../../errors/errors.ts';
import { listScenarios, loadScenario } from '../../scenario/load.ts';
import { loadScenarioRunbook } from '../scenario-runbook.ts';

/** Checks every file and tells every mistake in all of them at once. */
export async function validate(args: { scenarios: string[] }): Promise<void> {
  const names = args.scenarios.length > 0 ? args.scenarios : (await listScenarios()).map(({ path }) => path);
  const diagnostics: Diagnostic[] = [];
  for (const name of names) {
    try {
      await loadScenarioRunbook(await loadScenario(name));
      process.stdout.write(`${name}: valid\n`);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      diagnostics.push(...error.diagnostics);
    }
  }
  if (diagnostics.length > 0) throw new InvalidInput(diagnostics);
  if (names.length === 0)
    throw new RehearseError('no scenario found', { exitCode: EXIT.usage, hint: 'name files, or put some into ./scenarios' });
}
