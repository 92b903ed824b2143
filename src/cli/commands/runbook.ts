import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Diagnostic, EXIT, formatDiagnostic, InvalidInput, RehearseError } from '../../errors/errors.ts';
import { packageFile } from '../../package-file.ts';
import { markdownLines } from '../../practice/markdown-text.ts';
import { screenOf } from '../../reporters/reporter.ts';
import { styleFor, wrap } from '../../reporters/style.ts';
import { checkRunbook } from '../../runbook/check.ts';
import type { RunbookDocument } from '../../runbook/document.ts';
import type { Problem } from '../../runbook/problems.ts';
import { readRunbook } from '../../runbook/read.ts';
import { actionText, showRunbook } from '../../runbook/show.ts';

export interface RunbookArguments {
  action: 'check' | 'show' | undefined;
  files: string[];
  step?: string | undefined;
  plain: boolean;
  output: 'text' | 'json';
}

export async function runbook(args: RunbookArguments): Promise<void> {
  if (args.action === 'show') await show(args);
  else await check(args);
}

/** Every mistake of every runbook at once. */
async function check({ files: given, output }: RunbookArguments): Promise<void> {
  const files = given.length > 0 ? given : await runbooksHere();
  if (files.length === 0)
    throw new RehearseError('no runbook found', { exitCode: EXIT.usage, hint: 'name files, or put some into ./runbooks' });
  const results: { file: string; problems: Problem[] }[] = [];
  for (const file of files) results.push({ file, problems: await problemsOf(file) });
  const errors = results.flatMap(({ problems }) => problems.filter(problem => problem.severity === 'error'));
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    if (errors.length > 0) process.exitCode = EXIT.usage;
    return;
  }
  for (const { file, problems } of results) {
    const warnings = problems.filter(problem => problem.severity === 'warning');
    for (const problem of warnings) process.stderr.write(`warning: ${formatDiagnostic(problem)}\n\n`);
    if (warnings.length === problems.length) process.stdout.write(`${file}: no mistakes\n`);
  }
  if (errors.length > 0) throw new InvalidInput(errors);
}

/** A file that cannot be read as a runbook does not keep the others from being checked. */
async function problemsOf(file: string): Promise<Problem[]> {
  try {
    return await checkRunbook(file);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return error.diagnostics.map((diagnostic: Diagnostic): Problem => ({ ...diagnostic, severity: 'error' }));
  }
}

async function show({ files, step, plain, output }: RunbookArguments): Promise<void> {
  const [file, second] = files;
  if (file === undefined || second !== undefined)
    throw new RehearseError('name one runbook to show', { exitCode: EXIT.usage, hint: 'rehearse runbook show runbooks/FILE.md' });
  const document = await readRunbook(file);
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify(asData(document), null, 2)}\n`);
    return;
  }
  const screen = screenOf(process.stdout, process.env);
  const style = styleFor(plain ? { colour: false, unicode: screen.unicode } : screen);
  const lines = showRunbook(
    document,
    {
      // Longer lines are hard to read, however wide the screen is.
      width: Math.max(40, Math.min(100, process.stdout.columns ?? 80)),
      style,
      markdown: (markdown, width, hides) => markdownLines(markdown, width, style, hides),
      wrap,
    },
    step,
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What programs read: the steps as they are followed, without the positions that only an editor needs. */
function asData(document: RunbookDocument) {
  const { file, title, service, owners, lastRehearsed, breakGlass, vars, introduction } = document;
  const steps = document.steps.map(step => ({
    id: step.id,
    title: step.title,
    line: step.line,
    phase: step.phase,
    owner: step.owner,
    expectedMs: step.expectedMs,
    timeoutMs: step.timeoutMs,
    retries: step.retries,
    optional: step.optional,
    breakGlass: step.breakGlass,
    does: step.action.kind,
    description: actionText(document, step, '→'),
    typed: step.fences.map(fence => fence.text),
    markdown: step.markdown,
  }));
  return { file, title, service, owners, lastRehearsed, breakGlass, vars, introduction, steps };
}

async function runbooksHere(): Promise<string[]> {
  for (const folder of ['runbooks', packageFile('runbooks')]) {
    const names = await readdir(folder).catch(() => [] as string[]);
    const files = names.filter(name => name.endsWith('.md') && name !== 'README.md').map(name => join(folder, name));
    if (files.length > 0) return files;
  }
  return [];
}
