import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { foldEvents } from '../../src/record/fold.ts';
import { runRehearsal } from '../../src/rehearsal/rehearsal.ts';
import type { RunbookEnvironment } from '../../src/runbook/environment.ts';
import { loadRunbook } from '../../src/runbook/load.ts';
import { createWorld } from '../rehearsal/drill-world.ts';
import { follow, step } from './following.ts';
import { type ScriptedPerson, scriptedPerson } from './practising.ts';

const candidate = (name: string, revision: string, change: string) => ({
  workload: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name },
  revisions: [{ revision, change, changedAt: '2026-11-22T19:00:00Z' }],
});

const BOOK =
  step('Wait for the alert', 'do: await-detection') +
  step('Look', 'show: pods\nphase: diagnosis\nexpected: 10s') +
  step('Name it', 'do: diagnose\nowner: on-call engineer') +
  step('Roll back', 'do: rollback\nowner: rollback owner\nexpected: 20s') +
  step('Verify', 'do: verify');

/** A whole drill in which the person says what the script says. */
async function practise(
  script: Parameters<typeof scriptedPerson>[0],
  options: {
    book?: string;
    environment?: RunbookEnvironment;
    thinkMs?: number;
    change?(world: ReturnType<typeof createWorld>): void;
  } = {},
) {
  const world = createWorld();
  // Commands of the runbook are real processes: the world's time runs on while they start, hours of it.
  world.options.scenario.scenario.spec.limits.total = '1000h';
  const directory = await mkdtemp(join(tmpdir(), 'practice-test-'));
  try {
    const path = join(directory, 'book.md');
    await writeFile(path, options.book ?? BOOK);
    const person: ScriptedPerson = scriptedPerson(script, {
      thinkMs: options.thinkMs ?? 2000,
      sleep: ms => world.clock.sleep(ms),
    });
    world.options.play = { mode: 'practice' };
    world.options.roles.runbook = await loadRunbook(path, { ...options.environment, person });
    world.options.roles.candidates = async () => [
      candidate('payments', '2', 'image a → b'),
      candidate('checkout', '7', 'image c → d'),
    ];
    world.options.roles.hints = [
      { text: 'look at what changed', cost: 5 },
      { text: 'it is payments', cost: 20 },
    ];
    options.change?.(world);
    const result = await runRehearsal(world.options);
    return { world, person, result, record: foldEvents(world.events) };
  } finally {
    world.clock.stop();
    await rm(directory, { recursive: true });
  }
}

const NAMES_IT: [string, string][] = [
  ['Which workload', 'deployment/payments'],
  ['How do you know', 'its errors began with its deploy'],
];

describe('a person follows the runbook', () => {
  test('from the alert to restored; who did what, and where the time went, is on the record', async () => {
    const { record, result, person } = await practise(NAMES_IT);
    expect(result.outcome).toBe('met');
    expect(record.mode).toBe('practice');
    expect(person.prompts).toEqual([
      'waiting: waiting for a detector',
      'step: Look',
      'waiting: reading pods',
      'step: Name it',
      'choice: Which workload is the cause?',
      'text: How do you know? (Enter: no words)',
      'step: Roll back',
      'waiting: rolling back',
      'step: Verify',
      'waiting: waiting until every check holds',
    ]);
    expect(record.moments.diagnosed?.by).toBe('mira');
    expect(record.diagnosis.answers).toMatchObject([{ by: 'mira', correct: true }]);
    expect(record.runbook.steps.map(one => [one.title, one.outcome, one.by])).toEqual([
      ['Wait for the alert', 'passed', 'mira'],
      ['Look', 'passed', 'mira'],
      ['Name it', 'passed', 'mira'],
      ['Roll back', 'passed', 'mira'],
      ['Verify', 'passed', 'mira'],
    ]);
    const spent = (activity: string) =>
      record.activities.filter(one => one.activity === activity).reduce((sum, one) => sum + one.endTMs - one.startTMs, 0);
    // Prompts that a person answered after two seconds each: three steps, the cause, the reason. Not the last step: the checks held by themselves.
    expect(spent('person')).toBe(10_000);
    expect(spent('cluster')).toBeGreaterThan(0);
    const first = record.activities[0]?.startTMs ?? 0;
    const total = record.activities.reduce((sum, one) => sum + one.endTMs - one.startTMs, 0);
    expect(first + total).toBeCloseTo(record.moments.restored?.tMs ?? 0, 0);
  });

  test('a wrong answer is told, kept with its time, and does not count as diagnosed', async () => {
    const { record, person } = await practise([['Which workload', 'deployment/checkout'], ...NAMES_IT, ...NAMES_IT]);
    expect(record.diagnosis.answers.map(one => one.correct)).toEqual([false, true]);
    expect(person.told.some(text => text.startsWith('That is not what was deployed badly: deployment/checkout'))).toBe(true);
    const [wrong, right] = record.diagnosis.answers;
    expect(record.moments.diagnosed?.tMs).toBe(right?.tMs);
    expect(wrong?.tMs).toBeLessThan(right?.tMs ?? 0);
  });

  test('blind: a wrong answer is taken as it is, what was blamed is put into the undo first, and the way back is found', async () => {
    const { record, person, world } = await practise(
      [
        ['Which workload', 'deployment/checkout'],
        ['waiting until every check', ':back'],
        ['Verify', ':cause'],
        ...NAMES_IT,
        ['Verify', ':rollback'],
      ],
      { environment: { blind: true } },
    );
    expect(person.told.filter(text => text.includes('Whether it is right shows at the end'))).toHaveLength(2);
    expect(person.told.some(text => text.includes('not what was deployed'))).toBe(false);
    expect(world.calls.filter(call => call === 'undo checkout')).toHaveLength(1);
    expect(world.calls.indexOf('undo checkout')).toBeLessThan(world.calls.indexOf('rollback'));
    expect(record.diagnosis.answers.map(one => one.correct)).toEqual([false, true]);
    expect(record.verdict.outcome).toBe('met');
  });

  test('back, skip with a reason, notes, escalation, a pause and hints are kept', async () => {
    const { record, person } = await practise([
      ['Look', ':note frontend is red'],
      ['Look', ':hint'],
      ['Look', ':skip seen on the dashboard already'],
      ['Name it', ':back'],
      ['Look', ':escalate the payments team'],
      ['Why?', 'nobody knows this service'],
      ['Look', ':pause the doorbell'],
      ...NAMES_IT,
    ]);
    expect(record.runbook.steps.filter(one => one.title === 'Look').map(one => [one.outcome, one.reason, one.visit])).toEqual([
      ['skipped', 'seen on the dashboard already', 1],
      ['passed', undefined, 2],
    ]);
    expect(record.runbook.steps.find(one => one.title === 'Name it')).toMatchObject({
      outcome: 'interrupted',
      reason: 'went back',
    });
    expect(record.notes).toMatchObject([{ by: 'mira', text: 'frontend is red' }]);
    expect(record.escalations).toMatchObject([{ by: 'mira', to: 'the payments team', reason: 'nobody knows this service' }]);
    expect(record.hints).toMatchObject([{ level: 1, text: 'look at what changed', cost: 5 }]);
    expect(person.told).toContain('look at what changed (−5 points)');
    expect(record.activities.filter(one => one.activity === 'pause')).toMatchObject([{ detail: 'the doorbell' }]);
    expect(record.verdict.outcome).toBe('met');
  });

  test('a rollback by their own hands counts, with who and how', async () => {
    const { record, world } = await practise([...NAMES_IT, ['Roll back', ':done']], {
      change: given => {
        const { candidates } = given.options.roles;
        // By hand, some time after the cause was known.
        given.options.roles.candidates = async () => {
          void given.clock.sleep(9000).then(() => given.rollBackByHand());
          return candidates();
        };
      },
    });
    expect(world.calls).not.toContain('rollback');
    expect(record.rollback).toMatchObject({ kind: 'outside', outside: { manager: 'kubectl-edit', how: 'by kubectl edit' } });
    expect(record.runbook.steps.find(one => one.title === 'Roll back')).toMatchObject({ outcome: 'passed', byHand: true });
    expect(record.verdict.outcome).toBe('met');
  });

  test('a person sees it before any detector: their report is t1', async () => {
    const { record } = await practise([['waiting for a detector', ':alert purchases fail'], ...NAMES_IT], {
      change: world => {
        world.behaviour.detectAfterMs = 60_000;
      },
    });
    expect(record.moments.detected).toMatchObject({ by: 'mira', detail: 'purchases fail' });
  });

  test('quit ends the drill, and the target is restored', async () => {
    const { result, world } = await practise([['Look', ':quit']]);
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'ended by mira' });
    expect(world.calls).toContain('restore');
  });

  test('a terminal that goes away ends the drill, and the target is restored', async () => {
    const { result, world } = await practise([['Look', ':gone']]);
    expect(result).toMatchObject({ outcome: 'interrupted', reason: 'the terminal is gone' });
    expect(world.calls).toContain('restore');
  });

  test('a command that fails can be tried again, left, or gone past', async () => {
    const book =
      step('Wait', 'do: await-detection') +
      step('Try', 'run: no-such-program --at all\nphase: diagnosis') +
      step('Name it', 'do: diagnose') +
      step('Roll back', 'do: rollback') +
      step('Verify', 'do: verify');
    const { record } = await practise([['failed', ''], ['failed', ':skip not needed here'], ...NAMES_IT], { book });
    expect(record.runbook.steps.find(one => one.title === 'Try')).toMatchObject({
      outcome: 'failed',
      tries: 2,
      reason: 'not needed here',
      error: expect.stringContaining('no-such-program is not installed'),
    });
    expect(record.verdict.outcome).toBe('met');
  });
});

describe('output of a command while a person looks on', () => {
  test('comes line by line, redacted, harmless, and not without end', async () => {
    const person = scriptedPerson([]);
    const script = `console.log("\\u001b[31mred\\u001b[0m"); console.log("token: hunter2hunter2"); process.stdout.write("no end")`;
    const run = await follow(step('Try', '', `${process.execPath} -e '${script}'`), {
      person,
      secrets: ['hunter2hunter2'],
      actions: { reached: () => true },
    });
    expect(run.finished).toMatchObject([{ outcome: 'passed' }]);
    expect(person.streamed[0]).toBe('red');
    expect(person.streamed[1]).not.toContain('hunter2');
    expect(person.streamed[2]).toBe('no end');

    const many = scriptedPerson([]);
    await follow(step('Many', '', `${process.execPath} -e 'for (let i = 0; i < 20000; i++) console.log(i)'`), {
      person: many,
      actions: { reached: () => true },
    });
    expect(many.streamed.length).toBe(521);
    expect(many.streamed.slice(499, 502)).toEqual(['499', '[… 19480 lines are not shown here …]', '19980']);
    expect(many.streamed.at(-1)).toBe('19999');
  });
});

describe('roles', () => {
  const roles = [
    { role: 'on-call engineer', person: 'mira', away: false },
    { role: 'rollback owner', person: 'Grace', away: false },
  ];

  test('a step of another role is handed over, and the time until it is taken is told', async () => {
    const { record } = await practise(NAMES_IT, { environment: { roles } });
    expect(record.handOvers).toMatchObject([
      { role: 'rollback owner', from: 'mira', to: 'Grace', reason: 'owner of the step', waitedMs: 2000, stepId: 'roll-back' },
    ]);
    expect(record.runbook.steps.find(one => one.title === 'Roll back')?.by).toBe('Grace');
    expect(record.activities.some(one => one.activity === 'hand-over' && one.endTMs - one.startTMs === 2000)).toBe(true);
  });

  test('an owner who is away: the drill finds out who acts, and why', async () => {
    const away = roles.map(one => (one.person === 'Grace' ? { ...one, away: true } : one));
    const { record } = await practise([['does not answer', 'Lin'], ['Why Lin', 'she has the rights'], ...NAMES_IT], {
      environment: { roles: away },
    });
    expect(record.handOvers).toMatchObject([
      { from: 'Grace', to: 'Lin', reason: 'Grace is away; she has the rights', waitedMs: 4000 },
    ]);
  });

  test('a role that nobody has costs time, and is told', async () => {
    const { record } = await practise([['nobody was named', 'mira'], ...NAMES_IT], { environment: { roles: roles.slice(0, 1) } });
    expect(record.handOvers).toMatchObject([{ role: 'rollback owner', to: 'mira', reason: 'nobody had the role' }]);
    expect(record.handOvers[0]?.from).toBeUndefined();
  });
});
