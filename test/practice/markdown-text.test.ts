import { describe, expect, test } from 'vitest';
import { markdownLines } from '../../src/practice/markdown-text.ts';
import { displayWidth, styleFor } from '../../src/reporters/style.ts';

const plain = styleFor({ colour: false, unicode: true });
const coloured = styleFor({ colour: true, unicode: true });
const lines = (markdown: string, width = 40) => markdownLines(markdown, width, plain);

describe('a runbook in the terminal', () => {
  test.each<[string, string, string[]]>([
    ['paragraphs are wrapped, line breaks of the file are none', 'One two\nthree.\n\nFour.', ['One two three.', '', 'Four.']],
    ['headings', '### Look at *pods*', ['Look at pods']],
    [
      'lists hang, nested and numbered',
      '3. three\n4. four\n   - deep\n- [x] done',
      ['3. three', '4. four', '   • deep', '', '• [x] done'],
    ],
    ['code keeps its spaces', '```sh\nkubectl get pods \\\n  -n shop\n```', ['    kubectl get pods \\', '      -n shop']],
    ['inline code keeps its marks where there is no colour', 'Run `kubectl  get`.', ['Run `kubectl get`.']],
    ['quotes', '> Do not panic.\n>\n> Really.', ['│ Do not panic.', '│', '│ Really.']],
    [
      'a link says where it leads, one within the file does not',
      'See [wiki](https://w.example) and [below](#end).',
      ['See wiki (https://w.example) and below.'],
    ],
    ['comments are not for readers', 'a\n\n<!-- b -->', ['a']],
    ['a table that fits', '| A | B |\n|---|:-:|\n| `x` | y |', ['A  B', 'x  y']],
    ['a rule', 'a\n\n---\n\nb', ['a', '', '────────────────────', '', 'b']],
  ])('%s', (_, markdown, expected) => {
    expect(lines(markdown)).toEqual(expected);
  });

  test('a long command can be copied from the screen as it is', () => {
    const [first = '', second = ''] = lines('```sh\nkubectl logs -n shop -l part-of=shop --tail=20\n```');
    expect([first, second]).toEqual(['    kubectl logs -n shop -l \\', '      part-of=shop --tail=20']);
  });

  test('a table that does not fit is a row after the other', () => {
    const table = '| What you see | What it is |\n|---|---|\n| Pending | requests that no node can hold |';
    expect(lines(table, 34)).toEqual(['What you see · What it is', 'Pending · requests that no node', '  can hold']);
  });

  test('emphasis has colour, and a painted text is never broken inside its colour', () => {
    const text = markdownLines('**very very important words** and *these* and `code`', 14, coloured);
    for (const line of text) {
      expect(displayWidth(line)).toBeLessThanOrEqual(14);
      const opened = line.match(/\u001b\[(?:1|4|36)m/g)?.length ?? 0;
      expect(line.match(/\u001b\[(?:22|24|39)m/g)?.length ?? 0).toBe(opened);
    }
    expect(text[0]).toBe('\u001b[1mvery\u001b[22m \u001b[1mvery\u001b[22m');
  });

  test.each([20, 40, 79])('no line of a wild text is wider than %d', width => {
    const wild = `# T\n\n${'word '.repeat(40)}\n\n- ${'x'.repeat(100)}\n  - ${'宽'.repeat(60)}\n\n\`\`\`\n${'y'.repeat(200)}\n\ttab\n\`\`\`\n\n> ${'q '.repeat(80)}`;
    for (const line of lines(wild, width)) expect(displayWidth(line)).toBeLessThanOrEqual(width);
  });

  test('escape sequences in a runbook are not passed on', () => {
    expect(lines('a \u001b[2J`b\u001b]0;x\u0007`').join('')).toBe('a `b`');
  });
});
