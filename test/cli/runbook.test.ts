/** `rehearse runbook` as a user runs it: exit codes, streams, data for programs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageFile } from '../../src/package-file.ts';
import { createWorkplace, type Workplace } from './rehearse.ts';

let place: Workplace;
beforeAll(() => {
  place = createWorkplace();
  const write = (name: string, text: string) => writeFileSync(join(place.directory, name), text);
  write(
    'right.md',
    '## Wait\n```yaml rehearse\ndo: await-detection\n```\n## Look\n```yaml rehearse\nshow: pods\nphase: diagnosis\n```\n',
  );
  write('wrong.md', '## Look\n```sh\necho {{nobody}}\n```\n## Wait\n```yaml rehearse\ndo: verify\n```\n');
  write('broken.md', '## Look\n```yaml rehearse\nshwo: pods\n```\n');
});
afterAll(() => place.remove());

test('warnings go to stderr and are no failure', async () => {
  const { code, stdout, stderr } = await place.run('runbook', 'check', 'right.md');
  expect(code).toBe(0);
  expect(stdout).toBe('right.md: no mistakes\n');
  expect(stderr).toContain('warning: right.md:1:1: no step belongs to the phase rollback');
});

test('mistakes of all files are told at once, and end with exit code 2', async () => {
  const { code, stdout, stderr } = await place.run('runbook', 'check', 'broken.md', 'right.md', 'wrong.md');
  expect(code).toBe(2);
  expect(stdout).toBe('right.md: no mistakes\n');
  expect(stderr).toContain('broken.md:3:1: ');
  expect(stderr).toContain('wrong.md:3:6: the variable {{nobody}} is not defined');
});

test('for programs: every problem with its place, and the same exit code', async () => {
  const { code, stdout } = await place.run('runbook', 'check', 'broken.md', 'wrong.md', '--output', 'json');
  expect(code).toBe(2);
  const results: { file: string; problems: { severity: string; line: number; column: number }[] }[] = JSON.parse(stdout);
  expect(
    results.map(({ file, problems }) => [
      file,
      problems.filter(one => one.severity === 'error').map(one => [one.line, one.column]),
    ]),
  ).toEqual([
    ['broken.md', [[3, 1]]],
    ['wrong.md', [[3, 6]]],
  ]);
});

test('a runbook is shown: whole, one step, as data', async () => {
  const book = packageFile('runbooks', 'errors-after-deploy.md');
  const whole = await place.run('runbook', 'show', book);
  expect(whole.code).toBe(0);
  expect(whole.stdout).toContain('10  Keep the evidence');
  const one = await place.run('runbook', 'show', book, '--step', 'roll-back');
  expect(one.stdout).toContain(' 8  Roll back');
  expect(one.stdout).not.toContain('Keep the evidence');
  const { steps } = JSON.parse((await place.run('runbook', 'show', book, '--output', 'json')).stdout);
  expect(steps[7]).toMatchObject({ id: 'roll-back', does: 'rollback', expectedMs: 30_000, owner: 'rollback owner' });
});

test.each([
  [['runbook', 'show', 'none.md'], 'there is no such file'],
  [['runbook', 'show', 'right.md', '--step', 'lok'], 'did you mean look?'],
  [['runbook', 'show'], 'name one runbook to show'],
])('%s is told in words', async (args, words) => {
  const { code, stdout, stderr } = await place.run(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(words);
  expect(stderr).not.toMatch(/\n\s+at /);
});
