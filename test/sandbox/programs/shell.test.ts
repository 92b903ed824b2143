import { describe, expect, test } from 'vitest';
import { evaluateTest, fileApplets } from '../../../src/sandbox/programs/busybox/file-applets.ts';
import { Shell } from '../../../src/sandbox/programs/busybox/shell.ts';
import { systemApplets } from '../../../src/sandbox/programs/busybox/system-applets.ts';
import { textApplets } from '../../../src/sandbox/programs/busybox/text-applets.ts';

async function run(script: string, env: Record<string, string> = {}, args: string[] = []) {
  const output: string[] = [];
  const errors: string[] = [];
  const shell = new Shell({ ...textApplets, ...fileApplets, ...systemApplets }, env, 'sh', args);
  const code = await shell.runScript(script, {
    stdin: { text: '' },
    stdout: text => void output.push(text),
    stderr: text => void errors.push(text),
  });
  return { code, out: output.join(''), err: errors.join('') };
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: shell text
describe('a container command', () => {
  test.each([
    ['echo boom; exit 3', 'boom\n', 3],
    ['A=1; B="x  y"; echo $A "$B" $B ${C:-def} ${#B} $((A + 2 * 3)) $(echo hi | tr a-z A-Z)', '1 x  y x y def 4 7 HI\n', 0],
    ['for i in 1 2 3; do [ $i = 2 ] && continue; echo -n "$i "; done', '1 3 ', 0],
    ['i=0; while [ $i -lt 5 ]; do i=$((i+1)); if [ $i -ge 3 ]; then break; fi; done; echo $i', '3\n', 0],
    ['until true; do echo no; done; false || echo or; true && echo and; ! false && echo neg', 'or\nand\nneg\n', 0],
    ['case "$1" in a*|b) echo A;; *) echo other;; esac', 'A\n', 0],
    ['f() { echo "f $1"; return 4; }; f q; echo $?', 'f q\n4\n', 0],
    ['(exit 5); echo $?; x=$(false); echo $?', '5\n1\n', 0],
    ['set -e; false; echo not reached', '', 1],
    ['seq 3 | while read n; do echo "got $n"; done', 'got 1\ngot 2\ngot 3\n', 0],
    ['x=/a/b.txt; echo ${x##*/} ${x%.txt} ${x%%/*} ${x#/}', 'b.txt /a/b a/b.txt\n', 0],
    ["trap 'echo bye' EXIT; echo run", 'run\nbye\n', 0],
    ['printf "%s-%03d\\n" a 5', 'a-005\n', 0],
    ['# comment\necho "two\nlines" \\\n end', 'two\nlines end\n', 0],
    ['echo "$@" $# ; shift; echo $1', 'abc d 2\nd\n', 0],
    ['sleep 0.01 & wait; echo waited', 'waited\n', 0],
    ['exec echo last; echo never', 'last\n', 0],
    ['echo \'single $A\' "double \\$A" back\\ slash', 'single $A double $A back slash\n', 0],
    ['{ echo a; echo b; } | wc -l', '2\n', 0],
  ])('%s', async (script, out, code) => {
    const result = await run(script, {}, ['abc', 'd']);
    expect({ out: result.out, code: result.code, err: result.err }).toEqual({ out, code, err: '' });
  });

  test('a command that does not exist is 127, a syntax error is 2', async () => {
    expect(await run('nosuch x')).toEqual({ code: 127, out: '', err: 'sh: nosuch: not found\n' });
    expect(await run('if then')).toMatchObject({ code: 2, err: expect.stringContaining('syntax error') });
  });

  test('runs nothing of this machine', async () => {
    for (const command of ['/usr/bin/id -u', '/bin/bash -c "echo x"', 'node -e 0', 'constructor', '__proto__']) {
      const { code, out } = await run(command);
      if (command.startsWith('/usr/bin/id'))
        expect(out).toBe('0\n'); // The applet of that name, which always says root.
      else expect(code).toBe(127);
    }
  });

  test('env reaches commands only when exported', async () => {
    expect((await run('A=1; printenv A; export A; printenv A; B=2 printenv B', { C: 'x' })).out).toBe('1\n2\n');
  });

  test('a trap runs when the signal comes', async () => {
    const output: string[] = [];
    const shell = new Shell({ ...textApplets, ...systemApplets }, {});
    const ended = shell.runScript("trap 'echo term; exit 0' TERM; echo up; while true; do sleep 0.01; done", {
      stdin: { text: '' },
      stdout: text => {
        output.push(text);
        if (text === 'up\n') setTimeout(() => shell.signal('TERM'), 20);
      },
      stderr: () => {},
    });
    expect(await ended).toBe(0);
    expect(output.join('')).toBe('up\nterm\n');
  });
});

// biome-ignore-end lint/suspicious/noTemplateCurlyInString: shell text

test('test compares text and numbers', () => {
  for (const [expression, value] of [
    ['a = a', true],
    ['a != a', false],
    ['10 -gt 9', true],
    ['! -z x', true],
    ['-n x -a 1 -eq 1', true],
    ['-n  -o 1 -eq 2', true],
  ] as const) {
    expect(evaluateTest(expression.split(' ').filter(Boolean)), expression).toBe(value);
  }
  expect(() => evaluateTest(['a', '-lt', '1'])).toThrow('bad number');
});
