import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageFile } from '../../src/package-file.ts';
import { checkRunbook } from '../../src/runbook/check.ts';
import { loadRunbook } from '../../src/runbook/load.ts';
import { step } from './following.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'runbook-check-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function problems(source: string): Promise<string[]> {
  const path = join(directory, 'book.md');
  await writeFile(path, source);
  return (await checkRunbook(path)).map(one => `${one.severity} ${one.line}:${one.column} ${one.message}`);
}

/** Every phase has a step, so that only what a test adds is told. */
const complete =
  step('Wait', 'do: await-detection') +
  step('Name', 'do: diagnose') +
  step('Back', 'do: rollback') +
  step('Verify', 'do: verify');

describe('the runbooks that ship', () => {
  test.each(['deploy-broken', 'errors-after-deploy', 'slow-after-deploy', 'out-of-memory'])(
    '%s can be followed and has no problem',
    async name => {
      const path = packageFile('runbooks', `${name}.md`);
      expect(await checkRunbook(path)).toEqual([]);
      const book = await loadRunbook(path);
      expect(book.phases).toEqual(['detection', 'diagnosis', 'rollback', 'verification']);
      for (const one of book.document.steps) {
        expect(one.owner, one.title).toBeDefined();
        expect(one.expectedMs, one.title).toBeGreaterThan(0);
      }
      // A fresh machine has no kubectl: nothing that is executed may need it.
      expect(book.document.steps.filter(one => one.action.kind === 'run' || one.action.kind === 'assert')).toEqual([]);
    },
  );
});

test('the example of the guide is a runbook that can be followed', async () => {
  const guide = await readFile(packageFile('docs', 'runbooks.md'), 'utf8');
  const example = /^````markdown\n(.*?)^````$/ms.exec(guide)?.[1] ?? '';
  const path = join(directory, 'example.md');
  await writeFile(path, example);
  expect((await loadRunbook(path)).stepCount).toBe(5);
  expect(
    (await checkRunbook(path)).filter(one => one.severity === 'error' || !one.message.includes('not on this machine')),
  ).toEqual([]);
});

describe('a check finds, before a drill does', () => {
  test('nothing in a runbook that is right', async () => {
    expect(await problems(complete)).toEqual([]);
  });

  test('a phase without a step', async () => {
    expect(await problems(step('Back', 'do: rollback'))).toEqual([
      'warning 1:1 no step belongs to the phase detection: its time will not be explained by the runbook',
      'warning 1:1 no step belongs to the phase diagnosis: its time will not be explained by the runbook',
      'warning 1:1 no step belongs to the phase verification: its time will not be explained by the runbook',
    ]);
    expect(await problems('# Only prose')).toEqual(['warning 1:1 no step can be executed']);
  });

  test('phases out of order', async () => {
    expect(await problems(`${complete}${step('Look', 'show: pods\nphase: diagnosis')}`)).toEqual([
      expect.stringMatching(/^warning \d+:1 a step of diagnosis comes after one of verification$/),
    ]);
  });

  test('steps that are never reached', async () => {
    const decide = 'id: d\ndecide:\n  text: W?\n  branches:\n    - {label: a, go: last}\n    - {label: b, go: end}';
    const found = await problems(`${complete}${step('D', decide)}${step('Lost', 'show: pods')}${step('Last', 'show: pods')}`);
    expect(found).toEqual([expect.stringMatching(/^warning \d+:1 the step `lost` is never reached$/)]);
  });

  test('variables that nothing defines, in commands and in texts', async () => {
    const found = await problems(
      `${complete}## Say\n\`\`\`sh\necho ok\necho {{namespce}} $UNKNOWN_VARIABLE {{namespace}} {{end}}\n\`\`\`\n`,
    );
    expect(found[0]).toMatch(/^error \d+:6 the variable \{\{namespce\}\} is not defined$/);
    expect(found[1]).toMatch(/^warning \d+:19 the variable \$UNKNOWN_VARIABLE is not defined$/);
    expect(found).toHaveLength(2);
    expect(await problems(complete + step('Tell', 'notify: "{{who}} knows"'))).toEqual([
      expect.stringMatching(/^error \d+:\d+ the variable \{\{who\}\}/),
    ]);
  });

  test('commands that need a shell, or a person to fill them in', async () => {
    const found = await problems(
      `${complete}## Say\n\`\`\`sh\nkubectl get pods | grep x\nkubectl logs <pod>\necho "a|b" 'c>d' app=x\n\`\`\`\n`,
    );
    expect(found.filter(one => one.startsWith('error'))).toEqual([
      expect.stringMatching(/^error \d+:1 the command needs a shell: it has a pipe$/),
      expect.stringMatching(/^error \d+:1 the command has a placeholder that a person fills in: <pod>$/),
    ]);
  });

  test('programs that are not on this machine', async () => {
    const found = await problems(complete + step('Look', 'optional: true', 'surely-not-installed --now'));
    expect(found).toEqual([expect.stringMatching(/^warning \d+:1 the program `surely-not-installed` is not on this machine$/)]);
  });

  test('changes that name no namespace', async () => {
    const commands =
      'kubectl delete pod x\nkubectl delete pod x -n {{namespace}}\nkubectl rollout status deployment/x\nkubectl get pods';
    const found = (await problems(complete + step('Clean', '', commands))).filter(one => one.includes('namespace'));
    expect(found).toEqual([expect.stringMatching(/^warning \d+:1 `kubectl delete` names no namespace/)]);
  });

  test('links that lead nowhere', async () => {
    await writeFile(join(directory, 'other file.md'), '');
    const found = await problems(
      `${complete}## Notes\n[a](missing.md) [b](other%20file.md) [c](#notes) [d](#nowhere) [e](https://example.com) [f](book.md#wait)\n`,
    );
    expect(found.map(one => one.replace(/^warning \d+:\d+ /, ''))).toEqual([
      'the link leads nowhere: missing.md',
      'the link leads nowhere: #nowhere',
    ]);
  });

  test('fields of the front matter that nobody reads', async () => {
    const path = join(directory, 'front.md');
    await writeFile(path, `---\ntitle: T\nowner: me\nrunme: {id: 1}\n---\n${complete}`);
    const found = await checkRunbook(path);
    expect(found.map(one => [one.line, one.message, one.hint])).toEqual([
      [3, 'unknown field `owner` in the front matter', 'did you mean `owners`?'],
      [4, 'unknown field `runme` in the front matter', expect.stringContaining('rehearse reads: title')],
    ]);
  });
});

describe('loading for a drill', () => {
  test('refuses what would fail in the middle of it', async () => {
    const path = join(directory, 'load.md');
    await writeFile(path, complete + step('Say', '', 'echo {{nobody}}'));
    await expect(loadRunbook(path)).rejects.toThrow(/load\.md:\d+:6: the variable \{\{nobody\}\} is not defined/);
    await expect(loadRunbook(path, { variables: { nobody: 'x' } })).resolves.toMatchObject({ stepCount: 5 });
  });

  test('a file that is not there, or is no text, is told in words', async () => {
    await expect(loadRunbook(join(directory, 'none.md'))).rejects.toThrow(/there is no such file/);
    await expect(loadRunbook(directory)).rejects.toThrow(/it is a folder/);
    await writeFile(join(directory, 'binary.md'), Buffer.from([0, 1, 2]));
    await expect(loadRunbook(join(directory, 'binary.md'))).rejects.toThrow(/no text/);
  });
});
