import { describe, expect, test } from 'vitest';
import { peoplesTime, SPENDINGS, timeSpent } from '../../src/insights/time-spent.ts';
import { type Activity, activity } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import type { RunRecord } from '../../src/record/run-record.ts';
import { PRACTICE_KINDS, practiceEvents } from '../fixtures/practice-runs.ts';
import { RUN_KINDS, random, runEvents } from '../fixtures/runs.ts';

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

/** Every moment from t0 to the end is told once. */
function expectWhole(record: RunRecord): void {
  const spent = timeSpent(record);
  if (!record.moments.deployed) {
    expect(spent).toBeUndefined();
    return;
  }
  if (!spent) throw new Error('a deploy is there, and no time was spent');
  expect(spent.fromTMs).toBe(record.moments.deployed.tMs);
  const whole = spent.toTMs - spent.fromTMs;
  if (record.recovery.durationMs !== undefined) expect(whole).toBeCloseTo(record.recovery.durationMs, 6);
  expect(sum(Object.values(spent.total))).toBeCloseTo(whole, 6);
  for (const spending of SPENDINGS)
    expect(sum(Object.values(spent.phases).map(parts => parts[spending]))).toBeCloseTo(spent.total[spending], 6);
  let at = spent.fromTMs;
  for (const span of spent.spans) {
    expect(span.startTMs).toBe(at);
    expect(span.endTMs).toBeGreaterThan(span.startTMs);
    at = span.endTMs;
  }
  expect(at).toBe(spent.toTMs);
}

describe('where the minutes went', () => {
  test.each(RUN_KINDS)('%s: the parts add up', kind => expectWhole(foldEvents(runEvents(kind))));
  test.each(PRACTICE_KINDS)('%s: the parts add up', kind => expectWhole(foldEvents(practiceEvents(kind))));

  test('the parts add up whatever was recorded: overlaps, gaps, activities before t0 and after t4, moments in any order', () => {
    const next = random(20261122);
    for (let round = 0; round < 400; round++) {
      const record = foldEvents(practiceEvents('practice').filter(event => event.type !== 'probe.sampled'));
      const at = () => Math.round(next() * 300_000) / 10;
      record.activities = Array.from({ length: Math.floor(next() * 30) }, () => {
        const startTMs = at();
        const name = activity.options[Math.floor(next() * activity.options.length)] as Activity;
        return {
          activity: name,
          startTMs,
          endTMs: startTMs + (next() < 0.1 ? 0 : at() / 5),
          stepId: undefined,
          detail: undefined,
        };
      });
      for (const moment of ['detected', 'diagnosed', 'rollback-issued', 'rolled-back', 'restored'] as const) {
        const reached = record.moments[moment];
        if (reached) reached.tMs = at();
        if (next() < 0.2) delete record.moments[moment];
      }
      const { deployed, restored } = record.moments;
      if (deployed) deployed.tMs = next() < 0.5 ? at() : 0;
      record.phases.rollback.startTMs = next() < 0.3 ? undefined : at();
      record.recovery.durationMs = deployed && restored ? Math.max(0, restored.tMs - deployed.tMs) : undefined;
      expectWhole(record);
    }
  });

  test('each phase has what was told between its moments, cut at its bounds', () => {
    const record = foldEvents(practiceEvents('practice'));
    const spent = timeSpent(record);
    expect(spent?.phases.detection).toMatchObject({ cluster: expect.closeTo(12_200, 0), person: 0 });
    expect(spent?.phases.diagnosis).toMatchObject({
      person: expect.closeTo(130_800, 0),
      pause: 19_500,
      machine: expect.closeTo(3900, 0),
    });
    for (const [name, parts] of Object.entries(spent?.phases ?? {}))
      expect(sum(Object.values(parts))).toBeCloseTo(record.phases[name as keyof RunRecord['phases']].durationMs ?? 0, 6);
    expect(peoplesTime(spent as NonNullable<typeof spent>).get('follow-the-errors')).toBeCloseTo(49_400, 0);
  });

  test('who rolls back before naming the cause has no rollback phase before the command', () => {
    const record = foldEvents(practiceEvents('practice').filter(event => !('moment' in event && event.moment === 'diagnosed')));
    const spent = timeSpent(record);
    expect(sum(Object.values(spent?.phases.rollback ?? {}))).toBeCloseTo(record.phases.rollback.durationMs ?? 0, 6);
    expectWhole(record);
  });

  test('runs that did not tell are read from their steps, and what these do not explain is not guessed', () => {
    const spent = timeSpent(foldEvents(runEvents('missed-objective')));
    expect(spent?.total.person).toBeCloseTo(15_211, 0);
    expect(spent?.total['hand-over']).toBe(0);
    const record = foldEvents(runEvents('missed-objective'));
    record.runbook.steps = record.runbook.steps.filter(step => step.id !== 'get-approval');
    expect(timeSpent(record)?.total).toMatchObject({ person: 0, untold: expect.closeTo(15_216, 0) });
  });
});
