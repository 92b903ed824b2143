/** What a typed line means at a prompt. Pure. */
import type { Choice, Prompt, Reply } from '../runbook/person.ts';
import {
  type AnyCommand,
  commandElsewhere,
  commandNamed,
  commandsHere,
  isLocal,
  isQuestion,
  type LocalCommand,
  looksLikeCommand,
  SHOWN,
} from './commands.ts';

export type Reading =
  | { kind: 'reply'; reply: Reply }
  | { kind: 'local'; command: LocalCommand }
  /** Not understood, with what to do, in one line; the prompt stays. */
  | { kind: 'again'; message: string };

/**
 * At prompts that only Enter answers, side commands are typed as they are: `note it is the database`. At questions they begin with
 * a colon, `:note it is the database`, because everything else is the answer; an answer that begins with a colon is typed with two.
 *
 * @param refused the line before, when it was not taken: an answer that looks like a forgotten colon is taken the second time
 */
export function readLine(prompt: Prompt, line: string, refused?: string): Reading {
  const text = line.trim();
  if (text === '?' || text === ':?') return { kind: 'local', command: 'help' };
  if (text.startsWith(':') && !text.startsWith('::')) return readCommand(prompt, text.slice(1).trim(), true);
  if (!isQuestion(prompt)) return text === '' ? readEnter(prompt) : readCommand(prompt, text, false);
  const answer = text.startsWith('::') ? text.slice(1) : text;
  switch (prompt.kind) {
    case 'number':
      return readNumber(prompt, answer);
    case 'choice':
      return readChoice(prompt.choices, answer);
    case 'confirm':
      return readConfirmation(answer);
    default:
      if (answer === '' && !(prompt.kind === 'text' && prompt.optional))
        return again('an answer is needed; ? shows what else can be typed');
      if (line !== refused && looksLikeCommand(answer, prompt)) {
        return again(`as a command it begins with a colon, “:${answer}”; once more takes it as the answer`);
      }
      return answered(answer);
  }
}

function readEnter(prompt: Prompt): Reading {
  if (prompt.kind === 'waiting') return again('it goes on by itself; ? shows what can be typed meanwhile');
  return answered('');
}

function readCommand(prompt: Prompt, typed: string, colon: boolean): Reading {
  const [, word = '', text = ''] = /^(\S+)\s*([\s\S]*)$/.exec(typed) ?? [];
  const command = commandNamed(word, prompt);
  const mark = colon ? ':' : '';
  if (!command) {
    const elsewhere = commandElsewhere(word);
    if (elsewhere) return again(`“${mark}${elsewhere}” means nothing here; ? shows what can be typed`);
    const answer = isQuestion(prompt) ? '; an answer that begins with a colon is typed with two' : '';
    return again(`“${mark}${word}” is no command here${answer}; ? shows what can be typed`);
  }
  return isLocal(command) ? { kind: 'local', command } : { kind: 'reply', reply: { kind: 'command', command, text } };
}

function readNumber({ min, max }: { min?: number | undefined; max?: number | undefined }, answer: string): Reading {
  const number = /^[-+]?(?:\d+(?:\.\d+)?|\.\d+)$/.test(answer) ? Number(answer) : Number.NaN;
  if (!Number.isFinite(number)) return again(`a number is needed${rangeText(min, max)}, such as ${min ?? max ?? 3}`);
  if ((min !== undefined && number < min) || (max !== undefined && number > max)) {
    return again(`${number} is out of range: a number${rangeText(min, max)} is needed`);
  }
  return answered(String(number));
}

/** ` from 1 to 5`, ` of at least 1`, ` of at most 5`, or nothing. */
export function rangeText(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return ` of at least ${min}`;
  return max === undefined ? '' : ` of at most ${max}`;
}

/** What stands before each choice. Letters where the choices are numbers themselves: "2" has to mean one thing. */
export function choiceKeys(choices: readonly Choice[]): string[] {
  const numeric = choices.some(choice => /^\d+$/.test(choice.value) || /^\d+$/.test(choice.label ?? ''));
  return choices.map((_, index) => (numeric && choices.length <= 26 ? String.fromCharCode(97 + index) : String(index + 1)));
}

export function choiceLabel(choice: Choice): string {
  return choice.label ?? choice.value;
}

function readChoice(choices: readonly Choice[], answer: string): Reading {
  const typed = answer.toLowerCase();
  const keys = choiceKeys(choices);
  const names = (choice: Choice) => [choice.value, choiceLabel(choice)].map(name => name.toLowerCase());
  const exact = choices.find((choice, index) => names(choice).includes(typed) || keys[index] === typed);
  if (exact) return answered(exact.value);
  const begun = typed === '' ? [] : choices.filter(choice => names(choice).some(name => name.startsWith(typed)));
  const [only] = begun;
  if (begun.length === 1 && only) return answered(only.value);
  const many = begun.length > 1 ? `“${answer}” fits ${begun.length} of them; ` : '';
  return again(`${many}choose by ${keys[0]} to ${keys.at(-1)}, or type the text of one`);
}

function readConfirmation(answer: string): Reading {
  const typed = answer.toLowerCase();
  if (typed === 'y' || typed === 'yes') return answered('yes');
  if (typed === 'n' || typed === 'no') return answered('no');
  return again('yes or no is needed: y or n');
}

function answered(text: string): Reading {
  return { kind: 'reply', reply: { kind: 'answer', text } };
}

function again(message: string): Reading {
  return { kind: 'again', message };
}

/** What a half-typed line can become: the line itself when there is nothing to add, and the candidates when there are several. */
export function complete(prompt: Prompt, line: string): { line: string; candidates: string[] } {
  const { stem, typed, candidates } = completions(prompt, line);
  const fitting = candidates.filter(candidate => candidate.toLowerCase().startsWith(typed.toLowerCase()));
  const [only] = fitting;
  if (only === undefined) return { line, candidates: [] };
  if (fitting.length === 1) return { line: `${stem}${only}`, candidates: [] };
  return { line: `${stem}${commonBeginning(fitting, typed)}`, candidates: fitting };
}

function completions(prompt: Prompt, line: string): { stem: string; typed: string; candidates: readonly string[] } {
  const colon = line.startsWith(':') ? ':' : '';
  const bare = !isQuestion(prompt);
  if (colon !== '' || bare) {
    const [, word = '', gap, text = ''] = /^(\S*)(\s+)?([\s\S]*)$/.exec(line.slice(colon.length)) ?? [];
    const commands: AnyCommand[] = commandsHere(prompt);
    if (gap === undefined) return { stem: colon, typed: word, candidates: commands };
    const arguments_ = commandNamed(word, prompt) === 'show' ? SHOWN : [];
    return { stem: `${colon}${word}${gap}`, typed: text, candidates: arguments_ };
  }
  if (prompt.kind === 'choice') {
    return {
      stem: '',
      typed: line,
      candidates: [...new Set(prompt.choices.flatMap(choice => [choiceLabel(choice), choice.value]))],
    };
  }
  if (prompt.kind === 'confirm') return { stem: '', typed: line, candidates: ['yes', 'no'] };
  return { stem: '', typed: line, candidates: [] };
}

function commonBeginning(words: readonly string[], typed: string): string {
  const [first = ''] = words;
  let length = first.length;
  while (length > typed.length && !words.every(word => word.slice(0, length) === first.slice(0, length))) length--;
  return length > typed.length ? first.slice(0, length) : typed;
}
