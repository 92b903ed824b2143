import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { ContainerPaths } from './paths.ts';

type AnyFunction = (...args: unknown[]) => unknown;

const READERS = [
  'access',
  'lstat',
  'opendir',
  'readdir',
  'readFile',
  'readlink',
  'realpath',
  'stat',
  'statfs',
  'watch',
  'watchFile',
  'unwatchFile',
  'createReadStream',
  'exists',
];
const WRITERS = [
  'appendFile',
  'chmod',
  'mkdir',
  'mkdtemp',
  'rm',
  'rmdir',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
  'createWriteStream',
];
const PAIRS = ['copyFile', 'link', 'rename', 'cp'];

/** The text of a path argument; undefined for a file descriptor or a file handle. */
function pathText(path: unknown): string | undefined {
  if (typeof path === 'string') return path;
  if (Buffer.isBuffer(path)) return path.toString();
  if (path instanceof URL && path.protocol === 'file:') return fileURLToPath(path);
  return undefined;
}

function readOnlyError(call: string, path: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`EROFS: read-only file system, ${call} '${path}'`);
  return Object.assign(error, { errno: -30, code: 'EROFS', syscall: call, path });
}

/** Errors of the real call name the real path: show the container's instead. */
function renamed(error: unknown, real: string, shown: string): unknown {
  if (error instanceof Error && (error as NodeJS.ErrnoException).path === real) {
    (error as NodeJS.ErrnoException).path = shown;
    error.message = error.message.replace(real, shown);
  }
  return error;
}

function wrap(
  owner: Record<string, unknown>,
  name: string,
  paths: ContainerPaths,
  pathArguments: number,
  writes: boolean,
  style: 'sync' | 'callback' | 'promise',
): void {
  const original = owner[name] as AnyFunction | undefined;
  if (typeof original !== 'function') return;
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    const given = args.slice();
    let real = '';
    let shown = '';
    for (let index = 0; index < pathArguments; index++) {
      const text = pathText(args[index]);
      if (text === undefined) continue;
      const target = paths.toReal(text);
      // The last path is the one written to.
      if (index === pathArguments - 1 || !real) [real, shown] = [target, text];
      given[index] = target;
    }
    const flags = name.startsWith('open') && !name.startsWith('opendir') ? args[1] : undefined;
    const writing = writes || (typeof flags === 'string' ? flags !== 'r' : typeof flags === 'number' && (flags & 3) !== 0);
    const refused = writing && shown && paths.isReadOnly(shown) ? readOnlyError(name, shown) : undefined;
    if (style === 'promise') {
      if (refused) return Promise.reject(refused);
      return (original.apply(this, given) as Promise<unknown>).catch(error => Promise.reject(renamed(error, real, shown)));
    }
    const callback = style === 'callback' ? args.at(-1) : undefined;
    if (typeof callback === 'function') {
      if (refused) return process.nextTick(callback as () => void, refused);
      given[given.length - 1] = (error: unknown, ...rest: unknown[]) =>
        (callback as AnyFunction)(renamed(error, real, shown), ...rest);
    } else if (refused) throw refused;
    try {
      return original.apply(this, given);
    } catch (error) {
      throw renamed(error, real, shown);
    }
  };
  owner[name] = Object.assign(wrapped, original);
}

/** Makes every file call of this process see the container's files only: its own root, and its mounts. */
export function virtualizeFileSystem(paths: ContainerPaths): void {
  const sync = fs as unknown as Record<string, unknown>;
  const promises = fs.promises as unknown as Record<string, unknown>;
  const groups = [
    { names: [...READERS, 'open'], count: 1, writes: false },
    { names: WRITERS, count: 1, writes: true },
    { names: PAIRS, count: 2, writes: true },
  ];
  for (const { names, count, writes } of groups) {
    for (const name of names) {
      wrap(sync, `${name}Sync`, paths, count, writes, 'sync');
      // existsSync and streams take no callback, the rest do; `exists` passes no error and stays out of use.
      if (name !== 'exists') wrap(sync, name, paths, count, writes, 'callback');
      wrap(promises, name, paths, count, writes, 'promise');
    }
  }
  process.cwd = () => paths.cwd;
  process.chdir = directory => {
    paths.cwd = paths.resolve(directory);
  };
  syncBuiltinESMExports();
}
