/** What is wrong with a runbook beyond its form: found before a drill, instead of in it. */
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import type { RunbookDocument } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { installedKubectl } from './kubectl.ts';
import { kubectlProblems } from './kubectl-check.ts';
import { cutMarkdown } from './markdown.ts';
import { at } from './parse.ts';
import { findProblems, type Problem, problem } from './problems.ts';
import { readRunbook } from './read.ts';
import { hasPrompt } from './session.ts';
import { atWord, typedCommands } from './typed-commands.ts';

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
    ...unmarkedCommands(document),
    ...(await missingPrograms(document, environment)),
    ...(await unknownToKubectl(document, environment)),
  ];
  return found.sort((a, b) => a.line - b.line || a.column - b.column);
}

async function deadLinks(document: RunbookDocument): Promise<Problem[]> {
  const { file, source } = document;
  const { links } = cutMarkdown(source);
  const headings = source.matchAll(/^(?:#{1,6}\s+(.+?)\s*#*|(.+)\r?\n(?:=+|-+))\s*$/gm);
  const anchors = new Set([...headings].map(match => anchor((match[1] ?? match[2]) as string)));
  for (const [, explicit] of source.matchAll(/\{#([\w-]+)|\s(?:id|name)="([^"]+)"/g)) if (explicit) anchors.add(explicit);
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
  const told = new Set<string>();
  for (const command of typedCommands(document)) {
    const [program = ''] = command.words;
    if (!command.executed || told.has(program) || BUILT_IN.has(program) || /[${<]/.test(program)) continue;
    if ((await locate(program, directory)) !== undefined) continue;
    told.add(program);
    const hint = command.step?.optional
      ? 'the step is optional and will be skipped here'
      : 'install it, or make the step `optional: true` if it only gathers evidence';
    const message = `the program \`${program}\` is not on this machine`;
    found.push({ ...atWord(document, command, program), severity: 'warning', message, hint });
  }
  return found;
}

/** Of the shell: no program on the PATH. That a line needs a shell is told elsewhere. */
const BUILT_IN = new Set(
  '. : [ [[ alias break case cd continue done echo esac eval exit export fi for function printf read return set shift source test trap type ulimit umask unset wait }'.split(
    ' ',
  ),
);

/** What looks like a command and is not executed, because nothing says that it is one. */
function unmarkedCommands(document: RunbookDocument): Problem[] {
  const { file, source } = document;
  const fences = cutMarkdown(source).sections.flatMap(section => section.fences);
  return fences.flatMap(fence => {
    const [first = ''] = fence.text.split('\n');
    if (!['', 'text', 'plaintext'].includes(fence.language) || !(COMMON_TOOLS.test(first) || hasPrompt(first))) return [];
    const message = `this looks like a command and is not executed: the ${fence.indented ? 'text is indented, not fenced' : 'fence names no shell'}`;
    const place = at(file, source, fence.line, fence.indented ? 1 : fence.column, first.length, message);
    return [problem('warning', place, 'begin the fence with ```sh, or with ```sh by-hand when it is for people only')];
  });
}

const COMMON_TOOLS =
  /^\s*(sudo )?(kubectl|oc|helm|argocd|flux|docker|systemctl|journalctl|curl|ssh|aws|gcloud|az|psql|mysql|redis-cli) /;

async function unknownToKubectl(document: RunbookDocument, environment: RunbookEnvironment): Promise<Problem[]> {
  const directory = environment.directory ?? dirname(document.file);
  const path = await locate('kubectl', directory);
  const kubectl = path === undefined ? undefined : await installedKubectl(path);
  if (!kubectl) return [];
  // A dash in a plugin's name is an underscore in its file's: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/
  const hasPlugin = async (name: string) => (await locate(`kubectl-${name.replaceAll('-', '_')}`, directory)) !== undefined;
  return kubectlProblems(document, kubectl, async name => (await hasPlugin(name)) || (await anyPlugin(name)));
}

/** `kubectl argo rollouts` is the plugin kubectl-argo-rollouts. */
async function anyPlugin(name: string): Promise<boolean> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '');
  const lists = await Promise.all(folders.map(folder => readdir(folder).catch(() => [])));
  return lists.flat().some(file => file.startsWith(`kubectl-${name.replaceAll('-', '_')}-`));
}

/** Path of a program, as a shell would find it. */
async function locate(program: string, directory: string): Promise<string | undefined> {
  if (program.includes('/')) {
    const path = isAbsolute(program) ? program : resolve(directory, program);
    return (await exists(path)) ? path : undefined;
  }
  const endings = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat'] : [''];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const ending of endings)
      if (folder !== '' && (await exists(join(folder, program + ending), constants.X_OK))) return join(folder, program + ending);
  }
  return undefined;
}

async function exists(path: string, mode: number = constants.F_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
