/** What the kubectl of this machine does not know. Skipped where there is none; reading its help is tested on texts of three versions. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkRunbook } from '../../src/runbook/check.ts';
import { parseKubectlHelp } from '../../src/runbook/kubectl.ts';

const installed = (() => {
  try {
    return /"gitVersion":\s*"([^"]+)"/.exec(
      execFileSync('kubectl', ['version', '--client', '--output=json'], { encoding: 'utf8' }),
    )?.[1];
  } catch {
    return undefined;
  }
})();
if (installed === undefined) process.stderr.write('test/runbook/kubectl-check: partly skipped, no kubectl on the PATH\n');

describe.skipIf(installed === undefined)('commands of a runbook against the kubectl of this machine', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kubectl-check-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function told(commands: string, fence = 'sh'): Promise<string[]> {
    const path = join(directory, 'book.md');
    await writeFile(path, `## Look\n\`\`\`${fence}\n${commands}\n\`\`\`\n`);
    return (await checkRunbook(path))
      .filter(one => one.message.includes(`kubectl ${installed}`))
      .map(one => `${one.severity} ${one.line}:${one.column} ${one.message.replace(`kubectl ${installed}`, 'it')} (${one.hint})`);
  }

  test.each([
    'kubectl get pods -n shop -o wide --sort-by=.metadata.name -l app=x -w',
    'kubectl -n shop --context a rollout undo deployment/x --to-revision 3',
    'kubectl logs -fn shop deploy/x --tail 20 --since=2m --prefix',
    'kubectl exec -it x -n shop -- sh -c "ls --no-such-flag"',
    'kubectl create cm x --from-literal a=b --dry-run=client -oyaml',
    'kubectl top po -A --containers',
    'kubectl apply -f x.yaml --server-side --force-conflicts --dry-run=server',
    'kubectl rollout restart deployment/{{name}} $FLAGS --{{name}}',
    // Deprecated, hidden from the help, and accepted.
    'kubectl delete pod x --grace-period=0 --force --now=false',
  ])('%s is right', async command => {
    expect(await told(command)).toEqual([]);
  });

  test.each([
    [
      'kubectl rollout undo deployment/x --to-revison=3',
      'error 3:35 it does not know the flag `--to-revison` of `kubectl rollout undo` (did you mean `--to-revision`?)',
    ],
    [
      'kubectl get pods --namspace shop',
      'error 3:18 it does not know the flag `--namspace` of `kubectl get` (did you mean `--namespace`?)',
    ],
    ['kubectl rollout undoo deployment/x', 'error 3:17 it has no command `rollout undoo` (did you mean `undo`?)'],
    [
      'kubectl -n shop rolout undo deployment/x',
      expect.stringContaining(
        'error 3:17 it has no command `rolout`, and no plugin kubectl-rolout is on this machine (did you mean `rollout`?)',
      ),
    ],
    ['kubectl get pods \\\n  --watch-onyl', expect.stringMatching(/^error 4:3 .*`--watch-onyl`.*did you mean `--watch-only`/)],
    ['kubectl get pods -Z', expect.stringContaining('the flag `-Z` of `kubectl get`')],
  ])('%s is not', async (command, expected) => {
    expect(await told(command)).toEqual([expected]);
  });

  test('what only people type is a warning', async () => {
    expect(await told('kubectl scale deployment/x --replica 3', 'sh by-hand')).toEqual([
      expect.stringMatching(/^warning 3:28 .*did you mean `--replicas`/),
    ]);
  });
});

describe('reading its help', () => {
  test('flags with and without values, commands in one list, the command that it is about', () => {
    const help = parseKubectlHelp(
      [
        'Manage the rollout.',
        '',
        'Available Commands:',
        '  history       View rollout history',
        '  undo          Undo a previous rollout',
        '',
        'Options:',
        "    --dry-run='none':",
        '\tMust be "none", "server", or "client".',
        '    -R, --recursive=false:',
        "    -l, --selector='':",
        '',
        'Usage:',
        '  kubectl rollout SUBCOMMAND [options]',
      ].join('\n'),
    );
    expect(help.command).toBe('rollout');
    expect(help.subcommands).toEqual(['history', 'undo']);
    expect(Object.fromEntries(help.flags)).toMatchObject({
      '--dry-run': { takesValue: false },
      '-R': { takesValue: false },
      '--selector': { takesValue: true },
      '-l': { takesValue: true },
    });
  });

  test('the root has its commands in groups', () => {
    const help = parseKubectlHelp(
      'kubectl controls\n\nBasic Commands (Beginner):\n  create  Create\n  run     Run\n\nDeploy Commands:\n  rollout Manage\n\nUsage:\n  kubectl [flags] [options]\n',
    );
    expect([help.command, help.subcommands]).toEqual(['', ['create', 'run', 'rollout']]);
  });

  test('before 1.24 a flag and what it means were on one line', () => {
    const help = parseKubectlHelp(
      'Options:\n      --all=false: Select all\n  -f, --filename=[]: Files\n\nUsage:\n  kubectl apply (-f FILENAME | -k DIRECTORY) [options]\n',
    );
    expect([help.command, help.flags.get('--all')?.takesValue, help.flags.get('-f')?.takesValue]).toEqual(['apply', false, true]);
  });
});
