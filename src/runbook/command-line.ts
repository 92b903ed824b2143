/**
 * Reads the lines of a shell fence without a shell: words, quotes, comments and continued lines as POSIX sh has them, and
 * nothing that only a shell can do. What a shell would be needed for is named, so that the author can say `shell: true`.
 */

/** A piece of a word: text as it stands, or one where variables are put in. */
export interface WordPart {
  text: string;
  /** Single quotes and backslashes keep `$` as it is; `{{name}}` is put in everywhere. */
  literal: boolean;
}

export interface CommandLine {
  /** As written, for people. */
  source: string;
  /** Line within the fence's text, from 0. */
  line: number;
  words: WordPart[][];
  /** Why it needs a shell ("a pipe"), when it does. */
  needsShell: string | undefined;
}

const OPERATORS: [string, string][] = [
  ['&&', 'two commands joined by &&'],
  ['||', 'two commands joined by ||'],
  ['|', 'a pipe'],
  ['<<', 'a here-document'],
  ['>', 'a redirection'],
  ['<', 'a redirection'],
  ['&', 'a command in the background'],
  [';', 'several commands on one line'],
  ['$(', 'a command substitution'],
  ['(', 'a subshell'],
  [')', 'a subshell'],
  ['`', 'a command substitution'],
];

const KEYWORDS = new Set([
  'if',
  'for',
  'while',
  'until',
  'case',
  'function',
  'cd',
  'export',
  'source',
  '.',
  'alias',
  'set',
  'unset',
  'eval',
  '{',
  '[[',
]);

/** The commands of a fence, one a line; a line that ends in a backslash or within quotes goes on with the next. */
export function parseCommandLines(text: string): CommandLine[] {
  const commands: CommandLine[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const start = index;
    let source = lines[index] ?? '';
    let scan = scanWords(source);
    while (scan.open && index + 1 < lines.length) {
      source += `\n${lines[++index]}`;
      scan = scanWords(source);
    }
    if (scan.words.length === 0 && scan.needsShell === undefined) continue;
    const needsShell = scan.open === 'quote' ? 'a quote that is never closed' : scan.needsShell;
    commands.push({ source: source.trim(), line: start, words: scan.words, needsShell });
  }
  return commands;
}

interface Scan {
  words: WordPart[][];
  needsShell: string | undefined;
  /** The line goes on: within quotes, or after a backslash at its end. */
  open: 'quote' | 'backslash' | undefined;
}

function scanWords(source: string): Scan {
  const words: WordPart[][] = [];
  let word: WordPart[] | undefined;
  let needsShell: string | undefined;
  const shell = (why: string) => {
    needsShell ??= why;
  };
  const add = (text: string, literal: boolean) => {
    word ??= [];
    const last = word.at(-1);
    if (last && last.literal === literal) last.text += text;
    else word.push({ text, literal });
  };
  const end = () => {
    if (word) words.push(word);
    word = undefined;
  };
  let at = 0;
  while (at < source.length) {
    const char = source[at] as string;
    const rest = source.slice(at);
    const variable = /^\{\{\s*[A-Za-z][\w-]*\s*\}\}/.exec(rest)?.[0];
    if (variable) {
      add(variable, false);
      at += variable.length;
    } else if (char === '\\') {
      if (at + 1 === source.length) return { words: endWith(), needsShell, open: 'backslash' };
      if (source[at + 1] !== '\n') add(source[at + 1] as string, true);
      at += 2;
    } else if (char === "'") {
      const close = source.indexOf("'", at + 1);
      if (close < 0) return { words: endWith(), needsShell, open: 'quote' };
      add(source.slice(at + 1, close), true);
      at = close + 1;
    } else if (char === '"') {
      add('', false);
      at++;
      while (at < source.length && source[at] !== '"') {
        const escaped = source[at] === '\\' && '"\\$`\n'.includes(source[at + 1] ?? ' ');
        if (escaped) {
          if (source[at + 1] !== '\n') add(source[at + 1] as string, true);
          at += 2;
          continue;
        }
        if (source[at] === '`' || source.startsWith('$(', at)) shell('a command substitution');
        add(source[at] as string, false);
        at++;
      }
      if (at >= source.length) return { words: endWith(), needsShell, open: 'quote' };
      at++;
    } else if (/\s/.test(char)) {
      end();
      at++;
    } else if (char === '#' && word === undefined) {
      const newline = source.indexOf('\n', at);
      at = newline < 0 ? source.length : newline;
    } else {
      const placeholder = /^<[A-Za-z][\w .:/-]*>/.exec(rest)?.[0];
      if (placeholder) {
        shell(`a placeholder that a person fills in: ${placeholder}`);
        add(placeholder, true);
        at += placeholder.length;
        continue;
      }
      const operator = OPERATORS.find(([sign]) => rest.startsWith(sign));
      if (operator) {
        shell(operator[1]);
        at += operator[0].length;
        continue;
      }
      if ('*?['.includes(char) && looksLikeGlob(source, at)) shell('a pattern for file names');
      if (char === '~' && word === undefined) shell('a home directory (~)');
      add(char, false);
      at++;
    }
  }
  const finished = endWith();
  const first = finished[0]?.map(part => part.text).join('');
  if (first !== undefined && KEYWORDS.has(first)) shell(`\`${first}\`, which only a shell knows`);
  if (first !== undefined && /^[A-Za-z_]\w*=/.test(first)) shell('a variable set before the command');
  return { words: finished, needsShell, open: undefined };

  function endWith(): WordPart[][] {
    end();
    return words;
  }
}

/** `app=*` and `pods[0]` in a jsonpath are ordinary arguments unless unquoted where files could match; only a bare `*` or `*.ext` is one. */
function looksLikeGlob(source: string, at: number): boolean {
  if (source[at] !== '*') return false;
  const before = source[at - 1] ?? ' ';
  return /[\s/.]/.test(before);
}
