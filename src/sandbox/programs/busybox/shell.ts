import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { arithmetic } from './arithmetic.ts';
import { type Applet, errorText, type Io } from './io.ts';
import { type Node, parseShell, type Redirection, ShellSyntaxError, type Word } from './shell-syntax.ts';

class ExitShell extends Error {
  readonly code: number;
  constructor(code: number) {
    super('exit');
    this.code = code;
  }
}
class LeaveLoop extends Error {
  depth: number;
  readonly again: boolean;
  constructor(depth: number, again: boolean) {
    super('break');
    this.depth = depth;
    this.again = again;
  }
}
class ReturnFromFunction extends ExitShell {}

const SIGNAL_NUMBERS: Record<string, number> = { HUP: 1, INT: 2, QUIT: 3, KILL: 9, USR1: 10, USR2: 12, TERM: 15 };
const signalName = (text: string) => {
  const name = text.replace(/^SIG/, '').toUpperCase();
  return Object.entries(SIGNAL_NUMBERS).find(([key, number]) => key === name || String(number) === text)?.[0] ?? name;
};

/** A shell pattern as a regular expression. */
function patternExpression(pattern: string, anchors: [string, string] = ['^', '$'], lazy = false): RegExp {
  const body = pattern
    .replaceAll(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', lazy ? '[\\s\\S]*?' : '[\\s\\S]*')
    .replaceAll('?', '[\\s\\S]');
  return new RegExp(`${anchors[0]}${body}${anchors[1]}`);
}

const stringify = (fields: readonly string[]) => fields.join(' ');

/**
 * A small POSIX shell that interprets: it starts no process, its commands are the applets given. Enough for start-up commands and probes.
 */
export class Shell {
  readonly #applets: Readonly<Record<string, Applet>>;
  readonly variables: Record<string, string>;
  readonly #exported: Set<string>;
  readonly #functions = new Map<string, Node>();
  readonly #jobs = new Set<Promise<number>>();
  readonly #traps = new Map<string, string>();
  readonly #signals: string[] = [];
  #wake: (() => void) | undefined;
  #positional: string[];
  #name: string;
  #status = 0;
  #errexit = false;
  #xtrace = false;

  constructor(applets: Readonly<Record<string, Applet>>, env: Record<string, string>, name = 'sh', positional: string[] = []) {
    this.#applets = applets;
    this.variables = { ...env };
    this.#exported = new Set(Object.keys(env));
    this.#name = name;
    this.#positional = positional;
  }

  /** A signal that the process got; without a trap it is ignored, as by the first process of a container. */
  signal(name: string): void {
    if (!this.#traps.has(name)) return;
    this.#signals.push(name);
    this.#wake?.();
  }

  /** Runs a script to its end. Resolves with the exit code. */
  async runScript(text: string, io: Io): Promise<number> {
    let code: number;
    try {
      code = await this.#run(parseShell(text), io);
    } catch (error) {
      if (error instanceof ExitShell) code = error.code;
      else if (error instanceof LeaveLoop) code = 0;
      else if (error instanceof ShellSyntaxError) {
        io.stderr(`${this.#name}: ${error.message}\n`);
        code = 2;
      } else throw error;
    }
    const onExit = this.#traps.get('EXIT');
    if (onExit === undefined) return code;
    this.#traps.delete('EXIT');
    try {
      await this.#run(parseShell(onExit), io);
    } catch (error) {
      if (error instanceof ExitShell) return error.code;
      throw error;
    }
    return code;
  }

  environment(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.variables).filter(([name]) => this.#exported.has(name)));
  }

  async #handleSignals(io: Io): Promise<void> {
    for (let name = this.#signals.shift(); name !== undefined; name = this.#signals.shift()) {
      const status = this.#status;
      await this.#run(parseShell(this.#traps.get(name) ?? ''), io);
      this.#status = status;
    }
  }

  async #run(node: Node, io: Io, tested = false): Promise<number> {
    switch (node.kind) {
      case 'sequence':
        for (const { node: command, background } of node.commands) {
          if (background) {
            const job = this.#subshell(command, io);
            this.#jobs.add(job);
            void job.finally(() => this.#jobs.delete(job));
            this.#status = 0;
          } else await this.#run(command, io, tested);
          if (this.#signals.length > 0) await this.#handleSignals(io);
        }
        return this.#status;
      case 'and':
        if ((await this.#run(node.left, io, true)) === 0) await this.#run(node.right, io, tested);
        return this.#status;
      case 'or':
        if ((await this.#run(node.left, io, true)) !== 0) await this.#run(node.right, io, tested);
        return this.#status;
      case 'pipeline':
        await this.#pipeline(node.commands, io, tested || node.negated);
        if (node.negated) this.#status = this.#status === 0 ? 1 : 0;
        return this.#status;
      case 'simple': {
        this.#status = await this.#simple(node, io);
        if (this.#status !== 0 && this.#errexit && !tested) throw new ExitShell(this.#status);
        return this.#status;
      }
      case 'function':
        this.#functions.set(node.name, node.body);
        this.#status = 0;
        return 0;
      default:
        return this.#compound(node, io, tested);
    }
  }

  async #compound(
    node: Exclude<Node, { kind: 'simple' | 'pipeline' | 'and' | 'or' | 'sequence' | 'function' }>,
    outer: Io,
    tested: boolean,
  ): Promise<number> {
    const redirected = await this.#redirect(node.redirections, outer);
    if (!redirected) {
      this.#status = 1;
      return 1;
    }
    const io = redirected;
    switch (node.kind) {
      case 'group':
        this.#status = node.subshell ? await this.#subshell(node.body, io) : await this.#run(node.body, io, tested);
        return this.#status;
      case 'if':
        for (const { condition, body } of node.branches) {
          if ((await this.#run(condition, io, true)) === 0) return this.#run(body, io, tested);
        }
        this.#status = 0;
        return node.otherwise ? this.#run(node.otherwise, io, tested) : 0;
      case 'loop':
        return this.#loop(async () => ((await this.#run(node.condition, io, true)) === 0) !== node.until, node.body, io, tested);
      case 'for': {
        const fields = node.words
          ? (await Promise.all(node.words.map(word => this.#fields(word, io)))).flat()
          : [...this.#positional];
        return this.#loop(
          async () => {
            const next = fields.shift();
            if (next !== undefined) this.variables[node.name] = next;
            return next !== undefined;
          },
          node.body,
          io,
          tested,
        );
      }
      case 'case': {
        const subject = await this.#text(node.word, io);
        this.#status = 0;
        for (const { patterns, body } of node.clauses) {
          for (const pattern of patterns) {
            if (patternExpression(await this.#text(pattern, io)).test(subject)) return this.#run(body, io, tested);
          }
        }
        return 0;
      }
    }
  }

  async #loop(proceed: () => Promise<boolean>, body: Node, io: Io, tested: boolean): Promise<number> {
    let status = 0;
    try {
      while (await proceed()) {
        // A loop without a pause must leave room for signals and timers.
        await new Promise(resolve => setImmediate(resolve));
        if (this.#signals.length > 0) await this.#handleSignals(io);
        try {
          status = await this.#run(body, io, tested);
        } catch (error) {
          if (!(error instanceof LeaveLoop) || !error.again || error.depth > 1) throw error;
        }
      }
    } catch (error) {
      if (!(error instanceof LeaveLoop)) throw error;
      if (error.depth > 1) {
        error.depth--;
        throw error;
      }
      status = 0;
    }
    this.#status = status;
    return status;
  }

  async #subshell(node: Node, io: Io): Promise<number> {
    const shell = new Shell(this.#applets, this.variables, this.#name, [...this.#positional]);
    shell.#errexit = this.#errexit;
    shell.#status = this.#status;
    for (const [name, body] of this.#functions) shell.#functions.set(name, body);
    try {
      return await shell.#run(node, io);
    } catch (error) {
      if (error instanceof ExitShell) return error.code;
      throw error;
    }
  }

  /** Each command's whole output becomes the next one's input. */
  async #pipeline(commands: readonly Node[], io: Io, tested: boolean): Promise<void> {
    let input = io.stdin;
    for (const [index, command] of commands.entries()) {
      const last = index === commands.length - 1;
      const output: string[] = [];
      const stdout = last ? io.stdout : (text: string) => void output.push(text);
      const part = { stdin: input, stdout, stderr: io.stderr };
      this.#status = last && commands.length === 1 ? await this.#run(command, part, tested) : await this.#subshell(command, part);
      input = { text: output.join('') };
    }
  }

  async #redirect(redirections: readonly Redirection[], io: Io): Promise<Io | undefined> {
    const result = { ...io };
    for (const { fd, operator, target } of redirections) {
      const path = await this.#text(target, io);
      try {
        if (operator === '<') result.stdin = { text: readFileSync(path, 'utf8') };
        else if (operator === '>&') {
          const source = path === '2' ? result.stderr : result.stdout;
          if (fd === 2) result.stderr = source;
          else result.stdout = source;
        } else {
          const discard = path === '/dev/null';
          const stream = path === '/dev/stdout' ? io.stdout : path === '/dev/stderr' ? io.stderr : undefined;
          const isOwnOutput = /^\/proc\/(1|self)\/fd\/[12]$/.test(path);
          if (!discard && !stream && !isOwnOutput) {
            if (operator === '>') writeFileSync(path, '');
            else appendFileSync(path, '');
          }
          const write =
            stream ??
            (isOwnOutput
              ? path.endsWith('2')
                ? io.stderr
                : io.stdout
              : discard
                ? () => {}
                : (text: string) => appendFileSync(path, text));
          if (fd === 2) result.stderr = write;
          else result.stdout = write;
        }
      } catch (error) {
        io.stderr(
          `${this.#name}: can't ${operator === '<' ? 'open' : 'create'} ${path}: ${operator === '<' ? 'no such file' : errorText(error)}\n`,
        );
        return undefined;
      }
    }
    return result;
  }

  async #simple(node: Extract<Node, { kind: 'simple' }>, outer: Io): Promise<number> {
    const io = await this.#redirect(node.redirections, outer);
    if (!io) return 1;
    const before = this.#status;
    const words: string[] = [];
    for (const word of node.words) words.push(...(await this.#fields(word, io)));
    const assigned: Record<string, string> = {};
    for (const { name, value } of node.assignments) assigned[name] = await this.#text(value, io);
    const [name, ...args] = words;
    if (this.#xtrace) io.stderr(`+ ${stringify(words)}\n`);
    if (name === undefined) {
      Object.assign(this.variables, assigned);
      // The status is that of a command substitution, if there was one.
      const substituted = node.assignments.some(({ value }) => value.some(part => part.kind === 'command'));
      return substituted ? this.#status : 0;
    }
    if (node.words.length > 0 && name === 'exit' && args.length === 0) this.#status = before;
    const special = await this.#special(name, args, io);
    if (special !== undefined) return special;
    const body = this.#functions.get(name);
    if (body) {
      const saved = this.#positional;
      this.#positional = args;
      try {
        return await this.#run(body, io);
      } catch (error) {
        if (error instanceof ReturnFromFunction) return error.code;
        throw error;
      } finally {
        this.#positional = saved;
      }
    }
    const base = name.replace(/^\/(usr\/)?s?bin\//, '');
    const [applet, rest] = base === 'busybox' ? [args[0] ?? '', args.slice(1)] : [base, args];
    const run = Object.hasOwn(this.#applets, applet) ? this.#applets[applet] : undefined;
    if (!run) {
      io.stderr(`${this.#name}: ${name}: not found\n`);
      return 127;
    }
    return run(rest, io, { ...this.environment(), ...assigned });
  }

  /** Commands that change the shell itself. undefined when it is none of them. */
  async #special(name: string, args: readonly string[], io: Io): Promise<number | undefined> {
    const count = (fallback: number) => (args[0] === undefined ? fallback : Number.parseInt(args[0], 10) & 255);
    switch (name) {
      case ':':
        return 0;
      case 'exit':
        throw new ExitShell(count(this.#status));
      case 'return':
        throw new ReturnFromFunction(count(this.#status));
      case 'break':
      case 'continue':
        throw new LeaveLoop(count(1), name === 'continue');
      case 'exec': {
        if (args.length === 0) return 0;
        const word = (text: string): Word => [{ kind: 'text', text, quoted: true }];
        const code = await this.#simple({ kind: 'simple', assignments: [], words: args.map(word), redirections: [] }, io);
        throw new ExitShell(code);
      }
      case 'eval':
        return this.#run(parseShell(args.join(' ')), io);
      case 'export':
      case 'readonly':
      case 'local':
        for (const argument of args.filter(argument => !argument.startsWith('-'))) {
          const [variable = '', value] = argument.split(/=([\s\S]*)/);
          if (value !== undefined) this.variables[variable] = value;
          if (name === 'export') this.#exported.add(variable);
        }
        return 0;
      case 'unset':
        for (const argument of args) delete this.variables[argument];
        return 0;
      case 'cd':
        try {
          const directory = args[0] ?? this.variables['HOME'] ?? '/';
          if (!statSync(directory).isDirectory()) throw new Error('not a directory');
          process.chdir(directory);
          return 0;
        } catch {
          io.stderr(`${this.#name}: cd: can't cd to ${args[0]}: No such file or directory\n`);
          return 1;
        }
      case 'set':
        for (const argument of args) {
          if (/^[-+][a-z]*e/.test(argument)) this.#errexit = argument.startsWith('-');
          if (/^[-+][a-z]*x/.test(argument)) this.#xtrace = argument.startsWith('-');
        }
        if (args[0] === '--') this.#positional = args.slice(1);
        return 0;
      case 'shift':
        this.#positional = this.#positional.slice(count(1));
        return 0;
      case 'trap': {
        const [action = '-', ...signals] = args;
        for (const signal of signals.map(signal => (signal === '0' ? 'EXIT' : signalName(signal)))) {
          if (action === '-') this.#traps.delete(signal);
          else this.#traps.set(signal, action);
        }
        return 0;
      }
      case 'wait': {
        const interrupted = new Promise<void>(resolve => {
          this.#wake = resolve;
        });
        await Promise.race([Promise.all(this.#jobs), interrupted]);
        this.#wake = undefined;
        if (this.#signals.length === 0) return 0;
        await this.#handleSignals(io);
        return 143;
      }
      case 'read': {
        const { text } = io.stdin;
        const end = text.indexOf('\n');
        const line = end < 0 ? text : text.slice(0, end);
        io.stdin.text = end < 0 ? '' : text.slice(end + 1);
        const names = args.filter(argument => !argument.startsWith('-'));
        const fields = line.trim().split(/\s+/);
        names.forEach((variable, index) => {
          this.variables[variable] = index === names.length - 1 ? fields.slice(index).join(' ') : (fields[index] ?? '');
        });
        return end < 0 ? 1 : 0;
      }
      case 'command':
        if (args[0] === '-v') {
          const found = args[1] !== undefined && (Object.hasOwn(this.#applets, args[1]) || this.#functions.has(args[1]));
          if (found) io.stdout(`/bin/${args[1]}\n`);
          return found ? 0 : 127;
        }
        return undefined;
      case '.':
      case 'source':
        if (args[0] === undefined || !existsSync(args[0])) {
          io.stderr(`${this.#name}: .: can't open '${args[0]}': No such file or directory\n`);
          return 2;
        }
        return this.#run(parseShell(readFileSync(args[0], 'utf8')), io);
      default:
        return undefined;
    }
  }

  #variable(name: string): string | undefined {
    switch (name) {
      case '?':
        return String(this.#status);
      case '$':
        return '1';
      case '!':
        return '';
      case '#':
        return String(this.#positional.length);
      case '@':
      case '*':
        return this.#positional.join(' ');
      case '0':
        return this.#name;
      case '-':
        return '';
      default:
        return /^\d+$/.test(name) ? this.#positional[Number(name) - 1] : this.variables[name];
    }
  }

  async #expandVariable(part: Extract<Word[number], { kind: 'variable' }>, io: Io): Promise<string> {
    const value = this.#variable(part.name);
    const { operator } = part;
    const argument = () => this.#text(part.argument, io);
    if (operator === '') return value ?? '';
    if (operator === 'length') return String((value ?? '').length);
    const absent = value === undefined || (operator.startsWith(':') && value === '');
    switch (operator.at(-1)) {
      case '-':
        return absent ? argument() : value;
      case '+':
        return absent ? '' : argument();
      case '=':
        if (absent) this.variables[part.name] = await argument();
        return this.variables[part.name] ?? '';
      case '?':
        if (!absent) return value;
        io.stderr(`${this.#name}: ${part.name}: ${(await argument()) || 'parameter not set'}\n`);
        throw new ExitShell(2);
      case '%': {
        const pattern = await argument();
        const suffix = operator === '%%' ? patternExpression(pattern, ['', '$']) : undefined;
        const text = value ?? '';
        if (suffix) return text.replace(suffix, '');
        for (let start = text.length; start >= 0; start--)
          if (patternExpression(pattern).test(text.slice(start))) return text.slice(0, start);
        return text;
      }
      default:
        return (value ?? '').replace(patternExpression(await argument(), ['^', ''], operator === '#'), '');
    }
  }

  async #expandPart(part: Word[number], io: Io): Promise<string> {
    switch (part.kind) {
      case 'text':
        return part.text;
      case 'variable':
        return this.#expandVariable(part, io);
      case 'arithmetic':
        try {
          return String(arithmetic(await this.#text(part.text, io), name => this.#variable(name)));
        } catch (error) {
          io.stderr(`${this.#name}: ${(error as Error).message}\n`);
          throw new ExitShell(2);
        }
      case 'command': {
        const output: string[] = [];
        this.#status = await this.#subshell(part.script, { ...io, stdout: text => void output.push(text) });
        return output.join('').replace(/\n+$/, '');
      }
    }
  }

  /** A word as one text, without splitting. */
  async #text(word: Word, io: Io): Promise<string> {
    let text = '';
    for (const part of word) text += await this.#expandPart(part, io);
    return text;
  }

  /** A word as the fields it splits into. */
  async #fields(word: Word, io: Io): Promise<string[]> {
    const fields: string[] = [];
    let current: string | undefined;
    for (const part of word) {
      if (part.kind === 'variable' && part.name === '@' && part.quoted) {
        const [first, ...others] = this.#positional;
        if (first === undefined) continue;
        current = (current ?? '') + first;
        for (const other of others) {
          fields.push(current);
          current = other;
        }
        continue;
      }
      const text = await this.#expandPart(part, io);
      if (part.quoted || part.kind === 'text') {
        current = (current ?? '') + text;
        continue;
      }
      const pieces = text.split(/[ \t\n]+/);
      for (const [index, piece] of pieces.entries()) {
        if (index > 0 && current !== undefined) {
          fields.push(current);
          current = undefined;
        }
        if (piece !== '') current = (current ?? '') + piece;
      }
    }
    if (current !== undefined) fields.push(current);
    return fields;
  }
}
