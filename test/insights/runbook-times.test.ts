import { describe, expect, test } from 'vitest';
import { findings } from '../../src/insights/findings.ts';
import {
  compareRuns,
  improvedTimes,
  sameRunbook,
  stepTimes,
  unexplainedWaits,
  unreachedSteps,
} from '../../src/insights/runbook-times.ts';
import { foldEvents } from '../../src/record/fold.ts';
import type { RunRecord } from '../../src/record/run-record.ts';
import { practiceEvents } from '../fixtures/practice-runs.ts';
import { runEvents } from '../fixtures/runs.ts';

const practice = (pace = 1) => foldEvents(practiceEvents('practice', '2026-11-22T15:10:00.000Z', pace));

describe('waits that no step explains', () => {
  test('lie between steps, with the steps beside them', () => {
    const [wait, more] = unexplainedWaits(practice());
    expect(more).toBeUndefined();
    expect(wait).toMatchObject({
      waitedMs: expect.closeTo(7800, 0),
      after: { id: 'see-what-changed' },
      before: { id: 'name-the-release' },
    });
  });

  test('a hand-over or a pause between steps is explained', () => {
    expect(unexplainedWaits(foldEvents(practiceEvents('roles')))).toEqual([]);
    const record = practice();
    record.activities = record.activities.map(each =>
      each.stepId === 'see-what-changed' ? { ...each, activity: 'pause' as const } : each,
    );
    expect(unexplainedWaits(record)).toEqual([]);
  });

  test('what comes after the last step is a wait as well, until the service is restored', () => {
    const record = practice();
    record.runbook.steps = record.runbook.steps.filter(step => step.id !== 'verify');
    expect(unexplainedWaits(record).at(-1)).toMatchObject({
      waitedMs: expect.closeTo(21_400, 0),
      before: undefined,
      after: { id: 'roll-back' },
    });
  });

  test('a run without a runbook has none, and neither has one that deployed nothing', () => {
    const record = practice();
    record.runbook.steps = [];
    expect(unexplainedWaits(record)).toEqual([]);
    expect(unexplainedWaits(foldEvents(runEvents('refused')))).toEqual([]);
  });
});

test('steps never reached are known by name, in the order of the runbook', () => {
  expect(unreachedSteps(foldEvents(practiceEvents('blind'))).map(step => step.title)).toEqual([
    'Follow the errors down the call graph',
    'Check that going back is safe',
    'Tell the channel',
    'Keep the evidence',
  ]);
});

describe('beside an earlier run', () => {
  test('steps and phases are faster, slower, or much the same', () => {
    const { steps, phases } = compareRuns(practice(), practice(1.4));
    expect(steps.find(step => step.id === 'name-the-release')).toMatchObject({ change: 'faster' });
    expect(steps.find(step => step.id === 'wait-for-the-alert')).toMatchObject({ change: 'same' });
    expect(phases.at(-1)).toMatchObject({ name: 'total', nowMs: 231_200 });
    expect(compareRuns(practice(1.4), practice()).steps.find(step => step.id === 'is-it-safe')?.change).toBe('slower');
  });

  test('a step that only one of them followed is told as such', () => {
    const now = practice();
    const before = practice();
    now.runbook.steps = now.runbook.steps.filter(step => step.id !== 'is-it-safe');
    before.runbook.steps = before.runbook.steps.filter(step => step.id !== 'roll-back');
    const { steps } = compareRuns(now, before);
    expect(steps.find(step => step.id === 'is-it-safe')).toMatchObject({ change: 'gone', durationMs: undefined });
    expect(steps.find(step => step.id === 'roll-back')).toMatchObject({ change: 'new', thenMs: undefined });
  });

  test('visits of a step count together', () => {
    const record = practice();
    const [step] = record.runbook.steps.filter(each => each.id === 'is-it-safe');
    if (!step) throw new Error('the step is there');
    record.runbook.steps.push({ ...step, visit: 2, startTMs: step.startTMs + 90_000 });
    expect(stepTimes(record).find(each => each.id === 'is-it-safe')?.durationMs).toBeCloseTo(27_000, 0);
  });

  test('it is the same runbook by its file or by its text', () => {
    const other = (change: object): RunRecord => {
      const record = practice();
      if (record.plan?.runbook) Object.assign(record.plan.runbook, change);
      return record;
    };
    expect(sameRunbook(practice(), other({ digest: 'changed since' }))).toBe(true);
    expect(sameRunbook(practice(), other({ path: 'moved.md' }))).toBe(true);
    expect(sameRunbook(practice(), other({ path: 'other.md', digest: 'other' }))).toBe(false);
    expect(sameRunbook(practice(), foldEvents(runEvents('refused')))).toBe(false);
  });
});

describe('expected times that the runs suggest', () => {
  test('the median of the runs done the same way, rounded up to a figure that people use', () => {
    const one = improvedTimes(practice()).find(step => step.id === 'name-the-release');
    expect(one).toMatchObject({ improved: '75s', runs: 1, expectedMs: 10_000 });
    const three = improvedTimes(practice(), [practice(1.4), practice(1.9)]).find(step => step.id === 'name-the-release');
    expect(three).toMatchObject({ improved: '105s', runs: 3, tookMs: expect.closeTo(95_900, -1) });
    // What nobody waits for at a keyboard says nothing about people.
    const automatic = { ...practice(0.1), mode: 'automatic' as const };
    expect(improvedTimes(practice(), [automatic]).find(step => step.id === 'name-the-release')?.runs).toBe(1);
  });

  test.each([
    [40, '1s'],
    [1000, '1s'],
    [9400, '10s'],
    [12_200, '15s'],
    [58_000, '1m'],
    [61_000, '75s'],
    [290_000, '5m'],
    [400_000, '7m'],
    [3_000_000, '50m'],
  ])('%i ms is %s', (durationMs, improved) => {
    const record = practice();
    record.runbook.steps = record.runbook.steps.filter(step => step.id === 'is-it-safe').map(step => ({ ...step, durationMs }));
    expect(improvedTimes(record).map(step => step.improved)).toEqual([improved]);
  });

  test('an automatic run does not tell people to read in a second; what waits for the cluster it may shorten', () => {
    const times = Object.fromEntries(
      improvedTimes({ ...practice(0.01), mode: 'automatic' }).map(step => [step.id, [step.improved, step.kept]]),
    );
    expect(times).toMatchObject({
      'see-how-bad-it-is': ['5s', true],
      'is-it-safe': ['5s', true],
      'roll-back': ['1s', false],
    });
    expect(improvedTimes({ ...practice(), mode: 'automatic' }).find(step => step.id === 'see-how-bad-it-is')).toMatchObject({
      improved: '20s',
      kept: false,
    });
  });

  test('a step that failed, or was left out, suggests nothing', () => {
    expect(improvedTimes(practice()).map(step => step.id)).not.toContain('see-what-changed');
    expect(improvedTimes(foldEvents(runEvents('never-detected')))).toEqual([]);
  });
});

describe('what a drill with people teaches', () => {
  const ids = (record: RunRecord) => findings(record).map(each => each.id);

  test('practice: where people were slow, what they skipped, tried again and did elsewhere', () => {
    expect(ids(practice())).toEqual(
      expect.arrayContaining([
        'diagnosis-wrong',
        'steps-slow',
        'step-repeated',
        'people-time',
        'steps-skipped',
        'rollback-outside',
      ]),
    );
    // That a person is needed is what a practice is for.
    expect(ids(practice())).not.toContain('steps-need-people');
  });

  test('roles: nobody had one, somebody was away, and what that cost', () => {
    const found = findings(foldEvents(practiceEvents('roles')));
    expect(found.find(each => each.id === 'role-away')).toMatchObject({
      title: 'The rollback owner was away',
      costMs: expect.closeTo(57_500, 0),
    });
    expect(found.find(each => each.id === 'role-unassigned')).toMatchObject({ title: 'Nobody was the scribe' });
    expect(found.find(each => each.id === 'command-gap')?.evidence).toContain('hand-overs took 1 m 17 s of it');
    expect(found.find(each => each.id === 'would-escalate')?.title).toBe('mira would have called head of payments');
    expect(found.find(each => each.id === 'break-glass-used')?.evidence).toContain('2 commands');
  });

  test('elevated access that nobody gave up is a warning', () => {
    const record = foldEvents(practiceEvents('roles').filter(event => event.type !== 'break-glass.closed'));
    expect(findings(record).find(each => each.id === 'break-glass-open')).toMatchObject({ severity: 'warning' });
  });

  test('blind: how many hints it took', () => {
    expect(findings(foldEvents(practiceEvents('blind'))).find(each => each.id === 'hints-needed')?.evidence).toContain(
      '6 points',
    );
  });
});
