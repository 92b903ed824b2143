import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { InvalidInput } from '../../src/errors/errors.ts';
import { MAX_BYTES } from '../../src/yaml/document.ts';
import { parseYaml } from '../../src/yaml/parse.ts';

const schema = z.strictObject({
  title: z.string().min(1).describe('One line.'),
  wait: z
    .string()
    .regex(/^\d+s$/, 'a duration such as 10s')
    .optional(),
  port: z.union([z.number().int().min(1).max(65535), z.string().regex(/^[a-z]+$/, 'a name')]).optional(),
  count: z.number().int().min(1).max(9).optional(),
  on: z.boolean().optional(),
  items: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('run'), command: z.string() }),
        z.strictObject({ kind: z.literal('probe'), probe: z.string(), timeout: z.string().optional() }),
      ]),
    )
    .optional(),
  env: z.record(z.string().regex(/^[A-Z]+$/, 'capital letters'), z.string()).optional(),
});

/** Every mistake as "line:column message | hint", with the text that is underlined. */
function mistakes(text: string): string[] {
  try {
    parseYaml({ file: 'x.yaml', text }, schema);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInput);
    return (error as InvalidInput).diagnostics.map(
      ({ line, column, message, hint }) => `${line}:${column} ${message}${hint === undefined ? '' : ` | ${hint}`}`,
    );
  }
  return [];
}

test('a valid text gives the typed value, also with a byte order mark and Windows line endings', () => {
  expect(parseYaml({ file: 'x.yaml', text: '\ufefftitle: A\r\ncount: 3\r\n' }, schema)).toEqual({ title: 'A', count: 3 });
  expect(mistakes('\ufefftitle: A\r\ncuont: 3\r\n')).toEqual([
    expect.stringMatching(/^2:1 unknown field `cuont`.*did you mean `count`\?/),
  ]);
});

describe('where a mistake is shown and what it says', () => {
  test.each([
    ['title: A\nwait: 10', '2:7 `wait` must be a duration such as 10s, not the number 10 | did you mean `10s`?'],
    ['title: A\nwait: 10 s', '2:7 `wait` must be a duration such as 10s, not "10 s" | did you mean `10s`?'],
    ['title: A\nwait: 10 seconds', '2:7 `wait` must be a duration such as 10s, not "10 seconds" | did you mean `10s`?'],
    ['title: A\nwait:', '2:1 `wait` must be a duration such as 10s, not empty'],
    ['title: 7', '1:8 `title` must be text that is not empty, not the number 7 | write it in quotes: `"7"`'],
    [
      'title: yes\ntitle2: x',
      '2:1 unknown field `title2` in the document | allowed: `title`, `wait`, `port`, `count`, `on`, `items`, `env`',
    ],
    ['title: ""', '1:8 `title` must not be empty'],
    ['title: A\ncount: "3"', '2:8 `count` must be a whole number from 1 to 9, not "3" | write it without quotes: `3`'],
    ['title: A\ncount: 12', '2:8 `count` must be a whole number from 1 to 9, not the number 12'],
    ['title: A\ncount: 1.5', '2:8 `count` must be a whole number from 1 to 9, not the number 1.5'],
    ['title: A\nport: 70000', '2:7 `port` must be a whole number from 1 to 65535 or a name, not the number 70000'],
    ['title: A\non: "true"', '2:5 `on` must be true or false, not "true"'],
    ['title: A\nitems: x', '2:8 `items` must be a list, not "x"'],
    ['title: A\nitems: [1]', '2:9 item 1 of `items` must be a map of fields, not the number 1'],
    ['title: A\nenv: { a: "1" }', '2:8 the name `a` cannot be used: capital letters'],
    ['title: A\nenv: { A: 1 }', '2:11 `A` must be text, not the number 1 | write it in quotes: `"1"`'],
    [
      'title: A\nitems:\n  - kind: prob\n    probe: x',
      '3:11 `kind` cannot be "prob" | did you mean `probe`? allowed: `run`, `probe`',
    ],
    ['title: A\nitems:\n  - probe: x', '3:5 `kind` is missing | allowed: `run`, `probe`'],
    ['title: A\nitems:\n  - kind: run', '3:5 `command` is missing | wanted: text'],
    [
      'title: A\nitems:\n  - kind: run\n    comand: x',
      '4:5 unknown field `comand` in item 1 of `items` | did you mean `command`? allowed: `kind`, `command`',
    ],
    [
      'title: A\nitems:\n  - kind: probe\n    probe: x\n    tiemout: 1s',
      '5:5 unknown field `tiemout` in item 1 of `items` | did you mean `timeout`? allowed: `kind`, `probe`, `timeout`',
    ],
    ['count: 1', '1:1 `title` is missing | One line. wanted: text that is not empty'],
    ['- a', '1:1 the document must be a map of fields, not a list'],
    ['just text', '1:1 the document must be a map of fields, not "just text"'],
    ['title: A\n__proto__: 1', expect.stringMatching(/^2:1 unknown field `__proto__`/)],
    ['title: &a A\nwait: *a', '2:7 `wait` must be a duration such as 10s, not "A"'],
  ])('%j', (text, expected) => {
    expect(mistakes(text)).toEqual([expected]);
  });

  test('all at once, in the order of the text', () => {
    expect(mistakes('items:\n  - kind: run\n    command: 1\nwiat: 1s\ncount: 0\n').map(one => one.split(' ')[0])).toEqual([
      '1:1',
      '3:14',
      '4:1',
      '5:8',
    ]);
  });
});

describe('what is not readable as YAML', () => {
  test.each([
    ['', /^1:1 the file is empty/],
    ['# only a comment\n', /^1:1 the file is empty/],
    ['title: A\n\tcount: 1', /^2:1 .*tab/],
    ['title: A\ntitle: B', /^2:1 the field `title` stands here a second time \| keep one of the two/],
    ['title: a: b', /^1:8 not valid YAML.*\| text with a colon and a space in it goes in quotes/],
    ['title: "open', /^1:\d+ not valid YAML: missing closing "quote/],
    ['title: [1, 2', /^1:\d+ a `\[` before this is not closed/],
    ['title: A\n---\ntitle: B', /^3:1 a second document begins here/],
    ['title: *nowhere', /^1:8 the alias `\*nowhere` names no anchor/],
    ['title: !secret x', /^1:8 the tag `!secret` is not known/],
    ['title: A\0', /^1:9 not a text file: it holds the character U\+0000/],
    [Buffer.from([0x74, 0xff, 0xfe]).toString('utf8'), /^1:2 not UTF-8 text/],
    [`title: ${'x'.repeat(MAX_BYTES)}`, /^1:1 the file has \d+ bytes; more than \d+ are not read/],
    [`title: ${'['.repeat(5000)}`, /^1:\d+ nested deeper than 64 levels/],
    [`${'- '.repeat(5000)}x`, /nested deeper than 64 levels/],
    [Array.from({ length: 500 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), /nested deeper than 64 levels/],
    [
      `a: &a [${'x,'.repeat(9)}]\n${[...'bcdefgh'].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[at]}`)}]`).join('\n')}`,
      /unfold to too much data/,
    ],
  ])('%#', (text, expected) => {
    const found = mistakes(text);
    expect(found[0]).toMatch(expected);
  });

  test('thousands of mistakes are counted, not printed', () => {
    const found = mistakes('a: 1\n'.repeat(2000));
    expect(found).toHaveLength(50);
    expect(found.at(-1)).toContain('more mistakes follow');
  });
});

test('a snippet of a larger file is shown where it stands in that file', () => {
  const source = { file: 'book.md', text: 'title: A\ncount: x\n', line: 40, column: 4 };
  expect(() => parseYaml(source, schema)).toThrow(
    ['book.md:41:11: `count` must be a whole number from 1 to 9, not "x"', '  41 |    count: x', '     |           ^'].join('\n'),
  );
});

test('what a check finds is shown together with what the schema finds', () => {
  const check = () => [{ path: ['items', 0, 'command'], at: 'value' as const, message: 'no such command' }];
  try {
    parseYaml({ file: 'x.yaml', text: 'title: 1\nitems:\n  - kind: run\n    command: foo\n' }, schema, check);
    expect.unreachable();
  } catch (error) {
    expect((error as InvalidInput).diagnostics.map(({ line, column, length }) => [line, column, length])).toEqual([
      [1, 8, 1],
      [4, 14, 3],
    ]);
  }
});
