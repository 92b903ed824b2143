import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/rehearsal/ports.ts';
import { follow, step } from './following.ts';

/** Sleeps take no time; what was slept adds up. */
function quickClock(): Clock {
  let now = 0;
  return {
    now: () => new Date(now),
    monotonicMs: () => now,
    sleep: async (ms, signal) => {
      // A sleep that ends a step must not win against what the step does.
      if (ms >= 60_000) return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      now += ms;
    },
  };
}

const node = (script: string) => `${process.execPath} -e '${script}'`;

describe('the automatic runner follows the steps in order', () => {
  test('each is started and finished on the record, with phase, owner, expected time and output', async () => {
    const run = await follow(
      step('Wait for the alert', 'do: await-detection\nowner: on-call\nexpected: 30s') +
        step('Look', 'show: pods\nphase: diagnosis') +
        step('Name it', 'do: diagnose') +
        step('Roll back', 'do: rollback') +
        step('Verify', 'do: verify'),
    );
    expect(run.good).toBe(true);
    expect(run.asked).toEqual(['await-detection', 'show pods', 'diagnose', 'rollback', 'verify']);
    expect(run.events.map(event => event.type)).toEqual(
      Array.from({ length: 5 }, () => ['runbook.step.started', 'runbook.step.finished']).flat(),
    );
    expect(run.started[0]).toEqual({
      type: 'runbook.step.started',
      stepId: 'wait-for-the-alert',
      title: 'Wait for the alert',
      phase: 'detection',
      owner: 'on-call',
      expectedMs: 30_000,
      does: 'await-detection',
    });
    expect(run.started.map(one => one.does)).toEqual(['await-detection', 'show pods', 'diagnose', 'rollback', 'verify']);
    expect(run.finished[1]).toMatchObject({ outcome: 'passed', output: 'show pods answered' });
  });

  test('a step that fails ends the runbook, an optional one does not', async () => {
    const failing = { rollback: () => Promise.reject(new Error('the API server said no')) };
    const stopped = await follow(step('Roll back', 'do: rollback') + step('Verify', 'do: verify'), { actions: failing });
    expect(stopped.good).toBe(false);
    expect(stopped.finished).toMatchObject([{ stepId: 'roll-back', outcome: 'failed', error: 'the API server said no' }]);

    const goesOn = await follow(step('Look', 'run: exit-code-does-not-exist\noptional: true') + step('Verify', 'do: verify'));
    expect(goesOn.good).toBe(true);
    expect(goesOn.finished.map(one => one.outcome)).toEqual(['skipped', 'passed']);
  });

  test('aborted, it ends its step as interrupted and rejects with the reason', async () => {
    const abort = new AbortController();
    const reason = new Error('Ctrl-C');
    const hanging = { awaitDetection: () => new Promise<string>(() => setTimeout(() => abort.abort(reason), 20)) };
    await expect(
      follow(step('Wait', 'do: await-detection'), {
        actions: hanging,
        signal: abort.signal,
      }),
    ).rejects.toBe(reason);
  });
});

describe('commands', () => {
  test('run without a shell: values are arguments, never code, and never split', async () => {
    const run = await follow(
      `---\nvars:\n  tricky: "a b; $(touch /tmp/never) 'c' \\"d\\""\n---\n${step('Echo', '', `${process.execPath} -p "JSON.stringify(process.argv.slice(1))" {{tricky}} $NAMESPACE '$NAMESPACE' x{{name}}y`)}`,
    );
    expect(JSON.parse(run.finished[0]?.output ?? '')).toEqual([
      `a b; $(touch /tmp/never) 'c' "d"`,
      'shop',
      '$NAMESPACE',
      'xpaymentsy',
    ]);
  });

  test('in a shell, values are data too, in and out of quotes', async () => {
    const run = await follow(
      `---\nvars:\n  tricky: "$(echo evil) \`echo evil\` '\\" *"\n---\n${step('Echo', 'shell: true', `printf '[%s]' {{tricky}} "x {{tricky}}" 'y {{tricky}}' | cat`)}`,
    );
    const value = `$(echo evil) \`echo evil\` '" *`;
    expect(run.finished[0]?.output).toBe(`[${value}][x ${value}][y ${value}]`);
  });

  test('a value that looks like an option is refused', async () => {
    const run = await follow(`---\nvars:\n  which: --all\n---\n${step('Delete', '', 'echo delete {{which}}')}`);
    expect(run.finished[0]).toMatchObject({ outcome: 'failed', error: expect.stringContaining('would be taken for an option') });
  });

  test('know the run: namespace, target, suspect once it is named', async () => {
    const run = await follow(
      step('Name it', 'do: diagnose') +
        step('Say it', '', 'echo {{namespace}} {{workload}} {{suspect}} {{context}} {{runId}} $RUN_ID'),
      { runId: 'run-7' },
    );
    expect(run.finished[1]?.output).toBe('shop deployment/payments deployment/checkout staging run-7 run-7');
    expect(run.started[1]?.command).toBe('echo shop deployment/payments deployment/checkout staging run-7 $RUN_ID');
  });

  test('a suspect that nobody has named yet fails the step, and says what has to come first', async () => {
    const run = await follow(step('Say it', '', 'echo {{suspect}}'));
    expect(run.finished[0]).toMatchObject({ outcome: 'failed', error: expect.stringContaining('do: diagnose') });
  });

  test('exit codes, with what counts as good', async () => {
    const exit = (code: number) => node(`process.exit(${code})`);
    expect((await follow(step('A', '', exit(3)))).finished[0]).toMatchObject({
      outcome: 'failed',
      exitCode: 3,
      error: 'exit code 3',
    });
    const expected = await follow(step('A', 'expect: {exitCode: [0, 3]}', exit(3)));
    expect(expected.finished[0]).toMatchObject({ outcome: 'passed', exitCode: 3 });
  });

  test.each([
    ['contains: ready', 'passed', undefined],
    ['contains: [ready, steady]', 'failed', 'the output does not contain "steady"'],
    ['lacks: ready', 'failed', 'the output contains "ready"'],
    ['matches: "^2 of 3"', 'passed', undefined],
    ['matches: "^of 3"', 'failed', 'the output does not match /^of 3/'],
  ])('expect %s of "2 of 3 ready": %s', async (expectation, outcome, error) => {
    const run = await follow(step('A', `expect: {${expectation}}`, 'echo 2 of 3 ready'));
    expect(run.finished[0]?.outcome).toBe(outcome);
    expect(run.finished[0]?.error).toBe(error);
  });

  test('several commands stop at the first that fails; each stands above its output', async () => {
    const run = await follow(step('A', '', `echo one\n${node('process.exit(1)')}\necho never`));
    expect(run.finished[0]?.outcome).toBe('failed');
    expect(run.finished[0]?.output).toMatch(/^\$ echo one\none\n\$ /);
    expect(run.finished[0]?.output).not.toContain('$ echo never');
  });

  test('a program that is not there: failed, or skipped when it only gathers evidence', async () => {
    const missing = await follow(step('A', '', 'kubectl-that-is-not-there get pods'));
    expect(missing.finished[0]).toMatchObject({
      outcome: 'failed',
      error: expect.stringContaining('is not installed on this machine'),
    });
    const optional = await follow(step('A', 'optional: true', 'kubectl-that-is-not-there get pods'));
    expect(optional.finished[0]).toMatchObject({ outcome: 'skipped', error: expect.stringContaining('is not installed') });
  });

  test('scripts beside the runbook are found from its folder', async () => {
    const run = await follow(step('A', '', './check.sh'), {
      files: { 'check.sh': '#!/bin/sh\necho checked in $(basename "$PWD")\n' },
    });
    expect(run.finished[0]?.output).toMatch(/^checked in runbook-test-/);
  });
});

describe('a command that misbehaves', () => {
  test('hangs: it is ended at its timeout, with the children it started', async () => {
    const script = `trap '' TERM; sleep 300 & echo child $!; sleep 300 & wait; wait`;
    const run = await follow(step('Hang', 'shell: true\ntimeout: 400ms', script));
    expect(run.finished[0]).toMatchObject({ outcome: 'timed-out', error: 'ended after 400 ms' });
    const child = Number(/child (\d+)/.exec(run.finished[0]?.output ?? '')?.[1]);
    expect(child).toBeGreaterThan(1);
    expect(await isGone(child)).toBe(true);
  });

  test('leaves a child that holds its output open: the step ends, and so does the child', async () => {
    const run = await follow(step('Leave', 'shell: true\ntimeout: 30s', 'sleep 300 & echo child $!'));
    expect(run.finished[0]?.outcome).toBe('passed');
    expect(run.finished[0]?.durationMs).toBeLessThan(15_000);
    expect(await isGone(Number(/child (\d+)/.exec(run.finished[0]?.output ?? '')?.[1]))).toBe(true);
  });

  test('writes 100 MB: head and tail are kept, with what is missing', async () => {
    const script =
      'process.stdout.write("first line\\n"); const b = Buffer.alloc(1e6, "x".repeat(99) + "\\n"); let n = 100; (function w() { n-- ? process.stdout.write(b, w) : process.stdout.write("last line\\n") })()';
    const run = await follow(step('Big', 'timeout: 50s', `${process.execPath} -e '${script}'`));
    const output = run.finished[0]?.output ?? '';
    expect(run.finished[0]?.outcome).toBe('passed');
    expect(output).toMatch(/^first line\n/);
    expect(output).toMatch(/\[… 95\.\d MiB of 95\.4 MiB left out …\]/);
    expect(output).toMatch(/last line$/);
    expect(output.length).toBeLessThan(64 * 1024);
  });

  test('paints the terminal: nothing of it gets through', async () => {
    const script = String.raw`printf '\033[31mred\033[0m \033]0;title\007\033[2Jclear 10%%\r100%%\nover\bstrike \302\233 31m end'`;
    const run = await follow(step('Paint', 'shell: true', script));
    expect(run.finished[0]?.output).toBe('100%\noverstrike  31m end');
    expect(run.finished[0]?.output).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  });

  test('writes binary: a note stands for it', async () => {
    const run = await follow(step('Binary', '', 'head -c 4096 /bin/sh'));
    expect(run.finished[0]?.output).toBe('[4.0 KiB of binary output, not kept]');
  });

  test('waits for input: it gets none', async () => {
    const run = await follow(step('Read', 'shell: true\ntimeout: 20s', 'read answer || echo no input'));
    expect(run.finished[0]).toMatchObject({ outcome: 'passed', output: 'no input' });
  });

  test('prints secrets: they are not kept', async () => {
    const run = await follow(
      step(
        'Leak',
        'shell: true',
        `echo key=hunter2hunter2; echo "Authorization: Bearer abcdef1234567890"; echo https://me:pa55word@host/`,
      ),
      {
        secrets: ['hunter2hunter2'],
      },
    );
    expect(run.finished[0]?.output).toBe('key=[redacted]\nAuthorization: Bearer [redacted]\nhttps://me:[redacted]@host/');
    expect(run.started[0]?.command).not.toContain('hunter2');
  });
});

describe('the cluster of the run', () => {
  const kubeconfig = (current: string) =>
    `apiVersion: v1\nkind: Config\ncurrent-context: ${current}\ncontexts:\n- name: staging\n  context: {cluster: s, user: u}\n- name: production\n  context: {cluster: p, user: u}\nusers:\n- name: u\n  user: {token: sekret-token-123}\n`;

  test('commands see its context and namespace first, whatever is current in the file; its token is not shown', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kubeconfig-test-'));
    const path = join(directory, 'config');
    await writeFile(path, kubeconfig('production'));
    const run = await follow(
      step('Look', 'shell: true', `echo "$KUBECONFIG" | tr ':' '\\n'; cat "\${KUBECONFIG%%:*}"; cat {{kubeconfig}} | grep token`),
      {
        kubeconfig: path,
      },
    );
    await rm(directory, { recursive: true });
    const output = run.finished[0]?.output ?? '';
    expect(output.split('\n')[1]).toBe(path);
    expect(output).toContain('current-context: staging');
    expect(output).toMatch(/namespace: shop/);
    expect(output).toContain('{token: [redacted]}');
    expect(output).not.toContain('sekret');
  });

  test('without a kubeconfig, commands reach no cluster, not even the one of the user', async () => {
    const run = await follow(step('Look', 'shell: true', 'echo $KUBECONFIG; cat $KUBECONFIG'));
    expect(run.finished[0]?.output.split('\n')[0]).not.toContain(':');
    expect(run.finished[0]?.output).toContain('server: https://no-kubeconfig-of-the-run.invalid');
  });

  test('a context that the kubeconfig does not have ends the step before any command', async () => {
    const run = await follow(step('Look', '', 'echo ran'), { kubeconfig: '/does/not/exist' });
    expect(run.finished[0]).toMatchObject({
      outcome: 'failed',
      output: '',
      error: expect.stringContaining('has no context "staging"'),
    });
  });
});

describe('retries, conditions, decisions, questions', () => {
  test('a step is tried again, and the record says how often', async () => {
    const script = 'test -f tried && echo better && exit 0; touch tried; echo bad; exit 1';
    const run = await follow(step('Try', 'shell: true\nretries: 2\nretryAfter: 10ms', script));
    expect(run.finished).toHaveLength(1);
    expect(run.finished[0]).toMatchObject({ outcome: 'passed' });
    expect(run.finished[0]?.output).toBe('[try 1 of 3: exit code 1]\nbad\n[try 2 of 3]\nbetter');
  });

  test('an assertion repeats its command until it holds', async () => {
    const script = 'echo x >> count; test $(wc -l < count) -ge 3 && echo ready';
    const run = await follow(
      step('Ready', 'shell: true\nassert: {every: 10ms}\nexpect: {contains: ready}\ntimeout: 20s', script),
    );
    expect(run.finished[0]).toMatchObject({ outcome: 'passed', output: 'ready' });
  });

  test('an assertion that never holds says what it saw last', async () => {
    const run = await follow(step('Ready', 'assert: {every: 20ms}\nexpect: {contains: ready}\ntimeout: 300ms', 'echo waiting'));
    expect(run.finished[0]).toMatchObject({ outcome: 'timed-out', output: 'waiting' });
    expect(run.finished[0]?.error).toMatch(/^not so within 300 ms, \d+ tries; the output does not contain "ready"$/);
  });

  test('a condition skips a step and says why', async () => {
    const book =
      step('Look', 'show: pods\noptional: true') +
      step('Dump', 'show: logs\nwhen: {step: look, contains: OOMKilled}') +
      step('Other', 'show: events\nwhen: {tag: memory}') +
      step('Verify', 'do: verify');
    const run = await follow(book, { tags: ['memory'] });
    expect(run.finished.map(one => one.outcome)).toEqual(['passed', 'skipped', 'passed', 'passed']);
    expect(run.finished[1]?.error).toBe('not needed: the output of "look" does not contain "OOMKilled"');
    expect(run.good).toBe(true);
  });

  test('a decision follows the evidence, over steps that it leaves out', async () => {
    const decide =
      'decide:\n  text: Which way?\n  branches:\n    - {label: memory, when: {step: look, contains: OOM}, go: verify}\n    - {label: other, go: roll-back}\n  answer: other';
    const book =
      step('Look', 'show: pods') + step('Decide', decide) + step('Roll back', 'do: rollback') + step('Verify', 'do: verify');
    const byEvidence = await follow(book, { actions: { show: () => Promise.resolve('OOMKilled') } });
    expect(byEvidence.finished.map(one => one.stepId)).toEqual(['look', 'decide', 'verify']);
    const byDefault = await follow(book);
    expect(byDefault.finished.map(one => one.stepId)).toEqual(['look', 'decide', 'roll-back', 'verify']);
    const byScenario = await follow(book, { answers: { decide: 'memory' } });
    expect(byScenario.finished.map(one => one.stepId)).toEqual(['look', 'decide', 'verify']);
  });

  test('a runbook that goes round in circles is stopped', async () => {
    const back =
      'decide:\n  text: Again?\n  branches:\n    - {label: "yes", go: look}\n    - {label: "no", go: end}\n  answer: "yes"';
    const run = await follow(step('Look', 'show: pods') + step('Again', back));
    expect(run.good).toBe(false);
    expect(run.finished.at(-1)?.error).toContain('goes round in circles');
  });

  test('answers become variables of later steps', async () => {
    const ask = 'ask: {text: How many?, kind: number, min: 1, max: 9, answer: 3, as: how-many}';
    const run = await follow(step('Ask', ask) + step('Say', '', 'echo {{how-many}} $HOW_MANY'));
    expect(run.finished.map(one => one.output)).toEqual(['How many? 3', '3 3']);
    const wrong = await follow(step('Ask', ask), { answers: { ask: '12' } });
    expect(wrong.finished[0]).toMatchObject({ outcome: 'failed', error: '12 is not within 1 to 9' });
  });

  test.each([
    ['ask: {text: Which pod?}', 'it asks "Which pod?"'],
    ['confirm: Is it safe?', 'it asks to confirm "Is it safe?"'],
    [
      'decide:\n  text: Which way?\n  branches:\n    - {label: a, go: end}\n    - {label: b, go: end}',
      'it asks to decide "Which way?"',
    ],
    ['do: rollback\nbreakGlass: true', 'break-glass access'],
  ])('what needs a person fails and says so: %s', async (settings, why) => {
    const run = await follow(step('Person', settings));
    expect(run.good).toBe(false);
    expect(run.finished[0]).toMatchObject({ outcome: 'failed', error: expect.stringMatching(/^needs a person: /) });
    expect(run.finished[0]?.error).toContain(why);
    expect(run.asked).toEqual([]);
  });

  test('a confirmation that is refused stops the runbook', async () => {
    const run = await follow(step('Safe', 'confirm: Is it safe?') + step('Roll back', 'do: rollback'), {
      answers: { safe: 'no' },
    });
    expect(run.finished).toMatchObject([{ outcome: 'failed', error: 'not confirmed' }]);
    expect(run.asked).toEqual([]);
  });

  test('waiting and telling others', async () => {
    const clock = quickClock();
    const run = await follow(
      step('Pause', 'wait: 50s') + step('Tell', 'notify: {text: "Rolling back in {{namespace}}", to: "#ops"}'),
      { clock },
    );
    expect(run.finished[0]?.durationMs).toBe(50_000);
    expect(run.events).toContainEqual({ type: 'note', text: 'To #ops: Rolling back in shop' });
  });

  test('a step of the rehearsal has a timeout when the runbook gives it one', async () => {
    const run = await follow(step('Verify', 'do: verify\ntimeout: 30ms'), { actions: { verify: () => new Promise(() => {}) } });
    expect(run.finished[0]).toMatchObject({ outcome: 'timed-out', error: 'ended after 30 ms' });
  });
});

/** A zombie that its new parent has not reaped yet is gone as well. */
async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    if (!exists(pid)) return true;
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
    if (state !== undefined && / Z /.test(state)) return true;
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  return false;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
