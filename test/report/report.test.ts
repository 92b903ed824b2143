import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { RehearsalEvent } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import type { RunRecord } from '../../src/record/run-record.ts';
import { renderIndex } from '../../src/report/index-page.ts';
import { renderReport } from '../../src/report/report.ts';
import { RUN_KINDS, type RunKind, runEvents } from '../fixtures/runs.ts';

const record = (kind: RunKind): RunRecord => foldEvents(runEvents(kind));
const text = (html: string) =>
  html
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&gt;/g, '>')
    .replace(/\s+/g, ' ');

/** What a page must hold to whatever it shows. */
function expectSound(html: string): void {
  expect(text(html)).not.toMatch(/undefined|NaN|\[object |Infinity/);
  expect(html).not.toMatch(/<script|<iframe|<link|<img|<base|<form|<object|<embed|javascript:/i);
  // Inline styles and handlers are what a strict policy blocks.
  expect(html).not.toMatch(/<[^>]*\s(style|on[a-z]+)\s*=/i);
  expect(html).not.toMatch(/<[^>]*\s(?:src|href|action|xlink:href)\s*=\s*"(?!#|[\w%.-]+\/report\.html")/i);
  expect(html).not.toMatch(/url\(|@import/);
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  expect(html).toContain(`content="default-src &#x27;none&#x27;; style-src &#x27;sha256-${hash.replaceAll('=', '&#x3D;')}&#x27;`);
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(match => match[1]);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, target] of html.matchAll(/\shref="#([^"]+)"/g)) expect(ids).toContain(target);
  for (const [, targets] of html.matchAll(/\saria-(?:labelledby|describedby)="([^"]+)"/g)) expect(ids).toContain(targets);
  const levels = [...html.matchAll(/<h([1-6])/g)].map(match => Number(match[1]));
  expect(levels.filter(level => level === 1)).toHaveLength(1);
  for (const [index, level] of levels.entries()) expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
}

describe('the report', () => {
  test.each(RUN_KINDS)('%s: one sound, small file without script, request or inline style', kind => {
    const html = renderReport(record(kind));
    expectSound(html);
    expect(Buffer.byteLength(html)).toBeLessThan(300_000);
  });

  test.each([
    ['met', 'Objectives met', '12.1 s from deploy to restored'],
    ['missed-objective', '4 objectives missed', '43.5 s from deploy to restored objective 20.0 s, missed by 23.5 s'],
    ['never-detected', 'Never detected', '> 1 m 31 s after the deploy, still not recovered'],
    ['misdiagnosed', '2 objectives missed', 'named at the third try'],
    ['interrupted', 'Interrupted, target restored', 'still not recovered'],
    ['not-restored', 'Target not restored', 'The target is not as it was found. Run rehearse restore now.'],
    ['refused', 'Refused, nothing changed', 'No deploy nothing was timed'],
    ['error-before', 'Error, nothing injected', 'The service was not healthy to begin with.'],
    ['killed', 'No end recorded', 'The target may still carry the bad deploy. Run rehearse restore now.'],
  ] as const)('%s: says "%s" first, and truthfully what came of it', (kind, badge, sentence) => {
    const words = text(renderReport(record(kind)))
      .replace(/[\u00a0\u2009]/g, ' ')
      .replace(/ +/g, ' ');
    expect(words.indexOf(badge)).toBeGreaterThan(-1);
    expect(words).toContain(sentence);
    expect(words.trim().startsWith(badge)).toBe(true);
  });

  test('a run that never recovered shows no recovery time anywhere', () => {
    const html = renderReport(record('never-detected'));
    expect(text(html)).not.toContain('from deploy to restored');
    expect(html).toContain('never detected');
    expect(html).toContain('not recovered');
  });

  test('each part of the evidence is there and linked to its events', () => {
    const html = renderReport(record('misdiagnosed'));
    for (const id of [
      'phases',
      'findings',
      'timeline',
      'detectors',
      'diagnosis',
      'runbook',
      'change',
      'restore',
      'checks',
      'measurement',
      'log',
    ]) {
      expect(html).toContain(`<section id="${id}"`);
    }
    const log = html.slice(html.indexOf('id="log"'));
    expect([...log.matchAll(/<tr[^>]*id="event-\d+"/g)].length).toBe(record('misdiagnosed').events.length);
    const before = html.slice(0, html.indexOf('id="log"'));
    expect([...before.matchAll(/href="#event-\d+"/g)].length).toBeGreaterThan(30);
    expect(html).toContain('<span class="remove">-        image: rehearse/shop:1.4.0</span>');
    expect(html).toContain('<span class="add">+        image: rehearse/shop:1.5.0</span>');
    expect(before).toMatch(/wrong<\/span>[\s\S]*wrong<\/span>[\s\S]*correct<\/span>/);
  });

  test('uncertainty is stated, and DORA is a footnote that claims nothing', () => {
    const words = text(renderReport(record('met'))).replace(/\u00a0/g, ' ');
    expect(words).toContain('Recovery time is known to ± 114 ms');
    expect(words).toContain('503 ms, so no difference can be told');
    expect(words.indexOf('DORA')).toBeGreaterThan(words.indexOf('How it was measured'));
    expect(words).not.toMatch(/elite performer|you are elite/i);
  });

  test('the same record gives the same page', () => {
    expect(renderReport(record('met'))).toBe(renderReport(record('met')));
    // run.json and the fold of the events give the same page.
    expect(renderReport(JSON.parse(JSON.stringify(record('met'))))).toBe(renderReport(record('met')));
  });

  test('every beginning of a run can be rendered, for a process may be killed anywhere', () => {
    const events = runEvents('misdiagnosed').filter(event => event.type !== 'probe.sampled');
    for (let n = 1; n <= events.length; n++) expectSound(renderReport(foldEvents(events.slice(0, n))));
  });
});

describe('hostile content', () => {
  const NASTY = `<script>alert(1)</script><img src=x onerror=alert(1)>"'\`{{constructor}}&lt; </style></title><!-- \u001b[31mred\u001b[0m \u202eevil\u0000 ]]>`;

  /** Every text of every event becomes hostile; what the format fixes (types, names of phases, stamps) stays. */
  function poisoned(kind: RunKind): RehearsalEvent[] {
    const keep = new Set([
      'type',
      'at',
      'action',
      'outcome',
      'moment',
      'phase',
      'mode',
      'provider',
      'when',
      'apiVersion',
      'deadline',
      'sourceAt',
      'does',
      'stepId',
      'probe',
    ]);
    const poison = (value: unknown, key: string): unknown => {
      if (typeof value === 'string') return keep.has(key) ? value : NASTY;
      if (Array.isArray(value)) return value.map(each => poison(each, key));
      if (value && typeof value === 'object')
        return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poison(each, name)]));
      return value;
    };
    return runEvents(kind).map(event => poison(event, '') as RehearsalEvent);
  }

  test.each(RUN_KINDS)('%s: stays text wherever it stands', kind => {
    const html = renderReport(foldEvents(poisoned(kind)));
    expectSound(html.replaceAll('javascript:', ''));
    expect(html).not.toContain('\u001b');
    expect(html).not.toContain('\u202e');
    expect(html).not.toContain('\u0000');
    expect(html).toContain('&lt;script&gt;');
    expect(html.match(/<\/style>/g)).toHaveLength(1);
    expect(html.match(/<\/title>/g)?.length).toBe((html.match(/<title/g) ?? []).length);
  });

  test('the page that lists runs holds as well', () => {
    const html = renderIndex([foldEvents(poisoned('met')), foldEvents(poisoned('refused'))], { problems: [NASTY] });
    expect(html).not.toMatch(/<script|<img/);
    expect(html).not.toContain('\u202e');
  });
});

describe('size', () => {
  test('a huge run fits: outputs, lists and log are cut with a note, links still lead somewhere', () => {
    const huge = record('met');
    const [step] = huge.runbook.steps;
    const [detector] = huge.detectors;
    const [probe] = huge.probes;
    if (!step || !detector || !probe) throw new Error('the met run has all of these');
    huge.runbook.steps = Array.from({ length: 300 }, (_, i) => ({
      ...step,
      id: `s${i}`,
      output: `${'x'.repeat(100_000)}\n`.repeat(2),
    }));
    detector.signals = Array.from({ length: 2000 }, (_, i) => ({
      tMs: 6000 + i,
      message: 'm'.repeat(5000),
      object: undefined,
      sourceAt: undefined,
      uncertaintyMs: 1,
    }));
    huge.events.push(
      ...Array.from({ length: 5000 }, (_, i) => ({
        seq: 10_000 + i,
        tMs: 6000 + i,
        at: huge.startedAt,
        type: 'note',
        text: 'n'.repeat(3000),
      })),
    );
    probe.samples = {
      sentTMs: Array.from({ length: 10_000 }, (_, i) => i * 2),
      latencyMs: Array.from({ length: 10_000 }, (_, i) => i % 97),
      ok: Array.from({ length: 10_000 }, (_, i) => i % 11 !== 0),
    };
    const html = renderReport(huge);
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(300_000);
    expectSound(html);
    expect(text(html)).toContain('This page was trimmed to stay small');
    expect(text(html)).toContain('characters left out');
    expect(text(html)).toMatch(/lesser events were left out/);
    // What the log is for stays.
    expect(html).toContain('t4 restored, by verification');
  });

  test('one line of 100 MB does not take the renderer with it', () => {
    const huge = record('met');
    const [step] = huge.runbook.steps;
    if (!step) throw new Error('the met run has steps');
    step.output = '\u001b[31mx'.repeat(100_000_000 / 6);
    expect(Buffer.byteLength(renderReport(huge))).toBeLessThan(300_000);
  });
});
