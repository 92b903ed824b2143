import { describe, expect, test } from 'vitest';
import { RehearseError } from '../../src/errors/errors.ts';
import { eventText } from '../../src/record/event-text.ts';
import type { EventBody, RehearsalEvent } from '../../src/record/events.ts';
import { eventNumber, momentEventNumber } from '../../src/record/find-event.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { deployment, EventLog, RUN_KINDS, runEvents } from '../fixtures/runs.ts';

/** A run of a few events: what is not told is as in the met run. */
function shortRun(...bodies: [number, EventBody][]): RehearsalEvent[] {
  const log = new EventLog('2026-11-22T10:00:00.000Z');
  const [first] = runEvents('met');
  if (first?.type !== 'run.started') throw new Error('a run starts with run.started');
  const { seq: _seq, at: _at, tMs: _tMs, ...started } = first;
  log.at(0, started);
  for (const [tMs, body] of bodies) log.at(tMs, body);
  return log.events();
}

const moment = (
  name: Extract<EventBody, { type: 'moment.reached' }>['moment'],
  momentTMs: number,
  by = 'x',
): [number, EventBody] => [momentTMs + 1, { type: 'moment.reached', moment: name, momentTMs, by, uncertaintyMs: 0 }];

describe('the fold of events into a record', () => {
  test('the four phases of a whole recovery add up to its time, from the bad deploy to restored', () => {
    const record = foldEvents(runEvents('met'));
    const { detection, diagnosis, rollback, verification } = record.phases;
    expect(record.recovery).toEqual({ durationMs: 17_262 - 5118, objectiveMs: 20_000, met: true });
    expect([detection, diagnosis, rollback, verification].map(phase => phase.durationMs)).toEqual([3022, 1182, 3058, 4882]);
    expect(3022 + 1182 + 3058 + 4882).toBe(record.recovery.durationMs);
    expect([detection, diagnosis, rollback, verification].every(phase => phase.met === true && !phase.censored)).toBe(true);
    expect(record.alertToCommandMs).toBe(9410 - 8140);
  });

  test('a detector that did not tell first still shows when it would have told, one that never told shows nothing', () => {
    const late = foldEvents(runEvents('missed-objective')).detectors;
    expect(late.map(({ name, first, afterDeployMs }) => ({ name, first, afterDeployMs }))).toEqual([
      { name: 'checkout-slo', first: true, afterDeployMs: 16_362 },
      { name: 'workloads', first: false, afterDeployMs: 24_182 },
    ]);
    expect(foldEvents(runEvents('met')).detectors[1]).toMatchObject({ name: 'workloads', signals: [], afterDeployMs: undefined });
  });

  test('a signal before the bad deploy is kept, and is not taken for detection', () => {
    const record = foldEvents(
      shortRun(
        [50, { type: 'signal.raised', detector: 'early', kind: 'probe', message: 'wolf', uncertaintyMs: 0 }],
        moment('deployed', 100),
        [300, { type: 'signal.raised', detector: 'early', kind: 'probe', message: 'fire', uncertaintyMs: 0 }],
        moment('detected', 300, 'early'),
      ),
    );
    expect(record.detectors[0]).toMatchObject({ name: 'early', afterDeployMs: 200, first: true });
    expect(record.detectors[0]?.signals).toHaveLength(2);
  });

  test('a phase that never ended is censored and has no duration; when the drill gave up, its objective is missed', () => {
    const record = foldEvents(runEvents('never-detected'));
    expect(record.phases.detection).toMatchObject({
      startTMs: 5118,
      endTMs: undefined,
      durationMs: undefined,
      met: false,
      censored: true,
    });
    expect(record.phases.diagnosis).toMatchObject({
      startTMs: undefined,
      durationMs: undefined,
      met: undefined,
      censored: false,
    });
    expect(record.recovery).toMatchObject({ durationMs: undefined, met: false });
  });

  test('a phase that was cut short before its objective ran out is not judged', () => {
    const record = foldEvents(
      shortRun(
        moment('deployed', 100),
        [900, { type: 'run.interrupted', signal: 'SIGINT' }],
        [1000, { type: 'restore.started', reason: 'x' }],
        [1500, { type: 'run.finished', outcome: 'interrupted', exitCode: 130, reason: 'interrupted' }],
      ),
    );
    expect(record.phases.detection).toMatchObject({ censored: true, met: undefined });
  });

  test('who rolls back before the cause is named gets no negative duration', () => {
    const early = foldEvents(
      shortRun(
        moment('deployed', 100),
        moment('detected', 200),
        moment('rollback-issued', 300),
        moment('rolled-back', 400),
        moment('diagnosed', 900),
      ),
    );
    expect(early.phases.rollback).toMatchObject({ startTMs: 300, durationMs: 100 });
    const never = foldEvents(
      shortRun(moment('deployed', 100), moment('detected', 200), moment('rollback-issued', 300), moment('rolled-back', 450)),
    );
    expect(never.phases.rollback.durationMs).toBe(150);
    expect(never.phases.diagnosis.censored).toBe(true);
  });

  test('a moment is reached once: a later claim does not rewrite history, and its wall clock is that of the moment', () => {
    const record = foldEvents(shortRun(moment('detected', 200, 'first'), moment('detected', 700, 'second')));
    expect(record.moments.detected).toMatchObject({ tMs: 200, by: 'first', at: '2026-11-22T10:00:00.200Z' });
  });

  test('a step that is repeated has one entry per try', () => {
    const start = (tMs: number): [number, EventBody] => [
      tMs,
      { type: 'runbook.step.started', stepId: 'a', title: 'A', does: 'run' },
    ];
    const end = (tMs: number, outcome: 'failed' | 'passed'): [number, EventBody] => [
      tMs,
      {
        type: 'runbook.step.finished',
        stepId: 'a',
        outcome,
        durationMs: 10,
        output: outcome,
        ...(outcome === 'failed' ? { exitCode: 2 } : {}),
      },
    ];
    const { steps } = foldEvents(shortRun(start(10), end(20, 'failed'), start(30), end(40, 'passed'), start(50))).runbook;
    expect(steps.map(step => [step.startTMs, step.outcome, step.output, step.error])).toEqual([
      [10, 'failed', 'failed', 'exit code 2'],
      [30, 'passed', 'passed', undefined],
      [50, 'unfinished', '', undefined],
    ]);
  });

  test('a rollback that a person made outside the tool counts', () => {
    const record = foldEvents(
      shortRun([500, { type: 'rollback.observed', desiredStateEqualTMs: 480, detail: 'kubectl by mira' }]),
    );
    expect(record.rollback).toMatchObject({ kind: 'observed', desiredStateEqualTMs: 480, mechanismDoneTMs: undefined });
  });

  test('every probe sample is kept, and failures are told apart by how they failed', () => {
    const events = runEvents('met');
    const samples = events.filter(event => event.type === 'probe.sampled');
    const [probe] = foldEvents(events).probes;
    expect(probe?.samples.sentTMs).toHaveLength(samples.length);
    expect(probe?.samples.ok.filter(ok => !ok)).toHaveLength(samples.filter(sample => !sample.ok).length);
    expect(probe?.failures).toEqual([
      { tMs: expect.any(Number), status: 502, error: 'payments answered 502', count: probe?.samples.ok.filter(ok => !ok).length },
    ]);
  });

  test.each(RUN_KINDS)('%s: every beginning of a run can be folded, for a process may be killed anywhere', kind => {
    const events = runEvents(kind);
    for (let n = 1; n < events.length; n += 7) {
      const record = foldEvents(events.slice(0, n));
      expect(record.verdict.outcome).toBe('unfinished');
    }
  });

  test('the outcomes of the engine are passed on as they are', () => {
    expect(Object.fromEntries(RUN_KINDS.map(kind => [kind, foldEvents(runEvents(kind)).verdict.outcome]))).toEqual({
      met: 'met',
      'missed-objective': 'missed',
      'never-detected': 'missed',
      misdiagnosed: 'missed',
      interrupted: 'interrupted',
      'not-restored': 'not-restored',
      refused: 'refused',
      'error-before': 'error',
      killed: 'unfinished',
    });
  });

  test('the record survives JSON: nothing in it depends on how it was stored', () => {
    const record = foldEvents(runEvents('misdiagnosed'));
    expect(foldEvents(runEvents('misdiagnosed'))).toEqual(record);
    expect(JSON.parse(JSON.stringify(record))).toEqual(
      JSON.parse(JSON.stringify(foldEvents(JSON.parse(JSON.stringify(runEvents('misdiagnosed')))))),
    );
  });

  test('events without a start, or none at all, are an error that says so', () => {
    expect(() => foldEvents(runEvents('met').slice(1))).toThrow(RehearseError);
    expect(() => foldEvents([])).toThrow(/no events/);
  });
});

describe('the text of an event', () => {
  test('every event of every run has one, without gaps', () => {
    for (const kind of RUN_KINDS) {
      for (const event of runEvents(kind)) {
        const text = eventText(event);
        expect(text.length).toBeGreaterThan(3);
        expect(text).not.toMatch(/undefined|NaN|\[object|\n/);
      }
    }
  });

  test('it says what a reader of a log needs: who, what and why', () => {
    const event = { seq: 1, at: '', tMs: 0 };
    expect(eventText({ ...event, type: 'diagnosis.answered', by: 'mira', correct: false, suspects: [] })).toBe(
      'diagnosis by mira: no suspect (wrong)',
    );
    expect(eventText({ ...event, type: 'clock.compared', source: 'API server', skewMs: -1200, uncertaintyMs: 500 })).toBe(
      'clock of API server is 1.2 s behind against ours (± 500 ms)',
    );
    expect(
      eventText({
        ...event,
        type: 'restore.finished',
        proven: false,
        objects: [{ object: deployment('payments'), action: 'failed', equal: false, diff: '-a' }],
      }),
    ).toBe('restore NOT PROVEN: deployment/payments FAILED, differs');
  });
});

describe('links from a record to its events', () => {
  test('lead to the event that shows it', () => {
    const events = runEvents('met');
    const record = foldEvents(events);
    const seq = momentEventNumber(record, 'rolled-back');
    expect(events.find(event => event.seq === seq)).toMatchObject({ type: 'moment.reached', moment: 'rolled-back' });
    expect(eventNumber(record, 'runbook.step.started', record.runbook.steps[2]?.startTMs)).toBe(
      events.find(event => event.type === 'runbook.step.started' && event.stepId === 'what-changed')?.seq,
    );
    expect(momentEventNumber(foldEvents(runEvents('refused')), 'deployed')).toBeUndefined();
  });
});
