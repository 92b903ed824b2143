/** A person who follows a script: for each prompt the first line that fits is said and used up. */
import type { Person, Prompt, Reply, SideCommand } from '../../src/runbook/person.ts';

type Line = [prompt: string | Prompt['kind'], says: string];

export interface ScriptedPerson extends Person {
  /** Every prompt as it was shown: kind and text. */
  prompts: string[];
  told: string[];
  streamed: string[];
  /** Lines of the script that were never needed. */
  unsaid(): Line[];
}

/**
 * `['Roll back', ':done']`: at the prompt whose text, or the title of whose step, contains "Roll back". A prompt that waits, and has
 * no line, waits; any other without a line gets Enter, or yes.
 */
export function scriptedPerson(
  script: Line[],
  options: { name?: string; thinkMs?: number; sleep?: (ms: number) => Promise<void> } = {},
): ScriptedPerson {
  const left = [...script];
  const person: ScriptedPerson = {
    name: options.name ?? 'mira',
    prompts: [],
    told: [],
    streamed: [],
    unsaid: () => left,
    tell: text => void person.told.push(text),
    stream: line => void person.streamed.push(line),
    async prompt(prompt, signal) {
      const title = prompt.kind === 'step' ? prompt.step.title : prompt.text;
      person.prompts.push(`${prompt.kind}: ${title}`);
      signal.throwIfAborted();
      const index = left.findIndex(([fits]) => fits === prompt.kind || title.includes(fits));
      const [line] = index < 0 ? [] : left.splice(index, 1);
      if (!line && prompt.kind === 'waiting') {
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
      }
      await options.sleep?.(options.thinkMs ?? 0);
      return said(line?.[1] ?? (prompt.kind === 'confirm' ? 'yes' : ''), prompt);
    },
  };
  return person;
}

function said(text: string, prompt: Prompt): Reply {
  if (text === ':gone') throw new Error('the terminal is gone');
  const [, command, rest = ''] = /^:(\S+)\s*(.*)$/.exec(text) ?? [];
  if (command === undefined) return { kind: 'answer', text };
  if (!prompt.commands.includes(command as SideCommand)) throw new Error(`:${command} is not offered at "${prompt.text}"`);
  return { kind: 'command', command: command as SideCommand, text: rest };
}
