import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { InvalidInput } from '../../src/errors/errors.ts';
import { packageFile } from '../../src/package-file.ts';
import { parseScenario } from '../../src/scenario/load.ts';
import { seededRandom } from '../../src/shop/random.ts';

const folder = packageFile('scenarios');
const scenarios = readdirSync(folder)
  .filter(file => file.endsWith('.yaml'))
  .map(file => ({ file, text: readFileSync(join(folder, file), 'utf8') }));

const random = seededRandom('scenario fuzz 1');
const below = (count: number) => Math.floor(random.next() * count);
const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;

const SPLINTERS = [
  '\t',
  '\0',
  '\ufeff',
  '\r',
  '---\n',
  '...\n',
  ': ',
  '- ',
  '[',
  '{',
  ']',
  '}',
  '"',
  "'",
  '|',
  '>',
  '&a ',
  '*a ',
  '<<: ',
  '!!binary ',
  '!x ',
  '%YAML 9.9\n',
  '#',
  '? ',
  '\u2028',
  '😀',
  '\ud800',
  '__proto__: ',
  'null',
  '~',
  '1e999',
  '0x',
  '-',
  '\\',
];
const VALUES: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  '',
  ' ',
  'x',
  '5s',
  '10%',
  'deployment/x',
  [],
  {},
  [[]],
  [null],
  { kind: 'probe' },
  { '': 1 },
  'x'.repeat(5000),
  '\u0000',
  '../../../../etc/passwd',
  'buy',
  Number.NaN,
];

/** Characters changed, without regard for what they mean. */
function mangled(text: string): string {
  let result = text;
  for (let left = 1 + below(6); left > 0; left--) {
    const at = below(result.length + 1);
    const length = pick([0, 0, 1, 1, 5, 40, 400]);
    const cut = result.slice(at, at + length);
    result =
      result.slice(0, at) +
      pick([pick(SPLINTERS), '', cut + cut, String.fromCharCode(below(0x250)), pick(SPLINTERS).repeat(below(200))]) +
      result.slice(at + length);
  }
  return result;
}

/** Still YAML, but fields were removed, renamed, moved or given other values. */
function restructured(text: string): string {
  const root = parse(text) as unknown;
  for (let left = 1 + below(4); left > 0; left--) {
    const parents: (Record<string, unknown> | unknown[])[] = [];
    const walk = (value: unknown) => {
      if (value === null || typeof value !== 'object') return;
      parents.push(value as Record<string, unknown>);
      for (const child of Object.values(value)) walk(child);
    };
    walk(root);
    const parent = pick(parents) as Record<string, unknown>;
    const keys = Object.keys(parent);
    if (keys.length === 0) continue;
    const key = pick(keys);
    const action = below(5);
    if (action === 0) delete parent[key];
    else if (action === 1) parent[key] = pick(VALUES);
    else if (action === 2) parent[`${key}${pick(['s', 'x', ' ', '', '_'])}`] = parent[key];
    else if (action === 3) parent[key] = structuredClone(pick(parents));
    else if (Array.isArray(parent)) parent.push(...structuredClone(parent));
  }
  return stringify(root, { aliasDuplicateObjects: random.next() < 0.5 });
}

test('1,000 mutated scenarios are scenarios or mistakes with a place, never anything else', () => {
  let valid = 0;
  let mistakes = 0;
  for (let round = 0; round < 1000; round++) {
    const { file, text: original } = pick(scenarios);
    const text = round % 2 === 0 ? mangled(original) : restructured(original);
    try {
      parseScenario(file, text, folder);
      valid += 1;
    } catch (error) {
      if (!(error instanceof InvalidInput))
        throw new Error(`round ${round} threw ${String(error)} for:\n${text}`, { cause: error });
      expect(error.diagnostics.length).toBeGreaterThan(0);
      const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
      for (const diagnostic of error.diagnostics) {
        const { line, column, length, message, hint, source } = diagnostic;
        const inside = source === lines[line - 1] && column >= 1 && column <= source.length + 1 && length >= 1;
        // In our own words: nothing of the libraries, nothing of JavaScript.
        const foreign = /Invalid input|undefined|\[object|ZodError| {4}at |received/.test(`${message} ${hint ?? ''}`);
        if (!inside || foreign) expect.unreachable(`round ${round}: ${JSON.stringify(diagnostic)}`);
        mistakes += 1;
      }
    }
  }
  // Both ways are taken often, otherwise the mutations test nothing.
  expect(valid).toBeGreaterThan(20);
  expect(mistakes).toBeGreaterThan(1000);
});
