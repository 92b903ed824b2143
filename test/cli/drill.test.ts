import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWorkplace, podProcesses, type Workplace } from './rehearse.ts';

/** A drill is half a minute of real time; a busy machine may need several times as much. */
const DRILL = 240_000;

let workplace: Workplace;
let before: Set<string>;
beforeEach(() => {
  workplace = createWorkplace();
  before = podProcesses();
});
afterEach(() => workplace.remove());

/** Pods whose runner has gone, or is the given one. Those of tests beside this one have a runner that lives. */
async function leftBehind(runner: number | undefined): Promise<string[]> {
  const mine = () => [...podProcesses()].filter(pid => !before.has(pid) && [1, runner].includes(parentOf(pid)));
  // The reaper of a killed runner needs a moment.
  for (let attempt = 0; attempt < 50 && mine().length > 0; attempt++) await delay(100);
  return mine();
}

describe('rehearse run on the sandbox', () => {
  test(
    'a whole drill: detected, diagnosed, rolled back, verified, restored, reported',
    async () => {
      const { code, stdout } = await workplace.run('run', 'error-rate', '--plain');
      const record = workplace.record();
      expect(record.verdict.outcome, record.verdict.reason).toBe('met');
      expect(code).toBe(0);
      const { deployed, detected, diagnosed, restored } = record.moments;
      const order = [
        deployed,
        detected,
        diagnosed,
        record.moments['rollback-issued'],
        record.moments['rolled-back'],
        record.moments['healthy-since'],
        restored,
      ].map(moment => moment?.tMs);
      expect(order).not.toContain(undefined);
      expect([...order].sort((left, right) => Number(left) - Number(right))).toEqual(order);
      expect(record.diagnosis.answers.at(-1)).toMatchObject({
        correct: true,
        suspects: [{ workload: { name: 'payments' } }, ...(record.diagnosis.answers.at(-1)?.suspects.slice(1) ?? [])],
      });
      expect(record.restore?.proven).toBe(true);
      expect(record.restore?.objects.every(object => object.equal)).toBe(true);
      expect(record.runbook.steps.map(step => step.outcome)).not.toContain('failed');
      const report = /Report: (.+)$/m.exec(stdout)?.[1] ?? '';
      expect(stdout.trimEnd().endsWith(report)).toBe(true);
      expect(readFileSync(report, 'utf8')).toContain('A release that fails a third of all payments');
      expect(existsSync(join(workplace.reports, 'index.html'))).toBe(true);
      expect(workplace.journals()).toEqual([]);
    },
    DRILL,
  );

  test(
    'Ctrl-C in the middle restores and says so',
    async () => {
      const drill = workplace.start('run', 'bad-image', '--plain');
      await drill.seen(/bad deploy is live/);
      drill.child.kill('SIGINT');
      const { code, stdout } = await drill.ended;
      expect(code, stdout).toBe(130);
      expect(stdout).toMatch(/restore {4}proven/);
      expect(workplace.record()).toMatchObject({ verdict: { outcome: 'interrupted' }, restore: { proven: true } });
      expect(workplace.journals()).toEqual([]);
    },
    DRILL,
  );

  test(
    'SIGKILL in the middle leaves no process behind, and the next start clears what it wrote',
    async () => {
      const drill = workplace.start('run', 'crash-loop', '--plain');
      await drill.seen(/bad deploy is live/);
      const { pid } = drill.child;
      expect([...podProcesses()].filter(found => parentOf(found) === pid).length).toBeGreaterThan(3);
      drill.child.kill('SIGKILL');
      await drill.ended;
      expect(await leftBehind(pid)).toEqual([]);
      expect(workplace.journals()).toHaveLength(1);
      // A sandbox dies with its run: there is nothing to restore, and nothing to be told of.
      const { code, stdout } = await workplace.run('restore');
      expect(code).toBe(0);
      expect(stdout).toContain('nothing to restore');
    },
    DRILL,
  );
});

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

describe('bad input: exit code 2, nothing started', () => {
  test.each([
    ['an unknown scenario, with what is meant', ['run', 'eror-rate'], /error-rate/],
    ['an unknown option', ['run', '--jsno'], /jsno/],
    ['an unknown command', ['rnu'], /run/],
    ['a port without a context', ['run', '--namespace', 'shop'], /--context/],
    ['a run that is not there', ['report', 'nope'], /no run nope/],
  ])('%s', async (_name, args, message) => {
    const { code, stderr } = await workplace.run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(existsSync(workplace.reports)).toBe(false);
  });

  test('a scenario with mistakes: every one at once, with line and column', async () => {
    writeFileSync(
      join(workplace.directory, 'mine.yaml'),
      [
        'apiVersion: rehearse.dev/v1',
        'kind: Scenario',
        'metadata: { name: mine, titel: Mine }',
        'spec:',
        '  target: { workload: deploymnt/payments }',
        '  probes: []',
        '',
      ].join('\n'),
    );
    const { code, stderr } = await workplace.run('run', './mine.yaml');
    expect(code).toBe(2);
    expect(stderr).toMatch(/mine\.yaml:3:\d+: .*titel/);
    expect(stderr).toMatch(/mine\.yaml:5:\d+: /);
    expect(stderr).toMatch(/mine\.yaml:6:\d+: /);
    expect(existsSync(workplace.reports)).toBe(false);
  });

  test('a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await workplace.run('sandbox', 'up', '--port', String(port));
    server.close();
    expect(code).toBe(2);
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is taken`);
  });

  test('a folder for reports that cannot be made', async () => {
    writeFileSync(join(workplace.directory, 'reports'), 'a file');
    const { code, stderr } = await workplace.run('run');
    expect(code).not.toBe(0);
    expect(stderr).toContain('reports');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('refused: exit code 3, nothing changed', () => {
  test('an unknown workload', async () => {
    const scenario = readFileSync(new URL('../../scenarios/bad-image.yaml', import.meta.url), 'utf8')
      .replace('deployment/frontend', 'deployment/nowhere')
      .replace(/runbook: .*/, '');
    writeFileSync(join(workplace.directory, 'mine.yaml'), scenario.replace('name: bad-image', 'name: mine'));
    const { code, stdout, stderr } = await workplace.run('run', './mine.yaml', '--plain');
    expect(code, stdout + stderr).toBe(3);
    expect(stdout + stderr).toContain('nowhere');
    expect(workplace.journals()).toEqual([]);
  });
});
