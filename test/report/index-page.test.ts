import { describe, expect, test } from 'vitest';
import { foldEvents } from '../../src/record/fold.ts';
import { renderIndex } from '../../src/report/index-page.ts';
import { RUN_KINDS, runEvents } from '../fixtures/runs.ts';

const text = (html: string) =>
  html
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/[\s\u00a0]+/g, ' ');

describe('the page that lists runs', () => {
  test('newest first, each with its verdict and a link to its report', () => {
    const runs = RUN_KINDS.map((kind, index) => foldEvents(runEvents(kind, `2026-11-${10 + index}T14:00:00.000Z`)));
    const html = renderIndex(runs);
    const dates = [...html.matchAll(/<time datetime="([^"]+)"/g)].map(match => match[1]);
    expect(dates).toEqual([...dates].sort().reverse());
    expect(dates).toHaveLength(RUN_KINDS.length);
    for (const run of runs) expect(html).toContain(`href="${run.runId}/report.html"`);
    expect(text(html)).not.toMatch(/undefined|NaN|\[object/);
  });

  test('few runs are shown as they are: no interval is claimed below six', () => {
    const five = Array.from({ length: 5 }, (_, index) => foldEvents(runEvents('met', `2026-11-0${index + 1}T14:00:00.000Z`)));
    expect(text(renderIndex(five))).toContain('too few runs to say more: 5 of 6');
    expect(renderIndex(five)).not.toContain('class="interval"');
    const six = [...five, foldEvents(runEvents('missed-objective', '2026-11-09T14:00:00.000Z'))];
    const html = renderIndex(six);
    expect(text(html)).toContain('the median lies between 12.1 s and 43.5 s (95 %)');
    expect(text(html)).toMatch(/Median 12\.1 s Mean 17\.4 s Worst 43\.5 s/);
    expect(html.match(/class="dot( missed)?"/g)).toHaveLength(6);
  });

  test('runs without a recovery are told, not dropped and not counted as fast', () => {
    const html = renderIndex(['met', 'never-detected', 'refused'].map(kind => foldEvents(runEvents(kind as 'met'))));
    expect(text(html)).toContain('3 runs; 1 without a recovery, not in these figures');
    expect(text(html)).toContain('Never detected');
  });

  test('scenarios are not pooled', () => {
    const other = foldEvents(runEvents('missed-objective'));
    other.scenario = { ...other.scenario, name: 'memory-leak', title: 'Payments leaks' };
    const html = renderIndex([foldEvents(runEvents('met')), other]);
    expect(html.match(/class="scenario-stats"/g)).toHaveLength(2);
  });

  test('no run yet: says how to make the first', () => {
    expect(text(renderIndex([]))).toContain('Run rehearse run error-rate for the first one');
  });

  test('a run that could not be read is told', () => {
    expect(text(renderIndex([], { problems: ['reports/x: version 9'] }))).toContain('reports/x: version 9');
  });
});
