/** Scenarios from files: by path, or by name from ./scenarios and from those that ship with rehearse. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { packageFile } from '../package-file.ts';
import { parseYaml } from '../yaml/parse.ts';
import { nearest } from '../yaml/suggest.ts';
import { type Scenario, scenarioSchema } from './schema.ts';
import { scenarioProblems } from './validate.ts';

export interface LoadedScenario {
  scenario: Scenario;
  /** Absolute. */
  path: string;
  text: string;
  /** sha256 of the file, in hex. */
  digest: string;
}

/** Folders that a bare name is looked up in, first come first served. */
function folders(): string[] {
  return [...new Set([resolve('scenarios'), packageFile('scenarios')])];
}

/**
 * @param pathOrName a file, or the name of a scenario such as `error-rate`
 * @throws InvalidInput with every mistake in the file; RehearseError when there is no such file
 */
export async function loadScenario(pathOrName: string): Promise<LoadedScenario> {
  const path = await findScenario(pathOrName);
  const bytes = await readFile(path).catch(error => {
    throw new RehearseError(`cannot read the scenario ${shownPath(path)}: ${(error as Error).message}`, {
      exitCode: EXIT.usage,
      cause: error,
    });
  });
  const text = bytes.toString('utf8');
  const scenario = parseScenario(shownPath(path), text, dirname(path));
  return { scenario, path, text, digest: createHash('sha256').update(bytes).digest('hex') };
}

/**
 * @param file as messages shall name it
 * @param folder what the runbook's path is relative to; undefined when the file is not on a disk, then it is not looked for
 * @throws InvalidInput with every mistake
 */
export function parseScenario(file: string, text: string, folder?: string): Scenario {
  return parseYaml({ file, text }, scenarioSchema, input => scenarioProblems(input, { file, folder }));
}

export interface ListedScenario {
  name: string;
  /** Absolute. */
  path: string;
  /** Undefined when the file has mistakes; `problem` is then the error to show. */
  scenario?: Scenario;
  problem?: RehearseError;
}

/** Every scenario of ./scenarios and of the package, by name; a name of ./scenarios hides that of the package. */
export async function listScenarios(): Promise<ListedScenario[]> {
  const paths = new Map<string, string>();
  for (const folder of folders()) {
    for (const file of await readdir(folder).catch(() => [])) {
      const name = /^(.+)\.ya?ml$/.exec(file)?.[1];
      if (name !== undefined && !paths.has(name)) paths.set(name, join(folder, file));
    }
  }
  return Promise.all(
    [...paths]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(async ([name, path]): Promise<ListedScenario> => {
        try {
          return { name, path, scenario: (await loadScenario(path)).scenario };
        } catch (error) {
          if (error instanceof RehearseError) return { name, path, problem: error };
          throw error;
        }
      }),
  );
}

async function findScenario(pathOrName: string): Promise<string> {
  const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() === true;
  const looksLikeName = /^[\w-]+$/.test(pathOrName);
  const candidates = looksLikeName
    ? folders().flatMap(folder => [join(folder, `${pathOrName}.yaml`), join(folder, `${pathOrName}.yml`)])
    : [];
  // A file of that very name comes last: a folder or a binary called `latency` must not hide the scenario.
  for (const path of [...candidates, resolve(pathOrName)]) if (await isFile(path)) return path;

  const directory = (await stat(pathOrName).catch(() => undefined))?.isDirectory() === true;
  const names = (await listedNames()).sort();
  const near = looksLikeName ? nearest(pathOrName, names) : undefined;
  throw new RehearseError(directory ? `${pathOrName} is a folder, not a scenario` : `there is no scenario ${pathOrName}`, {
    exitCode: EXIT.usage,
    hint: near === undefined ? `scenarios: ${names.join(', ')}; or give the path of a file` : `did you mean ${near}?`,
  });
}

async function listedNames(): Promise<string[]> {
  const files = await Promise.all(folders().map(folder => readdir(folder).catch(() => [])));
  return [
    ...new Set(
      files
        .flat()
        .filter(file => /\.ya?ml$/.test(file))
        .map(file => file.replace(/\.ya?ml$/, '')),
    ),
  ];
}

/** Relative to where the user is, unless that leads out of it: what an editor's terminal makes a link of. */
function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
