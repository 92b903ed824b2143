import { describe, expect, test } from 'vitest';
import { diffLines } from '../../src/report/diff.ts';
import { keepUnits } from '../../src/report/format.ts';
import { clean, trim } from '../../src/report/text.ts';

describe('text of others', () => {
  test('terminal escapes are dropped: colours, cursor, titles, links', () => {
    expect(
      clean(
        '\u001b[31mred\u001b[0m \u001b[2Kline \u001b]0;title\u0007\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\ \u009b1mbold',
      ),
    ).toBe('red line link bold');
  });

  test('control characters are shown, not obeyed', () => {
    expect(clean('a\u0000b\u0008c\u007f')).toBe('a\\x00b\\x08c\\x7f');
    expect(clean('10 %\r50 %\r\ndone\ttab')).toBe('10 %\n50 %\ndone\ttab');
  });

  test('characters that turn or hide text are shown by number', () => {
    expect(clean('user\u202etxt.exe\u2066x\u200b')).toBe('user‹U+202E›txt.exe‹U+2066›x‹U+200B›');
  });

  test('half of a character becomes a replacement, whole ones stay', () => {
    expect(clean('a\ud800b 😀')).toBe('a\ufffdb 😀');
  });

  test('a long text keeps head and tail and says what is missing', () => {
    const text = `${'a'.repeat(600)}${'b'.repeat(100_000)}${'c'.repeat(400)}`;
    const short = trim(text, 1000);
    expect(short.startsWith('a'.repeat(600))).toBe(true);
    expect(short.endsWith('c'.repeat(400))).toBe(true);
    expect(short).toContain('… 100,000 characters left out …');
    expect(trim('short', 1000)).toBe('short');
    expect(trim('😀'.repeat(50), 21)).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
  });

  test('a figure and its unit stay on one line', () => {
    expect(keepUnits('after 3.2 s, 35 % of 1 m 05 s, 4 months')).toBe(
      'after 3.2\u00a0s, 35\u00a0% of 1\u00a0m 05\u00a0s, 4 months',
    );
  });
});

describe('a diff', () => {
  test('knows what each line is', () => {
    expect(diffLines('--- a\n+++ b\n@@ -1 +1 @@\n same\n-old\n+new\n').map(line => line.kind)).toEqual([
      'file',
      'file',
      'hunk',
      'same',
      'remove',
      'add',
    ]);
  });
});
