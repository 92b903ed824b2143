/** A prompt in words, for any terminal. Pure. */
import { harmlessLine, harmlessText } from '../record/harmless-text.ts';
import type { Style } from '../reporters/style.ts';
import type { Prompt } from '../runbook/person.ts';
import { choiceKeys, choiceLabel, rangeText } from './reading.ts';

/** What is asked, and how it is answered. */
export interface PromptText {
  /** What went wrong before, one or more lines. */
  error: string | undefined;
  question: string;
  /** One a line, with what is typed for it in front. */
  choices: string[];
  /** What answers it, as far as the question does not say so: "a number from 1 to 5", "y or n". */
  answer: string;
}

export function promptText(prompt: Prompt, style: Style): PromptText {
  return {
    error: prompt.kind === 'failed' ? style.plain(harmlessText(prompt.error).trim()) : undefined,
    question: style.plain(harmlessLine(prompt.text)),
    choices: prompt.kind === 'choice' ? choiceLines(prompt, style) : [],
    answer: howToAnswer(prompt),
  };
}

function choiceLines(prompt: Prompt & { kind: 'choice' }, style: Style): string[] {
  const keys = choiceKeys(prompt.choices);
  return prompt.choices.map((choice, index) => `${keys[index]}. ${style.plain(harmlessLine(choiceLabel(choice)))}`);
}

function howToAnswer(prompt: Prompt): string {
  switch (prompt.kind) {
    case 'number':
      return `a number${rangeText(prompt.min, prompt.max)}`;
    case 'choice':
      return `${choiceKeys(prompt.choices)[0]} to ${choiceKeys(prompt.choices).at(-1)}, or the text`;
    case 'confirm':
      return 'y or n';
    default:
      return '';
  }
}
