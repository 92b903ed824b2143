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

async function saved(source: string): Promise<string> {
  const path = join(directory, 'book.md');
  await writeFile(path, source);
  return path;
}

async function problems(source: string): Promise<string[]> {
  return (await checkRunbook(await saved(source))).map(one => `${one.severity} ${one.line}:${one.column} ${one.message}`);
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

  describe('changes that do not say where', () => {
    const unsafe = async (commands: string, settings = 'optional: true') =>
      (await problems(complete + step('Clean', settings, commands)))
        .filter(one => /names no (namespace|context)/.test(one))
        .map(one => /`(.*)` names no (namespace|context)[^(|]*(\(.*\))?/.exec(one)?.slice(1, 4).join(' ').trim());
    const at = '-n {{namespace}} --context {{context}}';

    test.each([
      ['kubectl delete pod x', ['kubectl delete namespace', 'kubectl delete context']],
      ['kubectl delete pod x -n {{namespace}}', ['kubectl delete context']],
      [`kubectl delete pod x ${at}`, []],
      ['kubectl -nshop --context=a rollout undo deployment/x', []],
      ['kubectl -n shop rollout undo deployment/x', ['kubectl rollout context']],
      ['kubectl rollout status deployment/x\nkubectl get pods\nkubectl describe pod delete', []],
      ['kubectl apply -f x.yaml --dry-run=server', []],
      ['kubectl drain node-1', ['kubectl drain context']],
      ['kubectl delete namespace old', ['kubectl delete context']],
      ['kubectl argo rollouts undo shop', ['kubectl argo rollouts undo namespace', 'kubectl argo rollouts undo context']],
      [`kubectl argo rollouts get rollout shop`, []],
      ['helm rollback shop 3', ['helm rollback namespace', 'helm rollback context']],
      ['helm rollback shop 3 -n shop --kube-context a', []],
      ['helm history shop', []],
      ['argocd app rollback shop 41', ['argocd app rollback context']],
      ['argocd app rollback shop 41 --server cd.staging.example', []],
      ['argocd cluster list', []],
      ['flux suspend kustomization shop', ['flux suspend namespace', 'flux suspend context']],
      ['kubectl config use-context staging\nkubectl delete pod x -n shop', []],
      ['kubens shop\nkubectl delete pod x --context a', []],
    ])('%s', async (commands, expected) => {
      expect(await unsafe(commands)).toEqual(expected);
    });

    test('also where a person types it: beside an action, in a fence marked by-hand, behind a pipe, in a script', async () => {
      expect(await unsafe('kubectl rollout undo deployment/x --context a', 'show: pods')).toEqual(['kubectl rollout namespace']);
      expect(
        await unsafe('kubectl get pod x -o name | xargs -r kubectl delete\ncat x | kubectl apply -f -', 'shell: true'),
      ).toContain('kubectl apply namespace');
      const byHand = '## Clean up\n```sh by-hand\nif true; then sudo kubectl delete job x -n shop; fi\n```\n';
      expect((await problems(complete + byHand)).join()).toContain('`kubectl delete` names no context');
    });

    test('a missing context is told once a runbook, with how many more', async () => {
      expect(await unsafe('kubectl -n a delete pod x\nkubectl -n a delete pod y\nkubectl -n a delete pod z')).toEqual([
        'kubectl delete context (so do 2 more commands)',
      ]);
    });
  });

  test('conditions that can never hold', async () => {
    const ask = 'id: size\nask: {text: How big?, kind: choice, choices: [small, large], answer: small}';
    const source =
      complete +
      step('Early', 'show: pods\nwhen: {step: late}') +
      step('Ask', ask) +
      step('Wrong', 'show: pods\nwhen: {step: size, answer: huge}') +
      step('Right', 'show: pods\nwhen: {step: size, answer: large}') +
      step('Nothing', 'show: pods\nwhen: {step: early, answer: "yes"}') +
      step('Late', 'show: events');
    const found = await checkRunbook(await saved(source));
    expect(found.map(one => [one.message, one.hint])).toEqual([
      [
        'this can never hold: the step `late` cannot have been followed before `early`',
        'name a step that comes before, or move this one',
      ],
      ['this can never hold: `size` is not answered "huge"', 'its answers are: small, large'],
      ['this can never hold: `early` is not answered "yes"', 'it asks nothing'],
    ]);
    const [first] = found;
    expect(source.split('\n')[(first?.line ?? 0) - 1]?.slice((first?.column ?? 0) - 1)).toBe('late}');
  });

  test('but a step that the runbook can come back to may look at a later one', async () => {
    const back = 'decide:\n  text: Again?\n  branches:\n    - {label: again, go: early}\n    - {label: done, go: end}';
    expect(
      await problems(
        complete + step('Early', 'show: pods\nwhen: {step: late}') + step('Late', 'show: events') + step('Again', back),
      ),
    ).toEqual([]);
  });

  test('break-glass steps without a word on how to get the access', async () => {
    const source = complete + step('Elevated', 'show: pods\nbreakGlass: true');
    expect(await problems(source)).toEqual([
      expect.stringMatching(/^warning \d+:13 the step `elevated` needs break-glass access, and the front matter does not say/),
    ]);
    expect(await problems(`---\nbreakGlass: {procedure: ask}\n---\n${source}`)).toEqual([]);
  });

  test('commands that nothing marks as such', async () => {
    const found = await problems(
      `${complete}## Look\n\`\`\`\nkubectl get pods\n\`\`\`\n\n    $ ls -l\n\n\`\`\`\nPod is Pending\n\`\`\`\n`,
    );
    expect(found).toEqual([
      expect.stringMatching(/^warning \d+:1 this looks like a command and is not executed: the fence names no shell$/),
      expect.stringMatching(/^warning \d+:1 this looks like a command and is not executed: the text is indented, not fenced$/),
    ]);
  });

  test('variables in what people copy', async () => {
    expect(await problems(complete + step('Back', 'show: pods', 'kubectl get {{suspct}}'))).toContainEqual(
      expect.stringMatching(/^warning \d+:13 the variable \{\{suspct\}\} is not defined$/),
    );
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
