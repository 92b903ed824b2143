/** What can be typed at a prompt beside an answer: the side commands of the drill, and those of the terminal itself. */
import { type Prompt, SIDE_COMMANDS, type SideCommand } from '../runbook/person.ts';

/** Commands that the terminal answers by itself; the drill does not hear of them. */
export const LOCAL_COMMANDS = {
  help: 'what can be typed here',
  more: 'the rest of the text of the step',
  status: 'clocks, step, signals, users and suspect, as lines',
} as const;
export type LocalCommand = keyof typeof LOCAL_COMMANDS;
export type AnyCommand = SideCommand | LocalCommand;

/**
 * The shortest form of each. Frequent ones have a letter; what ends or undoes something needs two, so that a slip does not do it.
 * Any longer beginning of the word that is not also that of another one works too.
 */
const SHORT: Record<AnyCommand, string> = {
  note: 'n',
  show: 's',
  cause: 'c',
  rollback: 'ro',
  back: 'b',
  repeat: 'r',
  done: 'd',
  skip: 'sk',
  alert: 'a',
  escalate: 'e',
  'hand-over': 'ha',
  hint: 'h',
  pause: 'p',
  quit: 'q',
  more: 'm',
  status: 'st',
  help: '?',
};

/** In the order in which they are shown: what helps to find the cause first, the way out last. */
const ORDER = Object.keys(SHORT) as AnyCommand[];

/** Has an answer of its own; there, side commands begin with a colon. */
export function isQuestion(prompt: Prompt): boolean {
  return prompt.kind === 'text' || prompt.kind === 'number' || prompt.kind === 'choice' || prompt.kind === 'confirm';
}

export function isLocal(command: AnyCommand): command is LocalCommand {
  return command in LOCAL_COMMANDS;
}

/** Of the commands that mean something at a prompt, the one that a word stands for. */
export function commandNamed(word: string, prompt: Prompt): AnyCommand | undefined {
  const typed = word.toLowerCase();
  if (typed === '') return undefined;
  const here = commandsHere(prompt);
  const exact = here.find(command => command === typed || SHORT[command] === typed);
  if (exact) return exact;
  const begun = here.filter(command => command.startsWith(typed) || command.replace('-', '').startsWith(typed));
  return begun.length === 1 ? begun[0] : undefined;
}

/** An answer in words that was rather meant as a command: all of it is a short form, or it begins with the whole word. */
export function looksLikeCommand(answer: string, prompt: Prompt): boolean {
  const [word = ''] = answer.toLowerCase().split(/\s/);
  return commandsHere(prompt).some(command => command === word || SHORT[command] === answer.toLowerCase());
}

/** A word that is a command somewhere, only not at this prompt. */
export function commandElsewhere(word: string): AnyCommand | undefined {
  const typed = word.toLowerCase();
  return ORDER.find(command => command === typed || SHORT[command] === typed);
}

export function commandsHere(prompt: Prompt): AnyCommand[] {
  return ORDER.filter(command => isLocal(command) || prompt.commands.includes(command));
}

/** `[n]ote`, `[ro]llback`: what has to be typed stands in brackets, so that no colour is needed to see it. */
function legendWord(command: AnyCommand): string {
  const short = SHORT[command];
  return command.startsWith(short) ? `[${short}]${command.slice(short.length)}` : `[${short}]${command}`;
}

/** The side commands of a prompt, for a line or two. */
export function legend(prompt: Prompt): string {
  const words = prompt.commands.length === 0 ? [] : commandsHere(prompt).filter(command => !isLocal(command));
  const begin = isQuestion(prompt) && words.length > 0 ? 'after a colon: ' : '';
  // Help first: it is what must not be left out when there is no room.
  return ['[?]help', begin + words.map(legendWord).join(' ')].join(' ').trimEnd();
}

/** One line per command: its forms and what it does. */
export function helpLines(prompt: Prompt): { command: string; text: string }[] {
  const colon = isQuestion(prompt) ? ':' : '';
  const words: Record<AnyCommand, string> = { ...SIDE_COMMANDS, ...LOCAL_COMMANDS };
  return commandsHere(prompt).map(command => ({
    command: `${colon}${SHORT[command]} ${colon}${command}`,
    text: words[command],
  }));
}

/** What `show` can show, for completion. */
export const SHOWN = ['changes', 'pods', 'events', 'logs', 'service-level'] as const;
