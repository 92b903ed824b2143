/** Whole drills that a person plays, in a real pseudo-terminal, with the built program and the sandbox. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packageFile } from '../../src/package-file.ts';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';
import { hasTmux, Terminal, type TerminalSize } from './tmux.ts';

let place: Workplace;
let terminal: Terminal | undefined;
beforeEach(() => {
  place = createWorkplace();
});
afterEach(() => {
  terminal?.close();
  terminal = undefined;
  place.remove();
});

function play(args: string, size: TerminalSize = { columns: 80, rows: 24 }): Terminal {
  const program = packageFile('dist', 'rehearse.js');
  terminal = new Terminal(`${process.execPath} ${program} run ${args} --as mira --reports ${place.reports}`, {
    ...size,
    cwd: place.directory,
    env: { REHEARSE_STATE_DIR: place.environment['REHEARSE_STATE_DIR'] ?? '', LANG: 'C.UTF-8' },
  });
  return terminal;
}

/** A person does not answer before they have seen what is asked; a prompt does not take what was typed before it stood there. */
const glance = () => new Promise(resolve => setTimeout(resolve, 400));

async function at(pattern: RegExp, line: string): Promise<string> {
  const screen = await (terminal as Terminal).until(pattern);
  await glance();
  terminal?.type(line);
  return screen;
}

async function nameTheCause(workload: string, why: string): Promise<void> {
  await at(/Which workload is the cause\?/, `deployment/${workload}`);
  await at(/Which of its changes\?/, '2');
  await at(/How do you know\?/, why);
}

/** No line is wider than the terminal, and the prompt is on it. */
function looksRight(screen: string, { columns, rows }: TerminalSize): void {
  const lines = screen.split('\n');
  expect(lines.length).toBeLessThanOrEqual(rows);
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(columns);
  expect(screen).toContain('mira');
}

describe.skipIf(!hasTmux())('a drill in a terminal (needs tmux)', () => {
  test('from the alert to the report: every step, a note, a resize, and where the time went', async () => {
    play('error-rate --practice');
    const waiting = await (terminal as Terminal).until(/waiting for a detector/);
    expect(waiting).toContain('Wait for the alert');
    const step = await at(/Step 2 of 10: See how bad it is[\s\S]*Enter shows service-level/, 'n purchases fail');
    looksRight(step, { columns: 80, rows: 24 });
    await (terminal as Terminal).until(/note +mira: purchases fail/);
    terminal?.resize({ columns: 60, rows: 20 });
    await glance();
    looksRight(await (terminal as Terminal).until(/Enter shows service-level/), { columns: 60, rows: 20 });
    terminal?.resize({ columns: 100, rows: 40 });
    await glance();
    looksRight((terminal as Terminal).screen(), { columns: 100, rows: 40 });
    terminal?.type('');
    await at(/Step 3 of 10/, '');
    await at(/Step 4 of 10[\s\S]*Enter shows changes/, 'sk the dashboard shows them');
    await at(/Step 5 of 10[\s\S]*Enter: name the cause/, '');
    await nameTheCause('payments', 'errors of its own');
    await at(/The release carries no database migration[\s\S]*›/, 'y');
    await at(/Enter puts it on the record/, '');
    await at(/Step 8 of 10[\s\S]*Enter rolls back here/, '');
    await at(/Step 9 of 10[\s\S]*Enter waits until every check holds/, '');
    await at(/Step 10 of 10[\s\S]*Enter shows service-level/, '');
    await (terminal as Terminal).until(/ended with \d/);
    const everything = (terminal as Terminal).everything();
    expect(everything).toMatch(/restore +proven/);
    expect(everything).toContain('ended with 0');

    const record = place.record();
    expect(record.verdict.outcome).toBe('met');
    expect(record.moments.diagnosed?.by).toBe('mira');
    expect(record.runbook.steps.map(one => one.outcome)).toEqual([
      ...['passed', 'passed', 'passed', 'skipped'],
      ...['passed', 'passed', 'passed', 'passed', 'passed', 'passed'],
    ]);
    expect(record.runbook.steps[3]?.reason).toBe('the dashboard shows them');
    expect(record.notes).toContainEqual(expect.objectContaining({ by: 'mira', text: 'purchases fail' }));
    // The same steps, in the same order, as when nobody is at the keyboard.
    expect(record.runbook.steps.map(one => one.id)).toEqual(record.plan?.runbook?.outline?.map(one => one.id));
    const of = (activity: string) =>
      record.activities.filter(one => one.activity === activity).reduce((sum, one) => sum + one.endTMs - one.startTMs, 0);
    expect(of('person')).toBeGreaterThan(2000);
    expect(of('cluster')).toBeGreaterThan(500);
    expect(of('pause')).toBe(0);
    expect(place.journals()).toEqual([]);
  });

  test('their own hands: kubectl in another window rolls back, the drill notices, and tells who and how', async () => {
    play('error-rate --practice', { columns: 120, rows: 40 });
    const told = await (terminal as Terminal).until(/export KUBECONFIG=\S+/);
    const kubeconfig = /export KUBECONFIG=([^;\s]+)/.exec(told)?.[1] ?? '';
    await at(/Step 2 of 10[\s\S]*Enter shows service-level/, 'c');
    await nameTheCause('payments', 'its log');
    await at(/That is it[\s\S]*Enter shows service-level/, 'a');
    await promisify(execFile)('kubectl', ['--kubeconfig', kubeconfig, '-n', 'shop', 'rollout', 'undo', 'deployment/payments']);
    await (terminal as Terminal).until(/t3 +rolled back/);
    await (terminal as Terminal).until(/t4 +service restored/);
    await at(/Enter shows service-level/, 'q');
    await at(/End the drill\?/, 'y');
    await (terminal as Terminal).until(/ended with 130/);
    const { rollback, moments } = place.record();
    expect(rollback).toMatchObject({ kind: 'outside' });
    expect(rollback?.outside?.how).toMatch(/^by kubectl/);
    expect(moments.restored).toBeDefined();
  });

  test('Ctrl-C at a prompt restores', async () => {
    play('crash-loop --practice');
    await (terminal as Terminal).until(/Step 2 of/);
    terminal?.press('C-c');
    await (terminal as Terminal).until(/ended with 130/);
    expect((terminal as Terminal).everything()).toMatch(/restore +proven/);
    expect(place.record().verdict.outcome).toBe('interrupted');
    // What is typed is seen again: the terminal is as it was.
    terminal?.type('stty -a | tr " " "\\n" | grep -x -e echo -e icanon | wc -l');
    await (terminal as Terminal).until(/^2$/m);
  });

  test('a window that is closed restores', async () => {
    play('crash-loop --practice');
    await (terminal as Terminal).until(/Step 2 of/);
    terminal?.hangUp();
    const end = performance.now() + 30_000;
    for (;;) {
      try {
        if (place.record().verdict.outcome !== 'unfinished') break;
      } catch {
        // run.json is not there yet.
      }
      if (performance.now() > end) throw new Error('it did not end');
      await glance();
    }
    expect(place.record().verdict.outcome).toBe('interrupted');
    expect(place.record().restore?.proven).toBe(true);
    expect(place.journals()).toEqual([]);
  });
});
