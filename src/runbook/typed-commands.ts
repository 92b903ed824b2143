/** Every command that a runbook has people or the runner type, one by one: also those within scripts and fences marked `by-hand`. */
import type { Diagnostic } from '../errors/errors.ts';
import { parseCommandLines } from './command-line.ts';
import type { RunbookDocument, Step } from './document.ts';
import { at } from './parse.ts';

export interface TypedCommand {
  /** Program and arguments, quotes taken off; `{{name}}` and `$NAME` stand as written. */
  words: string[];
  /** Lines of the file that it is on. */
  firstLine: number;
  lastLine: number;
  step: Step | undefined;
  /** The runner types it; otherwise a person does. */
  executed: boolean;
}

export function typedCommands(document: RunbookDocument): TypedCommand[] {
  const found = document.sections.flatMap(({ step, fences }) => {
    const executed = step !== undefined && runsFences(step);
    const fromFences = fences.flatMap(fence =>
      simpleCommands(fence.text).map(({ words, line, lines }) => ({
        words,
        firstLine: fence.line + line,
        lastLine: fence.line + line + lines - 1,
        step,
        executed: executed && !fence.byHand,
      })),
    );
    return [...fromFences, ...(step ? fromSettings(step) : [])];
  });
  return found.sort((a, b) => a.firstLine - b.firstLine);
}

/** A diagnostic at a word of a command. */
export function atWord(document: RunbookDocument, command: TypedCommand, word: string): Diagnostic {
  const lines = document.source.split(/\r?\n/);
  for (let line = command.firstLine; line <= command.lastLine; line++) {
    const column = (lines[line - 1] ?? '').indexOf(word);
    if (column >= 0) return at(document.file, document.source, line, column + 1, word.length, '');
  }
  return at(document.file, document.source, command.firstLine, 1, 1, '');
}

function runsFences({ action, settings }: Step): boolean {
  return (action.kind === 'run' || action.kind === 'assert') && !fencedBySettings(action.commands, settings);
}

/** Commands written as `run:` in the settings, which then stand where the settings are. */
function fromSettings({ action, settings, ...step }: Step): TypedCommand[] {
  if (action.kind !== 'run' && action.kind !== 'assert') return [];
  if (!settings || !fencedBySettings(action.commands, settings)) return [];
  const sources = (action.commands.shell ? action.commands.scripts : action.commands.lines).map(one => one.source);
  const lastLine = settings.line + settings.text.split('\n').length - 1;
  return sources.flatMap(simpleCommands).map(({ words }) => ({
    words,
    firstLine: settings.line,
    lastLine,
    step: { action, settings, ...step },
    executed: true,
  }));
}

function fencedBySettings(
  commands: { shell: false; lines: { fileLine: number }[] } | { shell: true; scripts: { fileLine: number }[] },
  settings: Step['settings'],
): boolean {
  const [first] = commands.shell ? commands.scripts : commands.lines;
  return settings !== undefined && first?.fileLine === settings.line;
}

/** Words that stand before the command itself. */
const PREFIXES = new Set([
  'then',
  'do',
  'else',
  'elif',
  'if',
  'while',
  'until',
  '!',
  '{',
  'time',
  'sudo',
  'exec',
  'command',
  'nohup',
]);

/** Splits a text at the operators of a shell into commands without any. Good enough to look at them; never used to run them. */
function simpleCommands(text: string): { words: string[]; line: number; lines: number }[] {
  return parseCommandLines(withoutHereDocuments(text)).flatMap(({ source, line }) =>
    splitAtOperators(source).flatMap(piece => {
      const words = (parseCommandLines(piece)[0]?.words ?? []).map(word => word.map(part => part.text).join(''));
      let first = 0;
      while (PREFIXES.has(words[first] ?? '') || /^[A-Za-z_]\w*=/.test(words[first] ?? '')) first++;
      const rest = words.slice(first);
      return rest.length === 0 ? [] : [{ words: rest, line, lines: source.split('\n').length }];
    }),
  );
}

function withoutHereDocuments(text: string): string {
  let end: string | undefined;
  return text
    .split('\n')
    .map(line => {
      if (end !== undefined) {
        if (line.trim() === end) end = undefined;
        return '';
      }
      end = /<<-?\s*(['"]?)(\w+)\1/.exec(line)?.[2];
      return line;
    })
    .join('\n');
}

/** Outside quotes, at `|`, `&`, `;`, parentheses, backquotes and the ends of lines that do not go on; `<pod>` and `2>&1` are words. */
function splitAtOperators(source: string): string[] {
  const pieces: string[] = [''];
  let quote = '';
  for (let index = 0; index < source.length; index++) {
    const char = source[index] as string;
    const add = (text: string) => {
      pieces[pieces.length - 1] += text;
    };
    if (char === '\\') add(char + (source[++index] ?? ''));
    else if (quote) {
      if (char === quote) quote = '';
      add(char);
    } else if (char === '"' || char === "'") {
      quote = char;
      add(char);
    } else if (char === '&' && source[index - 1] === '>') add(char);
    else if ('|&;()`'.includes(char)) pieces.push('');
    else add(char);
  }
  return pieces.map(piece => piece.replace(/\$$/, '').trim()).filter(piece => piece !== '');
}
