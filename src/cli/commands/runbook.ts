import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Diagnostic, EXIT, formatDiagnostic, InvalidInput, RehearseError } from '../../errors/errors.ts';
import { packageFile } from '../../package-file.ts';
import { checkRunbook } from '../../runbook/check.ts';

/** Every mistake of every runbook at once. */
export async function runbook(args: { files: string[] }): Promise<void> {
  const files = args.files.length > 0 ? args.files : await runbooksHere();
  if (files.length === 0)
    throw new RehearseError('no runbook found', { exitCode: EXIT.usage, hint: 'name files, or put some into ./runbooks' });
  const diagnostics: Diagnostic[] = [];
  for (const file of files) {
    const found = await checkRunbook(file);
    const errors = found.filter(problem => problem.severity === 'error');
    diagnostics.push(...errors);
    for (const problem of found)
      if (problem.severity === 'warning') process.stderr.write(`warning: ${formatDiagnostic(problem)}\n\n`);
    if (errors.length === 0) process.stdout.write(`${file}: no mistakes\n`);
  }
  if (diagnostics.length > 0) throw new InvalidInput(diagnostics);
}

async function runbooksHere(): Promise<string[]> {
  for (const folder of ['runbooks', packageFile('runbooks')]) {
    const names = await readdir(folder).catch(() => [] as string[]);
    const files = names.filter(name => name.endsWith('.md') && name !== 'README.md').map(name => join(folder, name));
    if (files.length > 0) return files;
  }
  return [];
}
