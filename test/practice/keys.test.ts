import { describe, expect, test } from 'vitest';
import { type Key, KeyDecoder } from '../../src/practice/keys.ts';

/** Feeds chunks, each some ms after the one before; what comes out as text, and keys in angle brackets. */
function decode(chunks: readonly (string | Uint8Array)[], gapMs = 1): string {
  const decoder = new KeyDecoder();
  let atMs = 0;
  const keys: Key[] = [];
  for (const chunk of chunks) {
    atMs += gapMs;
    keys.push(...decoder.feed(typeof chunk === 'string' ? Buffer.from(chunk) : chunk, atMs));
  }
  return keys.map(key => (key.kind === 'text' ? key.text : `<${key.name}>`)).join('');
}

/** The same bytes, one at a time. */
const split = (text: string) => [...Buffer.from(text)].map(byte => Uint8Array.of(byte));

describe('what a terminal sends', () => {
  test.each([
    ['text and Enter', 'note it is slow\r', 'note it is slow<enter>'],
    ['a character of several bytes', 'né宽👩‍💻', 'né宽👩‍💻'],
    ['arrows of both modes', '\u001b[A\u001bOB\u001b[C\u001b[D', '<up><down><right><left>'],
    [
      'home and end of xterm, VT220 and rxvt',
      '\u001b[H\u001bOF\u001b[1~\u001b[4~\u001b[7~\u001b[8~',
      '<home><end><home><end><home><end>',
    ],
    [
      'control keys',
      '\u0001\u0005\u0015\u000b\u0017\u0003\u0004\u000c',
      '<home><end><delete-to-start><delete-to-end><delete-word-left><interrupt><end-of-input><repaint>',
    ],
    ['both backspaces', '\u007f\b', '<backspace><backspace>'],
    ['words by Ctrl and Alt', '\u001b[1;5C\u001b[1;5D\u001bb\u001bf', '<word-right><word-left><word-left><word-right>'],
    ['\\r\\n is one Enter', 'a\r\nb\n', 'a<enter>b<enter>'],
    ['keys that mean nothing here leave nothing behind', 'a\u001b[15~\u001b[200;5u\u001bx\u001b[I\u0000\u001fb', 'ab'],
    ['an answer of the terminal to somebody else', 'a\u001b]11;rgb:0000/0000/0000\u0007\u001b[?62;22cb', 'ab'],
    ['a paste with line breaks is text and no Enter', '\u001b[200~one\r\n  two\nthree\u001b[201~', 'one two three'],
    ['escape sequences inside a paste are not keys', '\u001b[200~a\u001b[2Jb\u001b[Ac\u0007\u001b[201~d', 'abcd'],
  ])('%s', (_, bytes, expected) => {
    expect(decode([bytes])).toBe(expected);
    // Nothing may depend on where chunks end.
    expect(decode(split(bytes))).toBe(expected);
  });

  test('\\r\\n of one press is one Enter, also when it is torn apart', () => {
    expect(decode(['a\r', '\nb'])).toBe('a<enter>b');
  });

  test('Escape that stands alone does not swallow the letter after it', () => {
    expect(decode(['\u001b', 'n'], 400)).toBe('n');
    // A slow line: the rest of a sequence that comes late is still its rest.
    expect(decode(['\u001b', '[A'], 400)).toBe('<up>');
  });

  test('whatever was pressed before, Ctrl-C interrupts', () => {
    for (const begun of ['\u001b', '\u001b[', '\u001b[1;', '\u001bO', '\u001b]', '\u001b]11;rgb', '\u001bP']) {
      expect(decode([begun, '\u0003'])).toContain('<interrupt>');
    }
  });

  test('Alt with a bracket does not swallow what is typed after it', () => {
    expect(decode(['\u001b]', 'note'], 400)).toBe('note');
  });

  test('a paste whose end never comes can be interrupted', () => {
    expect(decode(['\u001b[200~abc', 'def\u0003', 'x'])).toBe('<interrupt>x');
  });

  test('a huge paste is cut, and what follows it is read as usual', () => {
    const result = decode(['\u001b[200~', 'x'.repeat(3_000_000), '\u001b[201~\r']);
    expect(result).toMatch(/^x{20000}<enter>$/);
  });

  test('bytes that are no UTF-8 are dropped', () => {
    expect(decode([Uint8Array.of(0x61, 0xff, 0xfe, 0x62)])).toBe('ab');
  });

  test('a sequence that never ends does not swallow what is typed for ever', () => {
    expect(decode(['\u001b[', '1;'.repeat(100), 'abc'])).toMatch(/bc$/);
  });
});
