/** A word's parts before expansion. `quoted` ones are never split into fields. */
export type WordPart =
  | { kind: 'text'; text: string; quoted: boolean }
  | { kind: 'variable'; name: string; operator: string; argument: Word; quoted: boolean }
  | { kind: 'command'; script: Node; quoted: boolean }
  | { kind: 'arithmetic'; text: Word; quoted: boolean };
export type Word = WordPart[];

export interface Redirection {
  fd: number;
  operator: '>' | '>>' | '<' | '>&';
  target: Word;
}

export type Node =
  | { kind: 'simple'; assignments: { name: string; value: Word }[]; words: Word[]; redirections: Redirection[] }
  | { kind: 'pipeline'; commands: Node[]; negated: boolean }
  | { kind: 'and' | 'or'; left: Node; right: Node }
  | { kind: 'sequence'; commands: { node: Node; background: boolean }[] }
  | { kind: 'if'; branches: { condition: Node; body: Node }[]; otherwise: Node | undefined; redirections: Redirection[] }
  | { kind: 'loop'; condition: Node; until: boolean; body: Node; redirections: Redirection[] }
  | { kind: 'for'; name: string; words: Word[] | undefined; body: Node; redirections: Redirection[] }
  | { kind: 'case'; word: Word; clauses: { patterns: Word[]; body: Node }[]; redirections: Redirection[] }
  | { kind: 'group'; body: Node; subshell: boolean; redirections: Redirection[] }
  | { kind: 'function'; name: string; body: Node };

export class ShellSyntaxError extends Error {}

type Token = { type: 'word'; word: Word; text: string } | { type: 'operator'; text: string } | { type: 'end'; text: string };

const OPERATORS = ['&&', '||', ';;', '>>', '>&', '<&', '&>', '\n', ';', '&', '|', '<', '>', '(', ')'];
const NAME = /[A-Za-z0-9_]/;

/** Reads shell text: the part of POSIX that start-up commands and probes use. */
class Reader {
  readonly #text: string;
  #at = 0;
  #token: Token | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  parseAll(): Node {
    const node = this.#list([]);
    const rest = this.#peek();
    if (rest.type !== 'end') throw this.#unexpected(rest);
    return node;
  }

  #unexpected(token: Token): ShellSyntaxError {
    return new ShellSyntaxError(
      `syntax error: unexpected ${token.type === 'end' ? 'end of file' : `"${token.text.replace('\n', 'newline')}"`}`,
    );
  }

  #peek(): Token {
    this.#token ??= this.#scan();
    return this.#token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#token = undefined;
    return token;
  }

  #isWord(...texts: string[]): boolean {
    const token = this.#peek();
    return token.type === 'word' && texts.includes(token.text);
  }

  #isOperator(...texts: string[]): boolean {
    const token = this.#peek();
    return token.type === 'operator' && texts.includes(token.text);
  }

  #expectWord(text: string): void {
    const token = this.#take();
    if (token.type !== 'word' || token.text !== text) throw this.#unexpected(token);
  }

  #skipNewlines(): void {
    while (this.#isOperator('\n')) this.#take();
  }

  #scan(): Token {
    const text = this.#text;
    for (;;) {
      const character = text[this.#at];
      if (character === ' ' || character === '\t' || character === '\r') this.#at++;
      else if (character === '\\' && text[this.#at + 1] === '\n') this.#at += 2;
      else if (character === '#') while (this.#at < text.length && text[this.#at] !== '\n') this.#at++;
      else break;
    }
    if (this.#at >= text.length) return { type: 'end', text: '' };
    const operator = OPERATORS.find(candidate => text.startsWith(candidate, this.#at));
    if (operator) {
      this.#at += operator.length;
      return { type: 'operator', text: operator };
    }
    const start = this.#at;
    const word = this.#word(character => /[\s;&|<>()]/.test(character));
    return { type: 'word', word, text: text.slice(start, this.#at) };
  }

  #word(ends: (character: string) => boolean, quotedByDefault = false): Word {
    const text = this.#text;
    const parts: Word = [];
    let literal = '';
    const flush = (quoted: boolean) => {
      if (literal !== '' || quoted) parts.push({ kind: 'text', text: literal, quoted });
      literal = '';
    };
    while (this.#at < text.length) {
      const character = text[this.#at] as string;
      if (ends(character)) break;
      if (character === '\\') {
        const next = text[this.#at + 1] ?? '';
        this.#at += 2;
        if (next === '\n') continue;
        if (quotedByDefault && !'$`"\\'.includes(next)) literal += `\\${next}`;
        else {
          flush(quotedByDefault);
          literal = next;
          flush(true);
        }
      } else if (character === "'" && !quotedByDefault) {
        flush(false);
        const end = text.indexOf("'", this.#at + 1);
        if (end < 0) throw new ShellSyntaxError('syntax error: unterminated quoted string');
        literal = text.slice(this.#at + 1, end);
        this.#at = end + 1;
        flush(true);
      } else if (character === '"' && !quotedByDefault) {
        flush(false);
        this.#at++;
        const inner = this.#word(candidate => candidate === '"', true);
        if (text[this.#at] !== '"') throw new ShellSyntaxError('syntax error: unterminated quoted string');
        this.#at++;
        parts.push({ kind: 'text', text: '', quoted: true }, ...inner);
      } else if (character === '$') {
        const part = this.#dollar(quotedByDefault);
        if (part) {
          flush(quotedByDefault);
          parts.push(part);
        } else {
          literal += '$';
          this.#at++;
        }
      } else if (character === '`') {
        flush(quotedByDefault);
        const end = text.indexOf('`', this.#at + 1);
        if (end < 0) throw new ShellSyntaxError('syntax error: EOF in backquote substitution');
        parts.push({ kind: 'command', script: parseShell(text.slice(this.#at + 1, end)), quoted: quotedByDefault });
        this.#at = end + 1;
      } else {
        literal += character;
        this.#at++;
      }
    }
    flush(quotedByDefault && parts.length === 0 && literal !== '');
    return parts.map(part => (quotedByDefault && part.kind === 'text' ? { ...part, quoted: true } : part));
  }

  /** The index after the bracket that closes the one at `open`. */
  #closing(open: number, left: string, right: string): number {
    let depth = 0;
    for (let index = open; index < this.#text.length; index++) {
      const character = this.#text[index];
      if (character === '\\') index++;
      else if (character === "'") {
        index = this.#text.indexOf("'", index + 1);
        if (index < 0) break;
      } else if (character === left) depth++;
      else if (character === right && --depth === 0) return index + 1;
    }
    throw new ShellSyntaxError(`syntax error: missing '${right}'`);
  }

  #dollar(quoted: boolean): WordPart | undefined {
    const text = this.#text;
    const start = this.#at;
    const next = text[start + 1] ?? '';
    if (text.startsWith('$((', start)) {
      const end = this.#closing(start + 1, '(', ')');
      this.#at = end;
      return { kind: 'arithmetic', text: new Reader(text.slice(start + 3, end - 2)).#word(() => false, true), quoted };
    }
    if (next === '(') {
      const end = this.#closing(start + 1, '(', ')');
      this.#at = end;
      return { kind: 'command', script: parseShell(text.slice(start + 2, end - 1)), quoted };
    }
    if (next === '{') {
      const end = this.#closing(start + 1, '{', '}');
      const body = text.slice(start + 2, end - 1);
      this.#at = end;
      const match = /^(#?)([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])((?::?[-=+?])|%%?|##?)?([\s\S]*)$/.exec(body);
      if (!match) throw new ShellSyntaxError('syntax error: bad substitution');
      const [, length, name = '', operator = '', argument = ''] = match;
      return {
        kind: 'variable',
        name,
        operator: length ? 'length' : operator,
        argument: new Reader(argument).#word(() => false, false),
        quoted,
      };
    }
    if (/[A-Za-z_]/.test(next)) {
      let end = start + 1;
      while (end < text.length && NAME.test(text[end] as string)) end++;
      this.#at = end;
      return { kind: 'variable', name: text.slice(start + 1, end), operator: '', argument: [], quoted };
    }
    if (/[0-9@*#?$!-]/.test(next)) {
      this.#at = start + 2;
      return { kind: 'variable', name: next, operator: '', argument: [], quoted };
    }
    return undefined;
  }

  #list(terminators: readonly string[]): Node {
    const commands: { node: Node; background: boolean }[] = [];
    for (;;) {
      while (this.#isOperator('\n', ';')) this.#take();
      const token = this.#peek();
      if (token.type === 'end' || (token.type === 'word' && terminators.includes(token.text))) break;
      if (token.type === 'operator' && (terminators.includes(token.text) || token.text === ')' || token.text === ';;')) break;
      const node = this.#andOr();
      const background = this.#isOperator('&');
      if (background) this.#take();
      commands.push({ node, background });
      if (!background && !this.#isOperator(';', '\n')) break;
    }
    return { kind: 'sequence', commands };
  }

  #andOr(): Node {
    let left = this.#pipeline();
    while (this.#isOperator('&&', '||')) {
      const kind = this.#take().text === '&&' ? 'and' : 'or';
      this.#skipNewlines();
      left = { kind, left, right: this.#pipeline() };
    }
    return left;
  }

  #pipeline(): Node {
    const negated = this.#isWord('!');
    if (negated) this.#take();
    const commands = [this.#command()];
    while (this.#isOperator('|')) {
      this.#take();
      this.#skipNewlines();
      commands.push(this.#command());
    }
    const [only] = commands;
    return commands.length === 1 && only && !negated ? only : { kind: 'pipeline', commands, negated };
  }

  #body(...terminators: string[]): Node {
    return this.#list(terminators);
  }

  #redirections(): Redirection[] {
    const found: Redirection[] = [];
    for (;;) {
      const redirection = this.#redirection();
      if (!redirection) return found;
      found.push(...redirection);
    }
  }

  #redirection(): Redirection[] | undefined {
    const token = this.#peek();
    let fd: number | undefined;
    if (token.type === 'word' && /^[012]$/.test(token.text) && /^[<>]/.test(this.#text.slice(this.#at))) {
      fd = Number(this.#take().text);
    }
    if (!this.#isOperator('>', '>>', '<', '>&', '&>', '<&')) return undefined;
    const operator = this.#take().text;
    const target = this.#take();
    if (target.type !== 'word') throw this.#unexpected(target);
    if (operator === '&>') {
      const one: Word = [{ kind: 'text', text: '1', quoted: false }];
      return [
        { fd: 1, operator: '>', target: target.word },
        { fd: 2, operator: '>&', target: one },
      ];
    }
    return [{ fd: fd ?? (operator.startsWith('<') ? 0 : 1), operator: operator as Redirection['operator'], target: target.word }];
  }

  #command(): Node {
    const token = this.#peek();
    if (token.type === 'operator' && token.text === '(') {
      this.#take();
      const body = this.#body(')');
      const close = this.#take();
      if (close.text !== ')') throw this.#unexpected(close);
      return { kind: 'group', body, subshell: true, redirections: this.#redirections() };
    }
    if (token.type === 'word') {
      switch (token.text) {
        case '{': {
          this.#take();
          const body = this.#body('}');
          this.#expectWord('}');
          return { kind: 'group', body, subshell: false, redirections: this.#redirections() };
        }
        case 'if':
          return this.#if();
        case 'while':
        case 'until': {
          const until = this.#take().text === 'until';
          const condition = this.#body('do');
          return { kind: 'loop', condition, until, body: this.#doBody(), redirections: this.#redirections() };
        }
        case 'for':
          return this.#for();
        case 'case':
          return this.#case();
      }
    }
    return this.#simple();
  }

  #doBody(): Node {
    this.#skipNewlines();
    this.#expectWord('do');
    const body = this.#body('done');
    this.#expectWord('done');
    return body;
  }

  #if(): Node {
    const branches: { condition: Node; body: Node }[] = [];
    let otherwise: Node | undefined;
    this.#take();
    for (;;) {
      const condition = this.#body('then');
      this.#expectWord('then');
      branches.push({ condition, body: this.#body('elif', 'else', 'fi') });
      if (this.#isWord('elif')) {
        this.#take();
        continue;
      }
      if (this.#isWord('else')) {
        this.#take();
        otherwise = this.#body('fi');
      }
      this.#expectWord('fi');
      return { kind: 'if', branches, otherwise, redirections: this.#redirections() };
    }
  }

  #for(): Node {
    this.#take();
    const name = this.#take();
    if (name.type !== 'word') throw this.#unexpected(name);
    this.#skipNewlines();
    let words: Word[] | undefined;
    if (this.#isWord('in')) {
      this.#take();
      words = [];
      for (let token = this.#peek(); token.type === 'word'; token = this.#peek()) {
        words.push(token.word);
        this.#take();
      }
    }
    while (this.#isOperator(';', '\n')) this.#take();
    return { kind: 'for', name: name.text, words, body: this.#doBody(), redirections: this.#redirections() };
  }

  #case(): Node {
    this.#take();
    const subject = this.#take();
    if (subject.type !== 'word') throw this.#unexpected(subject);
    this.#skipNewlines();
    this.#expectWord('in');
    this.#skipNewlines();
    const clauses: { patterns: Word[]; body: Node }[] = [];
    while (!this.#isWord('esac')) {
      if (this.#isOperator('(')) this.#take();
      const patterns: Word[] = [];
      for (;;) {
        const pattern = this.#take();
        if (pattern.type !== 'word') throw this.#unexpected(pattern);
        patterns.push(pattern.word);
        const separator = this.#take();
        if (separator.text === ')') break;
        if (separator.text !== '|') throw this.#unexpected(separator);
      }
      clauses.push({ patterns, body: this.#body('esac') });
      if (this.#isOperator(';;')) this.#take();
      this.#skipNewlines();
    }
    this.#expectWord('esac');
    return { kind: 'case', word: subject.word, clauses, redirections: this.#redirections() };
  }

  #simple(): Node {
    const assignments: { name: string; value: Word }[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      const found = this.#redirection();
      if (found) {
        redirections.push(...found);
        continue;
      }
      const token = this.#peek();
      if (token.type !== 'word') break;
      this.#take();
      const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(token.text);
      const [first] = token.word;
      if (words.length === 0 && assignment?.[1] && first?.kind === 'text' && !first.quoted) {
        const value: Word = [{ ...first, text: first.text.slice(assignment[0].length) }, ...token.word.slice(1)];
        assignments.push({ name: assignment[1], value });
        continue;
      }
      words.push(token.word);
      if (words.length === 1 && this.#isOperator('(') && /^[A-Za-z_][\w-]*$/.test(token.text)) {
        this.#take();
        const close = this.#take();
        if (close.text !== ')') throw this.#unexpected(close);
        this.#skipNewlines();
        return { kind: 'function', name: token.text, body: this.#command() };
      }
    }
    if (words.length + assignments.length + redirections.length === 0) throw this.#unexpected(this.#peek());
    return { kind: 'simple', assignments, words, redirections };
  }
}

/** @throws ShellSyntaxError with ash's text. */
export function parseShell(text: string): Node {
  return new Reader(text).parseAll();
}
