import { describe, expect, test } from 'vitest';
import type { RehearsalEvent } from '../../src/record/events.ts';
import { eventSchema } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { createJsonReporter, type RunSummary } from '../../src/reporters/json.ts';
import { createLiveReporter } from '../../src/reporters/live.ts';
import { createPlainReporter } from '../../src/reporters/plain.ts';
import { displayWidth, truncate, wrap } from '../../src/reporters/style.ts';
import { summaryLines } from '../../src/reporters/summary.ts';
import { RUN_KINDS, type RunKind, runEvents } from '../fixtures/runs.ts';
import { ManualTicker, memoryScreen, play, Terminal } from './screens.ts';

const files = { report: '/runs/1/report.html', directory: '/runs/1' };
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

function plain(kind: RunKind, options: Parameters<typeof memoryScreen>[0] = {}): string {
  const screen = memoryScreen(options);
  const reporter = createPlainReporter(screen);
  const events = runEvents(kind);
  for (const event of events) reporter.onEvent(event);
  reporter.finish(foldEvents(events), files);
  return screen.written();
}

/** The summary alone: what follows the last event line. */
const summaryOf = (text: string) => text.slice(text.indexOf('\n\n') + 2);

function live(
  kind: RunKind,
  options: { columns?: number; colour?: boolean; until?: number; onPaint?: (terminal: Terminal) => void } = {},
) {
  const terminal = new Terminal(options.columns ?? 80, options.colour);
  const ticker = new ManualTicker();
  const reporter = createLiveReporter(terminal, ticker);
  const events = runEvents(kind);
  play(
    events,
    ticker,
    event => {
      reporter.onEvent(event);
      options.onPaint?.(terminal);
    },
    options.until,
  );
  return { terminal, ticker, reporter, events };
}

describe('plain lines', () => {
  test('one line per key event with the time since the start, without any control code', () => {
    const text = plain('met');
    const lines = text.slice(0, text.indexOf('\n\n')).split('\n');
    for (const line of lines) expect(line).toMatch(/^ +\d+:\d\d\.\d {2}\S.{9} \S/);
    expect(text).not.toMatch(CONTROL);
    const labels = lines.map(line => line.slice(10, 20).trim());
    expect(labels.filter(label => /^t\d$/.test(label))).toEqual(['t0', 't1', 't2', 't3', 't4']);
    expect(lines.length).toBeLessThan(60);
  });

  test.each(RUN_KINDS)('%s: the path of the report is the last line, and every other line of the summary fits', kind => {
    const summary = summaryOf(plain(kind)).trimEnd().split('\n');
    expect(summary.at(-1)).toBe('Report: /runs/1/report.html');
    for (const line of summary) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });

  test('the summary of a run that met its objectives', () => {
    const summary = summaryOf(plain('met'));
    expect(summary).toMatch(/^ ✔ OBJECTIVES MET\n/);
    expect(summary).toMatch(/Recovery took 12\.1 s from the bad deploy to the restored service \(objective\n {3}20\.0 s\)\./);
    for (const phase of ['detection', 'diagnosis', 'rollback', 'verification']) {
      expect(summary).toMatch(new RegExp(`^ ✔ ${phase} +\\d[\\d.]* s +\\d[\\d.]* s +█+$`, 'm'));
    }
    expect(summary).toMatch(/first signal +3\.0 s after the deploy, by checkout-slo: error rate/);
    expect(summary).toMatch(/other detector +workloads never told/);
    expect(summary).toMatch(/diagnosis +deployment\/payments revision 2/);
    expect(summary).toMatch(/alert to command +1\.3 s/);
    expect(summary).toMatch(/runbook +6 of 6 steps passed/);
    expect(summary).toMatch(/restore +proven:/);
  });

  test('the bars lie one after the other on one axis: that is where the time went', () => {
    const bars = [...summaryOf(plain('met')).matchAll(/^ . \w+ .{10,}? s {2}( *)(█+)$/gm)].map(([, before = '', bar = '']) => [
      before.length,
      before.length + bar.length,
    ]);
    expect(bars).toHaveLength(4);
    for (const [index, bar] of bars.slice(1).entries()) {
      expect(Math.abs((bar[0] as number) - (bars[index]?.[1] as number))).toBeLessThanOrEqual(1);
    }
  });

  test.each<[RunKind, RegExp[]]>([
    ['missed-objective', [/^ ✘ OBJECTIVES MISSED/, /^ ✘ \w+ /m]],
    ['never-detected', [/first signal +none: the bad deploy was never detected/, /detection +not done/]],
    ['misdiagnosed', [/diagnosis +deployment\/payments revision 2:[^(]*\(right at answer 3\)/]],
    ['interrupted', [/^ ✘ INTERRUPTED/, /restore +proven/]],
    ['not-restored', [/^ ✘ NOT RESTORED/, /restore +NOT proven, still different: \S+.*rehearse\s+restore/s]],
    ['refused', [/^ ✘ REFUSED, nothing was changed/]],
    ['error-before', [/^ ✘ ERROR while running/, /what failed /]],
    ['killed', [/^ ✘ UNFINISHED/]],
  ])('%s says what happened', (kind, patterns) => {
    for (const pattern of patterns) expect(summaryOf(plain(kind))).toMatch(pattern);
  });

  test('of a refusal it says each check once, also one with a long name, apart from what was seen', () => {
    const record = foldEvents(runEvents('refused'));
    const name = 'decoy deployment/frontend: rollout complete';
    record.preflight = { ok: false, checks: [{ name, ok: false, detail: 'two pods are missing', remedy: 'wait' }] };
    const lines = summaryLines(record, files, memoryScreen());
    expect(lines[lines.indexOf(`   ${name}`) + 1]).toMatch(/^ {20}two pods are missing\. Wait\.$/);
    expect(lines.join('\n')).not.toContain('what failed');
  });

  test('of a practice it says what the time went into, from the deploy on', () => {
    const record = foldEvents(runEvents('met'));
    const deployed = record.moments.deployed?.tMs ?? 0;
    const spent = (activity: 'person' | 'machine' | 'cluster', startTMs: number, endTMs: number) => ({
      activity,
      startTMs,
      endTMs,
      stepId: undefined,
      detail: undefined,
    });
    record.activities = [
      spent('cluster', deployed - 2000, deployed + 3000),
      spent('person', deployed + 3000, deployed + 8000),
      spent('machine', deployed + 8000, deployed + 8500),
      spent('person', deployed + 8500, deployed + 10_000),
    ];
    const text = () => summaryLines(record, files, memoryScreen()).join('\n');
    expect(text()).not.toContain('time went to');
    record.mode = 'practice';
    expect(text()).toMatch(/time went to +people 6\.5 s, commands 500 ms, the cluster 3\.0 s$/m);
  });

  test.each(RUN_KINDS)('%s without Unicode is ASCII alone', kind => {
    expect(plain(kind, { unicode: false })).toMatch(/^[\n -~]*$/);
  });

  test('what programs and clusters say cannot paint the terminal', () => {
    const screen = memoryScreen();
    const reporter = createPlainReporter(screen);
    reporter.onEvent({ seq: 1, at: '', tMs: 1, type: 'note', text: 'a\u001b[2Jb\nc\u0007' });
    expect(screen.written()).toBe('  0:00.0  note       ab c\n');
  });

  test('colour only where the screen has it', () => {
    expect(plain('met', { colour: true })).toContain('\u001b[32;1m✔ OBJECTIVES MET\u001b[39;22m');
  });
});

describe('the live screen', () => {
  test('shows phases, step, users, signal and suspect in the middle of a run', () => {
    const { terminal } = live('met', { until: 11_000 });
    const text = terminal.text();
    expect(text).toMatch(/^ ✔ detection +3\.0 s of 5\.0 s +█+░+$/m);
    expect(text).toMatch(/^ ✔ diagnosis +1\.2 s of 3\.0 s/m);
    expect(text).toMatch(/^ ▶ rollback +0:01\.[67] of 8\.0 s/m);
    expect(text).toMatch(/^ · verification +of 8\.0 s/m);
    expect(text).toMatch(/recovery 0:05\.[89] of 20\.0 s$/m);
    expect(text).toMatch(/^ runbook +5\/6 Roll payments back .* 0:01\.[56] of 8\.0 s$/m);
    expect(text).toMatch(/^ users +errors +\d+\.\d % [▁-█]+ +p95 +\d+ ms [▁-█]+$/m);
    expect(text).toMatch(/^ signals +checkout-slo +error rate/m);
    expect(text).toMatch(/^ suspect +deployment\/payments revision 2/m);
    expect(text).toMatch(/^ injected: /m);
  });

  test('a clock runs between events', () => {
    const { terminal, ticker } = live('met', { until: 11_000 });
    ticker.advanceTo(11_500);
    expect(terminal.text()).toMatch(/▶ rollback +0:02\.[12]/);
  });

  test.each([80, 60, 40, 120])(
    'is painted in place at %d columns: one frame of at most 20 lines, none wider than the screen',
    columns => {
      let frames = 0;
      live('met', {
        columns,
        onPaint(terminal) {
          const text = terminal.text();
          const rules = text.split('\n').filter(line => /^─+$/.test(line));
          expect(rules.length).toBeLessThanOrEqual(1);
          if (rules.length === 1) {
            frames++;
            expect(text.slice(text.indexOf('──')).split('\n').length).toBeLessThanOrEqual(20);
          }
          for (const line of terminal.lines) expect(displayWidth(line)).toBeLessThan(columns);
          expect(terminal.unknown).toEqual([]);
        },
      });
      expect(frames).toBeGreaterThan(20);
    },
  );

  test('after a resize the screen is whole again, with its log', () => {
    const { terminal, ticker } = live('met', { columns: 100, until: 11_000 });
    terminal.columns = 60;
    ticker.advanceTo(11_200);
    const text = terminal.text();
    expect(text.match(/^─+$/gm)).toHaveLength(1);
    expect(text.match(/ t1 /g)).toHaveLength(1);
    expect(text.match(/▶ rollback/g)).toHaveLength(1);
    for (const line of text.split('\n')) expect(displayWidth(line)).toBeLessThan(60);
  });

  test('ends with the key moments, the summary and the report as the last line; the cursor is back', () => {
    const { terminal, ticker, reporter, events } = live('met');
    expect(terminal.cursorVisible).toBe(false);
    reporter.finish(foldEvents(events), files);
    const text = terminal.text();
    expect(text).not.toMatch(/^─+$/m);
    for (const moment of ['t0', 't1', 't2', 't3', 't4'])
      expect(text).toMatch(new RegExp(`^ +\\d+:\\d\\d\\.\\d  ${moment} `, 'm'));
    expect(text).toContain('✔ OBJECTIVES MET');
    expect(text).toMatch(/\nReport: \/runs\/1\/report\.html$/);
    expect(terminal.cursorVisible).toBe(true);
    expect(ticker.running).toBe(0);
  });

  test('an end that never came gives the cursor back too', () => {
    const { terminal, ticker, reporter } = live('killed');
    reporter.close();
    reporter.close();
    expect(terminal.cursorVisible).toBe(true);
    expect(ticker.running).toBe(0);
  });

  test('each frame is written at once, so that nothing flickers', () => {
    const writes: string[] = [];
    const terminal = new Terminal(80);
    const ticker = new ManualTicker();
    const reporter = createLiveReporter(
      Object.assign(Object.create(terminal), { write: (text: string) => void writes.push(text) }),
      ticker,
    );
    play(runEvents('met'), ticker, event => reporter.onEvent(event), 9000);
    writes.length = 0;
    ticker.advanceTo(9000 + 1000);
    expect(writes).toHaveLength(10);
    for (const text of writes) expect(text).not.toContain('\u001b[2J');
  });

  test('messages before the run stand above it', () => {
    const terminal = new Terminal(80);
    const reporter = createLiveReporter(terminal, new ManualTicker());
    reporter.say('starting the sandbox');
    reporter.onEvent(runEvents('met')[0] as RehearsalEvent);
    expect(terminal.text()).toMatch(/^ starting the sandbox\n {3}0:00\.0 {2}drill/);
  });

  test('a hostile title stays within its place', () => {
    const terminal = new Terminal(80);
    const reporter = createLiveReporter(terminal, new ManualTicker());
    const [start] = runEvents('met');
    if (start?.type !== 'run.started') throw new Error('a run begins with run.started');
    reporter.onEvent({ ...start, scenario: { ...start.scenario, title: `\u001b[2J\u202e${'宽'.repeat(80)}\nnext` } });
    expect(terminal.unknown).toEqual([]);
    for (const line of terminal.text().split('\n')) expect(displayWidth(line)).toBeLessThan(80);
  });
});

describe('JSON for programs', () => {
  const json = (kind: RunKind, events = false) => {
    const screen = memoryScreen();
    const reporter = createJsonReporter(screen, { events });
    const all = runEvents(kind);
    for (const event of all) reporter.onEvent(event);
    reporter.say('not on standard output');
    reporter.finish(foldEvents(all), files);
    return { lines: screen.written().trimEnd().split('\n'), all };
  };

  test('one object with what a pipeline asks for', () => {
    const { lines } = json('met');
    expect(lines).toHaveLength(1);
    const summary = JSON.parse(lines[0] as string) as RunSummary;
    expect(summary).toMatchObject({
      type: 'summary',
      version: 1,
      scenario: 'error-rate',
      outcome: 'met',
      exitCode: 0,
      restored: true,
      report: '/runs/1/report.html',
      phases: { detection: { met: true } },
      diagnosis: { correct: true, suspect: 'deployment/payments', revision: '2' },
      runbook: { steps: 6, passed: 6, failed: 0, skipped: 0 },
    });
    expect(summary.recoveryMs).toBeCloseTo(
      Object.values(summary.phases).reduce((sum, phase) => sum + (phase.durationMs ?? Number.NaN), 0),
      0,
    );
  });

  test.each(RUN_KINDS)('%s has an outcome and no figure that was not measured', kind => {
    const summary = JSON.parse(json(kind).lines[0] as string) as RunSummary;
    expect(summary.outcome).toBe(foldEvents(runEvents(kind)).verdict.outcome);
    expect(JSON.stringify(summary)).not.toMatch(/NaN|null/);
  });

  test('with events, every one as in events.ndjson, the summary last', () => {
    const { lines, all } = json('met', true);
    expect(lines).toHaveLength(all.length + 1);
    expect(eventSchema.parse(JSON.parse(lines[0] as string))).toEqual(all[0]);
  });
});

describe('text on a screen', () => {
  test('figures keep their unit when a line is broken', () => {
    expect(wrap('it took 12 s of 31 % in 1 m 05 s', 10)).toEqual(['it took', '12 s of', '31 % in', '1 m 05 s']);
  });

  test('long words are broken, never lost', () => {
    expect(wrap('a rehearse/shop:1.4.0-long end', 8).join('')).toBe('arehearse/shop:1.4.0-longend');
  });

  test('wide characters count for two', () => {
    expect(displayWidth('宽a✔')).toBe(4);
    expect(truncate('宽宽宽', 4, '…')).toBe('宽…');
    expect(displayWidth('\u001b[31mred\u001b[39m')).toBe(3);
  });
});
