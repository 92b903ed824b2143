import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';
import { type Applet, errorText } from './io.ts';

const flagsOf = (args: readonly string[]) => args.filter(argument => argument.startsWith('-') && argument !== '-').join('');
const plain = (args: readonly string[]) => args.filter(argument => !argument.startsWith('-'));

/** Applies an action to each operand and tells of those that fail. */
function each(name: string, use: (path: string, flags: string) => void): Applet {
  return (args, io) => {
    let code = 0;
    const flags = flagsOf(args);
    for (const path of plain(args)) {
      try {
        use(path, flags);
      } catch (error) {
        io.stderr(
          `${name}: can't ${name === 'rm' ? 'remove' : name === 'mkdir' ? 'create directory' : 'touch'} '${path}': ${errorText(error)}\n`,
        );
        code = 1;
      }
    }
    return code;
  };
}

const into = (source: string, target: string) =>
  existsSync(target) && statSync(target).isDirectory() ? posix.join(target, posix.basename(source)) : target;

function two(name: string, use: (source: string, target: string) => void): Applet {
  return (args, io) => {
    const operands = plain(args);
    const target = operands.pop() ?? '';
    let code = 0;
    for (const source of operands) {
      try {
        use(source, into(source, target));
      } catch (error) {
        io.stderr(`${name}: can't ${name === 'mv' ? 'rename' : 'stat'} '${source}': ${errorText(error)}\n`);
        code = 1;
      }
    }
    return code;
  };
}

const ls: Applet = (args, io) => {
  const flags = flagsOf(args);
  const operands = plain(args);
  let code = 0;
  for (const path of operands.length > 0 ? operands : ['.']) {
    try {
      const names = statSync(path).isDirectory() ? readdirSync(path).sort() : [path];
      for (const name of names.filter(candidate => flags.includes('a') || !candidate.startsWith('.'))) {
        if (!flags.includes('l')) io.stdout(`${name}\n`);
        else {
          const stat = lstatSync(name === path ? path : posix.join(path, name));
          const kind = stat.isDirectory() ? 'd' : stat.isSymbolicLink() ? 'l' : '-';
          io.stdout(
            `${kind}rw-r--r--    1 root     root     ${String(stat.size).padStart(9)} ${stat.mtime.toISOString().slice(0, 16).replace('T', ' ')} ${name}\n`,
          );
        }
      }
    } catch (error) {
      io.stderr(`ls: ${path}: ${errorText(error)}\n`);
      code = 1;
    }
  }
  return code;
};

const stat = (path: string) => {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
};

function accessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

const UNARY: Record<string, (text: string) => boolean> = {
  '-n': text => text !== '',
  '-z': text => text === '',
  '-e': path => stat(path) !== undefined,
  '-f': path => stat(path)?.isFile() ?? false,
  '-d': path => stat(path)?.isDirectory() ?? false,
  '-s': path => (stat(path)?.size ?? 0) > 0,
  '-r': path => accessible(path, constants.R_OK),
  '-w': path => accessible(path, constants.W_OK),
  '-x': path => stat(path)?.isDirectory() ?? false,
  '-L': path => existsSync(path) && lstatSync(path).isSymbolicLink(),
  '-t': () => false,
};
const BINARY: Record<string, (a: string, b: string) => boolean> = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '-eq': (a, b) => Number(a) === Number(b),
  '-ne': (a, b) => Number(a) !== Number(b),
  '-lt': (a, b) => Number(a) < Number(b),
  '-le': (a, b) => Number(a) <= Number(b),
  '-gt': (a, b) => Number(a) > Number(b),
  '-ge': (a, b) => Number(a) >= Number(b),
};

/** `test`: `!`, `-a`, `-o`, and the usual operators. @throws Error for what is none. */
export function evaluateTest(args: readonly string[]): boolean {
  const or = args.indexOf('-o');
  if (or > 0) return evaluateTest(args.slice(0, or)) || evaluateTest(args.slice(or + 1));
  const and = args.indexOf('-a');
  if (and > 0) return evaluateTest(args.slice(0, and)) && evaluateTest(args.slice(and + 1));
  const [a, b, c] = args;
  if (a === '!' && args.length !== 1 && !(args.length === 3 && BINARY[b ?? ''])) return !evaluateTest(args.slice(1));
  if (args.length === 0) return false;
  if (args.length === 1) return a !== '';
  if (args.length === 2) {
    const unary = UNARY[a ?? ''];
    if (unary) return unary(b ?? '');
    throw new Error(`${a}: unknown operand`);
  }
  const binary = BINARY[b ?? ''];
  if (args.length !== 3 || !binary) throw new Error(`${b}: unknown operand`);
  if (b?.startsWith('-') && [a, c].some(text => !/^\s*-?\d+\s*$/.test(text ?? ''))) throw new Error('bad number');
  return binary(a ?? '', c ?? '');
}

const test: Applet = (args, io) => {
  try {
    return evaluateTest(args) ? 0 : 1;
  } catch (error) {
    io.stderr(`sh: ${(error as Error).message}\n`);
    return 2;
  }
};

export const fileApplets: Record<string, Applet> = {
  ls,
  test,
  '[': (args, io, env) => {
    if (args.at(-1) !== ']') {
      io.stderr('[: missing ]\n');
      return 2;
    }
    return test(args.slice(0, -1), io, env);
  },
  pwd: (_args, io) => {
    io.stdout(`${process.cwd()}\n`);
    return 0;
  },
  mkdir: each('mkdir', (path, flags) => void mkdirSync(path, { recursive: flags.includes('p') })),
  rm: each('rm', (path, flags) => rmSync(path, { recursive: /[rR]/.test(flags), force: flags.includes('f') })),
  touch: each('touch', path => {
    if (existsSync(path)) utimesSync(path, new Date(), new Date());
    else writeFileSync(path, '');
  }),
  mv: two('mv', renameSync),
  cp: two('cp', copyFileSync),
};
