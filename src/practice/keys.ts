/** From the bytes that a terminal sends to keys. Chunks may end anywhere: inside a character, a sequence or a paste. */
import { StringDecoder } from 'node:string_decoder';
import { harmlessText } from '../record/harmless-text.ts';

export type KeyName =
  | 'enter'
  | 'tab'
  | 'backspace'
  | 'delete'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'home'
  | 'end'
  | 'word-left'
  | 'word-right'
  | 'delete-word-left'
  | 'delete-word-right'
  | 'delete-to-start'
  | 'delete-to-end'
  | 'interrupt'
  | 'end-of-input'
  | 'repaint';

export type Key = { kind: 'text'; text: string } | { kind: 'key'; name: KeyName };

const ESC = '\u001b';
const PASTE_BEGIN = `${ESC}[200~`;
const PASTE_END = `${ESC}[201~`;
/** More than anybody types into a note; a larger paste is cut. */
const PASTE_MOST = 20_000;
/** A sequence that is longer than this is none. */
const SEQUENCE_MOST = 64;
/** A sequence arrives in one go, give or take a slow line; an Escape that stands alone for longer was the key. */
const ESCAPE_MS = 150;

const CONTROLS: Record<string, KeyName> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\u0001': 'home',
  '\u0002': 'left',
  '\u0003': 'interrupt',
  '\u0004': 'end-of-input',
  '\u0005': 'end',
  '\u0006': 'right',
  '\u000b': 'delete-to-end',
  '\u000c': 'repaint',
  '\u000e': 'down',
  '\u0010': 'up',
  '\u0015': 'delete-to-start',
  '\u0017': 'delete-word-left',
};

/** By what follows the Escape: those of xterm, VT220, rxvt, the Linux console, screen and tmux. */
const SEQUENCES: Record<string, KeyName> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[H': 'home',
  '[F': 'end',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OH: 'home',
  OF: 'end',
  OM: 'enter',
  '[1~': 'home',
  '[7~': 'home',
  '[4~': 'end',
  '[8~': 'end',
  '[3~': 'delete',
  '[1;5C': 'word-right',
  '[1;3C': 'word-right',
  '[1;5D': 'word-left',
  '[1;3D': 'word-left',
  Oc: 'word-right',
  Od: 'word-left',
  b: 'word-left',
  f: 'word-right',
  d: 'delete-word-right',
  '\u007f': 'delete-word-left',
  '\b': 'delete-word-left',
};

const CSI = /^\u001b\[[0-?]*[ -/]*[@-~]/;
const CSI_BEGUN = /^\u001b\[[0-?]*[ -/]*$/;
const SS3 = /^\u001bO[ -~]/;
/** Answers of a terminal (OSC, DCS, APC, PM, SOS), to their end. */
const STRING = /^\u001b[\]PX^_][^\u0003\u0007\u001b]*(?:\u0007|\u001b\\)/;
const STRING_BEGUN = /^\u001b[\]PX^_][^\u0003\u0007\u001b]*\u001b?$/;
const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f\ufffd]+/;

export class KeyDecoder {
  readonly #utf8 = new StringDecoder('utf8');
  #rest = '';
  #restSince = 0;
  #paste: string | undefined;
  #endsWithReturn = false;

  /** @param atMs when the chunk came, ms of any clock that only goes forward */
  feed(chunk: Uint8Array, atMs: number): Key[] {
    const decoded = this.#utf8.write(Buffer.from(chunk));
    // Some send \r\n for one press.
    const text = this.#endsWithReturn && decoded.startsWith('\n') ? decoded.slice(1) : decoded;
    this.#endsWithReturn = decoded.endsWith('\r');
    const pressed = atMs - this.#restSince > ESCAPE_MS && isKeyByItself(this.#rest, text);
    let rest = (pressed ? '' : this.#rest) + text;
    const keys: Key[] = [];
    while (rest !== '') {
      const taken = this.#paste === undefined ? readKey(rest, keys) : this.#readPaste(rest, keys);
      if (taken === undefined) break;
      if (taken.pasteBegins) this.#paste = '';
      rest = rest.slice(taken.length);
    }
    this.#rest = rest;
    this.#restSince = atMs;
    return keys;
  }

  #readPaste(text: string, keys: Key[]): Taken | undefined {
    // Terminals take control characters out of what is pasted: this one was pressed, and must work even if the end never comes.
    const interrupted = text.indexOf('\u0003');
    const end = text.indexOf(PASTE_END);
    if (interrupted >= 0 && (end < 0 || interrupted < end)) {
      this.#paste = undefined;
      keys.push({ kind: 'key', name: 'interrupt' });
      return { length: interrupted + 1 };
    }
    const kept = end >= 0 ? end : text.length - overlap(text, PASTE_END);
    this.#paste = `${this.#paste}${text.slice(0, kept)}`.slice(0, PASTE_MOST);
    if (end < 0) return kept === 0 ? undefined : { length: kept };
    // A prompt has one line: what was several becomes one, and nothing of it is taken for a key.
    const pasted = harmlessText(this.#paste.replace(/\r/g, '\n'))
      .replace(/\s*\n\s*/g, ' ')
      .replace(/\t/g, ' ');
    if (pasted !== '') keys.push({ kind: 'text', text: pasted });
    this.#paste = undefined;
    return { length: end + PASTE_END.length };
  }
}

interface Taken {
  length: number;
  pasteBegins?: boolean;
}

/** Takes one key, or nothing as long as it is not whole. */
function readKey(text: string, keys: Key[]): Taken | undefined {
  if (text.startsWith(PASTE_BEGIN)) return { length: PASTE_BEGIN.length, pasteBegins: true };
  if (text.startsWith(ESC)) return readSequence(text, keys);
  const printable = PRINTABLE.exec(text)?.[0];
  if (printable !== undefined) {
    keys.push({ kind: 'text', text: printable });
    return { length: printable.length };
  }
  const name = CONTROLS[text.charAt(0)];
  if (name) keys.push({ kind: 'key', name });
  return { length: text.startsWith('\r\n') ? 2 : 1 };
}

function readSequence(text: string, keys: Key[]): Taken | undefined {
  if (text.length < SEQUENCE_MOST && (text === ESC || text === `${ESC}O` || CSI_BEGUN.test(text) || STRING_BEGUN.test(text))) {
    return undefined;
  }
  const string = STRING.exec(text)?.[0];
  if (string !== undefined) return { length: string.length };
  const sequence = CSI.exec(text)?.[0] ?? SS3.exec(text)?.[0] ?? text.slice(0, 2);
  const name = SEQUENCES[sequence.slice(1)];
  // Escape before another key, such as Ctrl-C or one with a sequence, says nothing by itself.
  if (!name && /^\u001b[\u0000-\u001f]/.test(sequence)) return { length: 1 };
  if (name) keys.push({ kind: 'key', name });
  return { length: sequence.length };
}

/** Escape, or Alt with a key that could begin an answer of the terminal, that stood alone for longer than a sequence is under way. */
function isKeyByItself(rest: string, next: string): boolean {
  return rest === ESC ? !/^[[O]/.test(next) : rest.length === 2 && STRING_BEGUN.test(rest);
}

/** How much of the end of `text` may be the beginning of `mark`. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--) {
    if (mark.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
