import { describe, expect, test } from 'vitest';
import { KeyDecoder } from '../../src/practice/keys.ts';
import { LineEditor } from '../../src/practice/line-editor.ts';
import { displayWidth } from '../../src/reporters/style.ts';

/** Types bytes as a terminal would send them; the line with `|` at the cursor. */
function type(bytes: string, editor = new LineEditor()): string {
  for (const key of new KeyDecoder().feed(Buffer.from(bytes), 0)) {
    if (key.kind === 'text') editor.insert(key.text);
    else if (key.name === 'enter') editor.take();
    else editor.press(key.name);
  }
  return `${editor.beforeCursor}|${editor.text.slice(editor.beforeCursor.length)}`;
}

const LEFT = '\u001b[D';
const UP = '\u001b[A';
const DOWN = '\u001b[B';

describe('editing a line', () => {
  test.each([
    ['insert in the middle', `nte${LEFT}${LEFT}o`, 'no|te'],
    ['backspace takes a whole character', `a👩‍💻\u007f`, 'a|'],
    ['an accent joins its letter and goes with it', 'e\u0301\u007f', '|'],
    ['Ctrl-A, Ctrl-K', 'all of it\u0001\u000b', '|'],
    ['Ctrl-U keeps what is behind the cursor', `note x${LEFT}\u0015`, '|x'],
    ['Ctrl-W takes a word and its spaces', 'note the db  \u0017', 'note the |'],
    ['Home, Delete', 'xab\u001b[H\u001b[3~', '|ab'],
    ['past the ends nothing happens', `${LEFT}${LEFT}a\u001b[C\u001b[C\u001b[3~`, 'a|'],
  ])('%s', (_, bytes, expected) => {
    expect(type(bytes)).toBe(expected);
  });

  test('what was typed before comes back, and what is being typed is not lost', () => {
    const editor = new LineEditor();
    type('first\rsecond\r', editor);
    expect(type(`half${UP}`, editor)).toBe('second|');
    expect(type(UP, editor)).toBe('first|');
    expect(type(UP, editor)).toBe('first|');
    expect(type(DOWN + DOWN, editor)).toBe('half|');
    expect(type(DOWN, editor)).toBe('half|');
  });

  test('empty lines and repetitions are not remembered', () => {
    const editor = new LineEditor();
    type('same\r\rsame\r', editor);
    expect(type(UP + UP, editor)).toBe('same|');
  });
});

describe('the part of a long line that is shown', () => {
  const shown = (editor: LineEditor, width: number) => editor.window(width, '…', character => character);

  test('a line that fits is shown whole', () => {
    const editor = new LineEditor();
    editor.insert('宽 ok');
    expect(shown(editor, 20)).toEqual({ text: '宽 ok', column: 5 });
  });

  test.each([10, 17, 40])('never wider than %d cells, and the cursor is always in it', width => {
    const editor = new LineEditor();
    editor.insert('ab宽👩‍💻cd'.repeat(12));
    for (let step = 0; step < 80; step++) {
      const { text, column } = shown(editor, width);
      expect(displayWidth(text)).toBeLessThanOrEqual(width);
      expect(column).toBeLessThan(width);
      expect(column).toBeGreaterThanOrEqual(0);
      editor.press('left');
    }
    expect(shown(editor, width).column).toBe(0);
  });
});
