/**
 * What the kubectl of this machine knows, asked of itself: its help lists commands and flags, and `--help` before a flag makes it
 * parse the flag without doing anything (https://github.com/spf13/cobra: flags are parsed before help is shown).
 */
import { devNull } from 'node:os';
import { execa } from 'execa';

export interface KubectlHelp {
  /** `rollout undo`: the command that the help is about; aliases are resolved. */
  command: string;
  subcommands: string[];
  /** With the dashes: `--namespace`, `-n`. */
  flags: Map<string, { takesValue: boolean }>;
}

export interface Kubectl {
  /** `v1.34.1` */
  version: string;
  /** Help of a command such as ['rollout', 'undo']; of the nearest known one when there is none of that name. */
  help(command: readonly string[]): Promise<KubectlHelp>;
  /** Whether it accepts a flag that its help does not list (deprecated flags are hidden). */
  accepts(command: readonly string[], flag: string): Promise<boolean>;
}

const TIMEOUT_MS = 10_000;
const found = new Map<string, Promise<Kubectl | undefined>>();

/** The kubectl at this path, or undefined when it does not answer. Asked once a process. */
export function installedKubectl(path: string): Promise<Kubectl | undefined> {
  let kubectl = found.get(path);
  if (!kubectl) {
    kubectl = ask(path);
    found.set(path, kubectl);
  }
  return kubectl;
}

async function ask(path: string): Promise<Kubectl | undefined> {
  const run = async (args: readonly string[]) => {
    // No cluster is asked: which one is current must not matter.
    const env = { KUBECONFIG: devNull, NO_COLOR: '1', TERM: 'dumb' };
    const result = await execa(path, args, { env, reject: false, timeout: TIMEOUT_MS, stdin: 'ignore' });
    return { good: !result.failed, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
  };
  const [said, options] = await Promise.all([run(['version', '--client', '--output=json']), run(['options'])]);
  const version = /"gitVersion":\s*"([^"]+)"/.exec(said.stdout)?.[1];
  if (version === undefined || !options.good) return undefined;
  const globalFlags = parseKubectlHelp(options.stdout).flags;
  const helps = new Map<string, Promise<KubectlHelp>>();
  const once = (key: string, make: () => Promise<KubectlHelp>) => {
    const made = helps.get(key) ?? make();
    helps.set(key, made);
    return made;
  };
  return {
    version,
    help: command =>
      once(command.join(' '), async () => {
        const help = parseKubectlHelp((await run([...command, '--help'])).stdout);
        return { ...help, flags: new Map([...globalFlags, ...help.flags]) };
      }),
    accepts: async (command, flag) => !/unknown (shorthand )?flag/.test((await run([...command, '--help', flag])).stderr),
  };
}

/** Reads what `kubectl COMMAND --help` and `kubectl options` print, of any version since 1.20. */
export function parseKubectlHelp(text: string): KubectlHelp {
  const flags: KubectlHelp['flags'] = new Map([
    ['--help', { takesValue: false }],
    ['-h', { takesValue: false }],
  ]);
  for (const [, short, long, value] of text.matchAll(/^\s{2,}(?:-(\w), )?--([\w-]+)=([^:]*).*:/gm)) {
    // --dry-run and its like stand for something without a value too; then the next word is not theirs.
    const takesValue = value !== 'true' && value !== 'false' && !OPTIONAL_VALUE.has(long ?? '');
    flags.set(`--${long}`, { takesValue });
    if (short) flags.set(`-${short}`, { takesValue });
  }
  // The root has its commands in groups ("Deploy Commands:"), the others in one.
  const lists = text.matchAll(/^[^\n]*(?:Commands(?: \([^)\n]*\))?|provided by plugins):\n((?: {2}\S+[^\n]*\n?)*)/gm);
  const subcommands = [...lists].flatMap(([, list = '']) => [...list.matchAll(/^ {2}([\w-]+)/gm)].map(line => line[1] as string));
  const usage = /^Usage:\n\s+kubectl((?: [a-z][\w-]*)*)/m.exec(text)?.[1] ?? '';
  return { command: usage.trim(), subcommands, flags };
}

const OPTIONAL_VALUE = new Set(['cascade', 'dry-run', 'validate']);
