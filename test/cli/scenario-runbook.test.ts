import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadScenarioRunbook } from '../../src/cli/scenario-runbook.ts';
import { InvalidInput } from '../../src/errors/errors.ts';
import { packageFile } from '../../src/package-file.ts';
import { loadScenario } from '../../src/scenario/load.ts';
import { step } from '../runbook/following.ts';

test('answers of a scenario are to questions that its runbook asks', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'answers-test-'));
  try {
    const { text } = await loadScenario(packageFile('scenarios', 'error-rate.yaml'));
    await writeFile(join(directory, 'book.md'), step('How many', 'ask: {text: How many?}') + step('Wait', 'do: await-detection'));
    const path = join(directory, 'error-rate.yaml');
    const write = (answers: string) =>
      writeFile(path, text.replace(/runbook: .*/, `runbook: book.md\n  answers:\n    ${answers}`));

    await write('how-many: 3');
    expect((await loadScenarioRunbook(await loadScenario(path)))?.stepCount).toBe(2);

    await write('how-meny: 3');
    const error = await loadScenarioRunbook(await loadScenario(path)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidInput);
    const [diagnostic] = (error as InvalidInput).diagnostics;
    expect(diagnostic).toMatchObject({
      message: 'the runbook has no question `how-meny`',
      hint: 'did you mean `how-many`? allowed: `how-many`',
      column: 5,
      source: '    how-meny: 3',
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
