import { describe, expect, test } from 'vitest';
import { findings } from '../../src/insights/findings.ts';
import { serviceLevels } from '../../src/insights/service-level.ts';
import { mean, median, medianInterval, quantile } from '../../src/insights/statistics.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { RUN_KINDS, type RunKind, runEvents } from '../fixtures/runs.ts';

const found = (kind: RunKind) => findings(foldEvents(runEvents(kind)));
const ids = (kind: RunKind) => found(kind).map(each => each.id);

describe('findings', () => {
  test.each(RUN_KINDS)('%s: every finding has a figure or a quote that justifies it, an action, and events that exist', kind => {
    const record = foldEvents(runEvents(kind));
    const seqs = new Set(record.events.map(event => event.seq));
    for (const each of findings(record)) {
      expect(each.evidence).toMatch(/\d|“|`|[a-z]{4}/);
      expect(each.action.length).toBeGreaterThan(15);
      expect(`${each.title}${each.evidence}${each.action}`).not.toMatch(/undefined|NaN|\[object/);
      for (const seq of each.events) expect(seqs).toContain(seq);
    }
  });

  test('the worst comes first, and what endangers the target before anything else', () => {
    expect(found('not-restored')[0]).toMatchObject({ id: 'restore-not-proven', severity: 'critical' });
    expect(found('killed')[0]).toMatchObject({ id: 'restore-missing', severity: 'critical' });
    for (const kind of RUN_KINDS) {
      const order = found(kind).map(each => ['critical', 'warning', 'advice', 'good'].indexOf(each.severity));
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
  });

  test('a run that met everything says what to keep, and does not invent trouble', () => {
    expect(found('met').filter(each => each.severity === 'critical' || each.severity === 'warning')).toEqual([]);
    expect(ids('met')).toContain('recovery-met');
  });

  test('missed objectives name how much, and the wait before the command is told once, with the step that explains it', () => {
    const list = found('missed-objective');
    expect(list[0]).toMatchObject({ id: 'command-gap', costMs: 15_221 });
    expect(list[0]?.evidence).toContain('Ask the rollback owner for a go');
    expect(list.map(each => each.id)).not.toContain('rollback-objective-missed');
    expect(list.find(each => each.id === 'detection-objective-missed')?.evidence).toBe(
      '16.4 s against 5.0 s, 38 % of the recovery.',
    );
  });

  test('never detected: what users felt is set against the limit that hid it', () => {
    const [first] = found('never-detected');
    expect(first).toMatchObject({ id: 'never-detected', severity: 'critical' });
    expect(first?.evidence).toMatch(/\d+ of \d+ requests failed \(3\.\d %, limit 5\.0 %\)/);
    expect(first?.action).toMatch(/stayed under the limit/);
  });

  test('wrong answers of the diagnosis are kept, with what misled it and what it cost', () => {
    expect(found('misdiagnosed')[0]).toMatchObject({
      id: 'diagnosis-wrong',
      title: 'The diagnosis first blamed deployment/frontend revision 2',
    });
    expect(found('misdiagnosed')[0]?.evidence).toMatch(/^2 wrong answers, 12\.0 s until the right one/);
  });

  test('a run that was cut short blames neither detectors nor phases that were not given their time', () => {
    expect(ids('interrupted')).toEqual(['steps-unreached']);
  });

  test('a refusal says which check refused and what would allow it', () => {
    expect(found('refused').map(each => each.id)).toEqual(['refused-context', 'refused-server']);
    expect(found('refused')[0]?.action).toMatch(/rehearse\.yaml/);
  });

  test('a rollback that reports success while the known-good state is not there is critical', () => {
    const record = foldEvents(runEvents('met'));
    if (!record.rollback) throw new Error('no rollback');
    record.rollback.desiredStateEqualTMs = undefined;
    expect(findings(record)[0]).toMatchObject({ id: 'rollback-false-done', severity: 'critical' });
  });

  test('a detector that told before anything was wrong is noisy', () => {
    const record = foldEvents(runEvents('met'));
    record.detectors[0]?.signals.unshift({
      tMs: 1000,
      message: 'wolf',
      object: undefined,
      sourceAt: undefined,
      uncertaintyMs: 0,
    });
    expect(findings(record).find(each => each.id === 'detector-noisy')?.evidence).toContain('the first 4.1 s before it');
  });

  test('a clock that is surely off is told; one within its uncertainty is not', () => {
    const record = foldEvents(runEvents('met'));
    expect(findings(record).map(each => each.id)).not.toContain('clock-skew');
    record.clocks = [{ source: 'API server', skewMs: -9000, uncertaintyMs: 500 }];
    expect(findings(record).find(each => each.id === 'clock-skew')?.title).toBe('The clock of API server is 9.0 s behind');
  });
});

describe('the service level that users got', () => {
  test('counts from the first failed request after the bad deploy to the last', () => {
    const record = foldEvents(runEvents('met'));
    const [level] = serviceLevels(record);
    expect(level?.before.failed).toBe(0);
    expect(level?.impact.fromTMs).toBe(record.moments.impact?.tMs);
    expect(level?.impact.failed).toBe(level?.probe.samples.ok.filter(ok => !ok).length);
  });

  test('what fails after the service was healthy again is not put down to the fault', () => {
    const record = foldEvents(runEvents('met'));
    const [probe] = record.probes;
    const before = serviceLevels(record)[0]?.impact;
    probe?.samples.sentTMs.push(18_000);
    probe?.samples.latencyMs.push(20);
    probe?.samples.ok.push(false);
    expect(serviceLevels(record)[0]?.impact).toEqual(before);
  });

  test('a fault that only slows is felt too', () => {
    const record = foldEvents(runEvents('met'));
    const [probe] = record.probes;
    if (!probe) throw new Error('no probe');
    probe.samples.ok = probe.samples.ok.map(() => true);
    probe.latencyLimitMs = 60;
    const [level] = serviceLevels(record);
    expect(level?.impact.failed).toBe(0);
    expect(level?.impact.requests).toBeGreaterThan(10);
  });
});

describe('statistics', () => {
  test('median, mean and quantiles, and nothing of nothing', () => {
    expect([median([]), mean([]), quantile([], 0.9)]).toEqual([undefined, undefined, undefined]);
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), mean([1, 2, 6])]).toEqual([2, 2.5, 3]);
    expect(quantile([10, 20, 30, 40, 50], 0.95)).toBeCloseTo(48);
  });

  test('an interval of the median needs six runs, and is that of the order statistics', () => {
    expect(medianInterval([1, 2, 3, 4, 5])).toBeUndefined();
    // Published table: n = 6..8 the extremes, n = 9 the 2nd and 8th, n = 20 the 6th and 15th.
    const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
    expect(medianInterval(upTo(6))).toEqual({ low: 1, high: 6 });
    expect(medianInterval(upTo(8))).toEqual({ low: 1, high: 8 });
    expect(medianInterval(upTo(9))).toEqual({ low: 2, high: 8 });
    expect(medianInterval(upTo(20))).toEqual({ low: 6, high: 15 });
  });
});
