import { describe, expect, test } from 'vitest';
import { InvalidInput } from '../../src/errors/errors.ts';
import { parseRunbook, slug } from '../../src/runbook/parse.ts';

const fence = (info: string, text: string) => `\`\`\`${info}\n${text}\n\`\`\`\n`;

function diagnosticsOf(source: string): string[] {
  try {
    parseRunbook('book.md', source);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return error.diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`);
  }
  return [];
}

describe('a runbook is plain Markdown', () => {
  test('headings with something to execute are steps, the others are prose for people', () => {
    const book = parseRunbook(
      'book.md',
      [
        '# Payments fail',
        'Read this first.',
        '## Impact',
        'Users cannot pay.',
        '## 1. Look at the pods',
        fence('sh', 'kubectl get pods -n {{namespace}}'),
        '## Roll back',
        'Once.',
        fence('yaml rehearse', 'do: rollback\nowner: rollback owner\nexpected: 1m'),
        fence('sh', 'kubectl rollout undo deployment/payments'),
        '## Afterwards',
        'Write it down.',
      ].join('\n'),
    );
    expect(book.title).toBe('Payments fail');
    expect(book.introduction).toBe('Read this first.');
    expect(book.sections.map(section => [section.title, section.step?.id])).toEqual([
      ['Impact', undefined],
      ['1. Look at the pods', 'look-at-the-pods'],
      ['Roll back', 'roll-back'],
      ['Afterwards', undefined],
    ]);
    const [look, back] = book.steps;
    expect(look?.action).toMatchObject({ kind: 'run', commands: { lines: [{ source: 'kubectl get pods -n {{namespace}}' }] } });
    // With an action of its own the fence is what a person would type instead, and is not run.
    expect(back).toMatchObject({ action: { kind: 'rollback' }, phase: 'rollback', owner: 'rollback owner', expectedMs: 60_000 });
    expect(back?.fences.map(one => one.text)).toEqual(['kubectl rollout undo deployment/payments']);
  });

  test('front matter names title, owners, variables and break-glass', () => {
    const book = parseRunbook(
      'book.md',
      '---\ntitle: Broken\nservice: shop\nowners: payments\nlastRehearsed: 2026-11-02\nvars:\n  replicas: 3\nbreakGlass:\n  procedure: ask\n  expires: 1h\n---\n# Other title\n',
    );
    expect(book).toMatchObject({
      title: 'Broken',
      service: 'shop',
      owners: ['payments'],
      lastRehearsed: '2026-11-02',
      vars: { replicas: '3' },
      breakGlass: { procedure: 'ask', expires: 3_600_000 },
    });
  });

  test('of a terminal session only what was typed is run', () => {
    const session = fence('console', '$ kubectl get pods\nNAME   READY\na      1/1\n$ kubectl get events \\\n    --watch=false');
    const [step] = parseRunbook('book.md', `## Look\n${session}`).steps;
    expect(
      step?.action.kind === 'run' && !step.action.commands.shell && step.action.commands.lines.map(line => line.fileLine),
    ).toEqual([3, 6]);
  });

  test('a fence marked by-hand is for people only', () => {
    const book = parseRunbook('book.md', `## Afterwards\n${fence('sh by-hand', 'rm -rf cache')}`);
    expect(book.steps).toEqual([]);
    expect(book.sections[0]?.markdown).toContain('rm -rf cache');
  });

  test('fences before any ## heading are a step named as the document', () => {
    const book = parseRunbook('book.md', `# Quick check\n${fence('bash', 'true')}`);
    expect(book.steps.map(step => [step.id, step.title, step.line])).toEqual([['quick-check', 'Quick check', 2]]);
  });

  test('a Windows file with a byte order mark reads the same', () => {
    const text = `---\ntitle: T\n---\n## Look\n${fence('yaml rehearse', 'show: pods')}`;
    const book = parseRunbook('book.md', `\ufeff${text.replaceAll('\n', '\r\n')}`);
    expect(book.title).toBe('T');
    expect(book.steps.map(step => step.id)).toEqual(['look']);
  });

  test.each([
    ['2. Look at the pods!', 'look-at-the-pods'],
    ['Step 3: Roll back', 'roll-back'],
    ['Prüfe den Zustand', 'prüfe-den-zustand'],
    ['💥', ''],
  ])('the id of "%s" is "%s"', (title, id) => {
    expect(slug(title)).toBe(id);
  });

  test('headings of the same name get ids of their own', () => {
    const step = `## Look\n${fence('yaml rehearse', 'show: pods')}`;
    expect(parseRunbook('book.md', step + step).steps.map(one => one.id)).toEqual(['look', 'look-2']);
  });
});

describe('every mistake is told at once, where it stands', () => {
  test('in the front matter, in settings and between steps', () => {
    const source = [
      '---', // 1
      'lastRehearsed: yesterday', // 2
      '---', // 3
      '## Look', // 4
      fence('yaml rehearse', 'shwo: pods\ntimeout: soon').trimEnd(), // 5-8
      '## Decide', // 9
      fence(
        'yaml rehearse',
        'decide:\n  text: Which?\n  branches:\n    - label: a\n      go: nowhere\n    - label: b\n      go: end',
      ).trimEnd(),
      '## Last', // 19
      fence('yaml rehearse', 'show: pods\nwhen:\n  step: lok').trimEnd(),
    ].join('\n');
    const found = diagnosticsOf(source);
    expect(found).toHaveLength(5);
    expect(found[0]).toMatch(/^2:16 .*2026-11-02/);
    expect(found[1]).toMatch(/^6:1 .*shwo/);
    expect(found[2]).toMatch(/^7:10 .*500ms/);
    expect(found[3]).toBe('15:11 there is no step `nowhere`');
    expect(found[4]).toBe('23:9 there is no step `lok`');
  });

  test('a misspelled action says what was meant', () => {
    try {
      parseRunbook('book.md', `## Look\n${fence('yaml rehearse', 'shwo: pods')}`);
      expect.unreachable();
    } catch (error) {
      expect((error as InvalidInput).diagnostics[0]?.hint).toContain('show');
    }
  });

  test('positions are true inside a list, where the fence is indented', () => {
    const source = '## Look\n\n1. First:\n\n   ```yaml rehearse\n   show: pots\n   ```\n';
    expect(diagnosticsOf(source)[0]).toMatch(/^6:10 /);
  });

  test.each([
    ['two actions in a step', 'show: pods\nwait: 3s', '4:7 a step does one thing'],
    ['no action at all', 'owner: me', '2:1 the step does nothing'],
    ['a choice without choices', 'ask:\n  text: Which?\n  kind: choice', '5:9 `kind: choice` and `choices` belong together'],
    [
      'an answer that is no choice',
      'ask:\n  text: W?\n  kind: choice\n  choices: [a, b]\n  answer: c',
      'the answer is none of: a, b',
    ],
    ['an impossible pattern', 'run: ls\nexpect:\n  matches: "("', '5:12 not a regular expression'],
    [
      'a decision that goes to itself',
      'id: x\ndecide:\n  text: W?\n  branches:\n    - {label: a, go: x}\n    - {label: b, go: end}',
      'ask for ever',
    ],
    ['a kept id', 'id: end\nshow: pods', '3:5 the id `end` is kept'],
    ['a condition on nothing', 'show: pods\nwhen: {outcome: failed}', 'need `step`'],
    ['broken YAML', 'show: [pods', ''],
  ])('%s', (_, settings, expected) => {
    const found = diagnosticsOf(`## Look\n${fence('yaml rehearse', settings)}`);
    expect(found.join('\n')).toContain(expected);
    expect(found.length).toBeGreaterThan(0);
  });

  test('two settings fences in one step', () => {
    const settings = fence('yaml rehearse', 'show: pods');
    expect(diagnosticsOf(`## Look\n${settings}${settings}`)[0]).toMatch(/^5:1 a step has one `rehearse` fence/);
  });

  test('an id used twice', () => {
    const step = fence('yaml rehearse', 'id: same\nshow: pods');
    expect(diagnosticsOf(`## A\n${step}## B\n${step}`)).toEqual(['8:5 the id `same` is used twice']);
  });
});

describe('runbooks written for other tools', () => {
  test.each([
    [
      'Runme front matter and annotations',
      '---\nrunme:\n  id: 01H\n  version: v3\n---\n# Deploy\n## Start\n```sh {"id":"01H","name":"start"}\necho hi\n```\n',
    ],
    ['deep headings and indented code', '# Wiki\n### A\n    indented\n#### B\n```bash\nps aux | grep java\n```\n'],
    ['placeholders', '## Logs\n```\nkubectl logs <pod-name>\n```\n```shell\nkubectl logs <pod-name> -n prod\n```\n'],
    ['a here-document', '## Apply\n```bash\ncat <<EOF | kubectl apply -f -\nkind: X\nEOF\n```\n'],
    ['nothing at all', ''],
    ['an unclosed fence', '## A\n```sh\nls\n'],
    ['other languages', '## Query\n```promql\nrate(http_requests_total[5m])\n```\n```yaml\napiVersion: v1\n```\n'],
    ['HTML and tables', '<details>\n\n## A\n\n| a | b |\n|---|---|\n\n</details>\n'],
  ])('%s parses', (_, source) => {
    expect(() => parseRunbook('wiki.md', source)).not.toThrow();
  });
});
