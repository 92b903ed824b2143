import { describe, expect, test } from 'vitest';
import type { EventBody, RehearsalEvent } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { createBlindReporter } from '../../src/reporters/blind.ts';
import { createLiveReporter } from '../../src/reporters/live.ts';
import { createPlainReporter } from '../../src/reporters/plain.ts';
import type { Reporter } from '../../src/reporters/reporter.ts';
import { RUN_KINDS, runEvents } from '../fixtures/runs.ts';
import { ManualTicker, memoryScreen, play, Terminal } from './screens.ts';

const common = {
  scenarios: ['error-rate', 'latency', 'bad-image'],
  objectives: { total: 60_000 },
  probes: ['checkout'],
  detectors: [],
};
/** What a run says that only the scenario's author knows; suspects and steps of the runbook are what people say and do. */
const TRUTH =
  /error-rate|Payments fails|1\.5\.0|1\.4\.1|deploy .* to deployment|generation 2|harmless|bad-deploy\.md|rehearse-payments/;

/** What the wrapped reporter was given, with the run's kinds of events. */
function collect(events: readonly RehearsalEvent[]) {
  const seen: RehearsalEvent[] = [];
  const inner: Reporter = { onEvent: event => void seen.push(event), say() {}, finish() {}, close() {} };
  const reporter = createBlindReporter(inner, common);
  for (const event of events) reporter.onEvent(event);
  return seen;
}
const beforeTheEnd = (events: readonly RehearsalEvent[]) => {
  const end = events.findIndex(({ type }) => ['restore.started', 'run.failed', 'run.interrupted', 'run.finished'].includes(type));
  return events.slice(0, end < 0 ? undefined : end);
};
const upTo = (moment: string, events: readonly RehearsalEvent[]) =>
  events.slice(
    0,
    events.findIndex(event => event.type === 'moment.reached' && event.moment === moment),
  );
/** The texts of suspects are a person's own words in these runs. */
const withoutAnswers = (events: readonly RehearsalEvent[]) => events.filter(({ type }) => type !== 'diagnosis.answered');

describe('the screens of a blind drill', () => {
  test.each(RUN_KINDS)('%s: no word of the truth before the service is back, in plain lines', kind => {
    const events = runEvents(kind);
    const told = (shown: readonly RehearsalEvent[], blind: boolean) => {
      const screen = memoryScreen({ columns: 300 });
      const plain = createPlainReporter(screen);
      const reporter = blind ? createBlindReporter(plain, common) : plain;
      for (const event of shown) reporter.onEvent(event);
      return screen.written();
    };
    const during = withoutAnswers(beforeTheEnd(upTo('rolled-back', events)));
    expect(told(during, true)).not.toMatch(TRUTH);
    // The same lines without the wrapper do tell: the pattern can be found.
    expect(told(during, false)).toMatch(TRUTH);
  });

  test('the live screen says nothing at any paint', () => {
    const terminal = new Terminal(200);
    const ticker = new ManualTicker();
    const reporter = createBlindReporter(createLiveReporter(terminal, ticker), common);
    let paints = 0;
    play(withoutAnswers(upTo('rolled-back', runEvents('met'))), ticker, event => {
      reporter.onEvent(event);
      expect(terminal.lines.join('\n')).not.toMatch(TRUTH);
      paints++;
    });
    expect(paints).toBeGreaterThan(50);
    expect(terminal.lines.join('\n')).toContain('drawn from 3 scenarios');
  });

  test('nothing shows the moment of the deploy until the alert, and its time not before the service is back', () => {
    const events = runEvents('met');
    const shown = collect(upTo('detected', events)).filter(({ type }) => type !== 'probe.sampled');
    const deployed = events.find(event => event.type === 'moment.reached' && event.moment === 'deployed')?.tMs ?? 0;
    expect(shown.filter(event => event.tMs >= deployed && event.type !== 'signal.raised')).toEqual([]);
    const alerted = collect(upTo('rolled-back', events));
    expect(alerted.some(event => event.type === 'moment.reached' && event.moment === 'impact')).toBe(true);
    expect(alerted.some(event => event.type === 'moment.reached' && event.moment === 'deployed')).toBe(false);
    expect(collect(events).some(event => event.type === 'moment.reached' && event.moment === 'deployed')).toBe(true);
  });

  test('a right answer and a wrong one look the same', () => {
    const answers = collect(upTo('rolled-back', runEvents('misdiagnosed'))).flatMap((event): unknown[] =>
      event.type === 'diagnosis.answered' ? [event.correct] : event.type === 'moment.reached' ? [event.moment] : [],
    );
    expect(answers).toEqual(['impact', 'detected', true, true, true]);
  });

  test('the seed, with which the same drill could be had elsewhere, is not shown', () => {
    const [started] = runEvents('met');
    if (started?.type !== 'run.started') throw new Error('no start');
    const [shown] = collect([{ ...started, blind: { seed: 4711, scenarios: common.scenarios } }]);
    expect(JSON.stringify(shown)).not.toContain('4711');
    expect(shown).toMatchObject({ objectives: { total: 60_000 }, scenario: { digest: '' } });
    expect(JSON.stringify(shown)).not.toContain('hypothesis');
  });

  test('what people do is shown at once, what the tool notes is not', () => {
    const at = { seq: 1, at: '2026-11-22T14:03:07.000Z', tMs: 1 };
    const bodies: EventBody[] = [
      { type: 'note', text: 'mine', by: 'mira' },
      { type: 'note', text: 'deployment/payments could not be read' },
      { type: 'hint.given', by: 'mira', level: 1, text: 'look at what changed', cost: 2 },
      { type: 'escalated', by: 'mira', to: 'team-payments', reason: 'lost' },
    ];
    expect(collect(bodies.map(body => ({ ...at, ...body }))).map(({ type }) => type)).toEqual([
      'note',
      'hint.given',
      'escalated',
    ]);
  });

  test('a probe that only some scenarios have shows by its mere presence which was drawn', () => {
    const seen: RehearsalEvent[] = [];
    const inner: Reporter = { onEvent: event => void seen.push(event), say() {}, finish() {}, close() {} };
    const reporter = createBlindReporter(inner, { ...common, probes: [] });
    for (const event of upTo('detected', runEvents('met'))) reporter.onEvent(event);
    expect(seen.filter(({ type }) => type === 'probe.sampled')).toEqual([]);
    expect(JSON.stringify(seen.filter(({ type }) => type === 'plan.made'))).not.toContain('checkout');
  });

  test('when it is over everything is told', () => {
    const events = runEvents('met');
    const screen = memoryScreen({ columns: 120 });
    const reporter = createBlindReporter(createPlainReporter(screen), common);
    for (const event of events) reporter.onEvent(event);
    reporter.finish(foldEvents(events), { report: '/r/report.html', directory: '/r' });
    expect(screen.written()).toContain('error-rate: Payments fails a third of its charges');
  });

  test('a drill that is refused tells why in its summary', () => {
    const events = runEvents('error-before');
    const screen = memoryScreen({ columns: 120 });
    const reporter = createBlindReporter(createPlainReporter(screen), common);
    for (const event of events) reporter.onEvent(event);
    reporter.finish(foldEvents(events), { report: '/r/report.html', directory: '/r' });
    expect(screen.written()).toContain('Repair deployment/payments first');
  });
});
