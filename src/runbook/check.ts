/** What is wrong with a runbook beyond its form: found before a drill, instead of in it. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import type { RunbookDocument } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { cutMarkdown } from './markdown.ts';
import { at } from './parse.ts';
import { findProblems, inFence, linesOf, type Problem, problem } from './problems.ts';
import { readRunbook } from './read.ts';

/**
 * Everything that can be told of a runbook without following it, in the order of the file.
 *
 * @throws InvalidInput, RehearseError when it cannot be read at all
 */
export async function checkRunbook(path: string, environment: RunbookEnvironment = {}): Promise<Problem[]> {
  const document = await readRunbook(path);
  const found = [
    ...findProblems(document, environment),
    ...(await deadLinks(document)),
    ...(await missingPrograms(document, environment)),
  ];
  return found.sort((a, b) => a.line - b.line || a.column - b.column);
}

async function deadLinks(document: RunbookDocument): Promise<Problem[]> {
  const { file, source } = document;
  const { links } = cutMarkdown(source);
  const anchors = new Set([...source.matchAll(/^#{1,6}\s+(.+?)\s*#*\s*$/gm)].map(match => anchor(match[1] as string)));
  const found: Problem[] = [];
  for (const { url, line, column } of links) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(url) || url.startsWith('//') || url.includes('{{')) continue;
    const [path = '', fragment] = url.split('#');
    const name = decoded(path.split('?')[0] ?? '');
    const dead =
      name === ''
        ? fragment !== undefined && fragment !== '' && !anchors.has(decoded(fragment))
        : !(await exists(resolve(dirname(file), name.replace(/^\/+/, ''))));
    if (dead) found.push(problem('warning', at(file, source, line, column, url.length, `the link leads nowhere: ${url}`)));
  }
  return found;
}

/** GitHub's anchors: lower case, punctuation out, spaces to dashes. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function missingPrograms(document: RunbookDocument, environment: RunbookEnvironment): Promise<Problem[]> {
  const found: Problem[] = [];
  const directory = environment.directory ?? dirname(document.file);
  for (const step of document.steps) {
    for (const line of linesOf(step.action)) {
      const program = line.words[0]?.map(part => part.text).join('') ?? '';
      if (program === '' || /[${]/.test(program) || line.needsShell !== undefined || (await isInstalled(program, directory)))
        continue;
      const hint = step.optional
        ? 'the step is optional and will be skipped here'
        : 'install it, or make the step `optional: true` if it only gathers evidence';
      const message = `the program \`${program}\` is not on this machine`;
      found.push({ ...inFence(document, line, program), severity: 'warning', message, hint });
    }
  }
  return found;
}

async function isInstalled(program: string, directory: string): Promise<boolean> {
  if (program.includes('/')) return exists(isAbsolute(program) ? program : resolve(directory, program));
  const endings = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat'] : [''];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const ending of endings)
      if (folder !== '' && (await exists(join(folder, program + ending), constants.X_OK))) return true;
  }
  return false;
}

async function exists(path: string, mode: number = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
