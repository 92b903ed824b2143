/** Commands and flags in a runbook that the kubectl of this machine does not have. */
import leven from 'leven';
import type { RunbookDocument } from './document.ts';
import type { Kubectl } from './kubectl.ts';
import type { Problem } from './problems.ts';
import { atWord, type TypedCommand, typedCommands } from './typed-commands.ts';

/** @param hasPlugin whether the program `kubectl-NAME` is on this machine */
export async function kubectlProblems(
  document: RunbookDocument,
  kubectl: Kubectl,
  hasPlugin: (name: string) => Promise<boolean>,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const command of typedCommands(document)) {
    if (command.words[0] !== 'kubectl') continue;
    for (const { word, message, hint } of await judge(command.words.slice(1), kubectl, hasPlugin)) {
      const severity = command.executed && !command.step?.optional ? 'error' : 'warning';
      problems.push({ ...atWord(document, command, word), severity, message, hint });
    }
  }
  return problems;
}

type Judgement = Pick<Problem, 'message' | 'hint'> & { word: TypedCommand['words'][number] };

async function judge(words: string[], kubectl: Kubectl, hasPlugin: (name: string) => Promise<boolean>): Promise<Judgement[]> {
  let help = await kubectl.help([]);
  let path: string[] = [];
  let settled = false;
  const unknown: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    if (word === '--') break;
    if (word.startsWith('-') && word !== '-') {
      const { flag, known, takesNext } = readFlag(word, help.flags);
      if (!known) unknown.push(flag);
      if (takesNext) index++;
      continue;
    }
    if (settled) continue;
    if (isVariable(word)) return [];
    if (path.length === 0 && !help.subcommands.includes(word)) {
      // A plugin takes what it likes, and asking it for help would run it.
      if (await hasPlugin(word)) return [];
      const message = `kubectl ${kubectl.version} has no command \`${word}\`, and no plugin kubectl-${word} is on this machine`;
      return [{ word, message, hint: nearest(word, help.subcommands) }];
    }
    if (path.length > 0 && help.subcommands.length === 0) {
      settled = true;
      continue;
    }
    const deeper = await kubectl.help([...path, word]);
    if (deeper.command.split(' ').length > path.length) {
      path = deeper.command.split(' ');
      help = deeper;
    } else {
      const message = `kubectl ${kubectl.version} has no command \`${[...path, word].join(' ')}\``;
      return [{ word, message, hint: nearest(word, help.subcommands) ?? `it has: ${help.subcommands.join(', ')}` }];
    }
  }
  const judgements: Judgement[] = [];
  for (const flag of new Set(unknown)) {
    // One before the command may be the command's own; and what is deprecated is not in the help, yet accepted.
    if (isVariable(flag) || readFlag(flag, help.flags).known || (await kubectl.accepts(path, flag))) continue;
    const message = `kubectl ${kubectl.version} does not know the flag \`${flag}\` of \`kubectl ${path.join(' ')}\``;
    const hint = nearest(flag, [...help.flags.keys()]) ?? `see \`kubectl ${[...path, '--help'].join(' ')}\``;
    judgements.push({ word: flag, message, hint });
  }
  return judgements;
}

/** `-it`, `-nshop`, `-n=shop`, `--namespace=shop`: the flag in question, and whether its value is the next word. */
function readFlag(
  word: string,
  flags: ReadonlyMap<string, { takesValue: boolean }>,
): { flag: string; known: boolean; takesNext: boolean } {
  if (word.startsWith('--')) {
    const [flag = word] = word.split('=');
    const entry = flags.get(flag);
    return { flag, known: entry !== undefined, takesNext: entry?.takesValue === true && !word.includes('=') };
  }
  for (let index = 1; index < word.length; index++) {
    const entry = flags.get(`-${word[index]}`);
    if (!entry) return { flag: `-${word[index]}`, known: false, takesNext: false };
    if (entry.takesValue || word[index + 1] === '=')
      return { flag: word, known: true, takesNext: entry.takesValue && index === word.length - 1 };
  }
  return { flag: word, known: true, takesNext: false };
}

function isVariable(word: string): boolean {
  return /\{\{|\$|^<.*>$/.test(word);
}

function nearest(word: string, names: string[]): string | undefined {
  const [best] = names
    .map(name => ({ name, distance: leven(word, name) }))
    .filter(({ distance, name }) => distance <= 2 && distance < name.replace(/^-+/, '').length)
    .sort((a, b) => a.distance - b.distance);
  return best && `did you mean \`${best.name}\`?`;
}
