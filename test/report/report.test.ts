import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { RehearsalEvent } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import type { RunRecord } from '../../src/record/run-record.ts';
import { renderIndex } from '../../src/report/index-page.ts';
import { renderReport } from '../../src/report/report.ts';
import { parseRunbook } from '../../src/runbook/parse.ts';
import { PRACTICE_KINDS, type PracticeKind, practiceEvents } from '../fixtures/practice-runs.ts';
import { RUN_KINDS, type RunKind, runEvents } from '../fixtures/runs.ts';

type AnyKind = RunKind | PracticeKind;
const ALL_KINDS: readonly AnyKind[] = [...RUN_KINDS, ...PRACTICE_KINDS];
const isPractice = (kind: AnyKind): kind is PracticeKind => (PRACTICE_KINDS as readonly string[]).includes(kind);
const events = (kind: AnyKind): RehearsalEvent[] => (isPractice(kind) ? practiceEvents(kind) : runEvents(kind));
const record = (kind: AnyKind): RunRecord => foldEvents(events(kind));
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
  test.each(ALL_KINDS)('%s: one sound, small file without script, request or inline style', kind => {
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
    const told = runEvents('misdiagnosed').filter(event => event.type !== 'probe.sampled');
    for (let n = 1; n <= told.length; n++) expectSound(renderReport(foldEvents(told.slice(0, n))));
  });
});

describe('the report of a drill that people played', () => {
  const earlier = () => foldEvents(practiceEvents('practice', '2026-11-15T15:10:00.000Z', 1.4));
  const words = (kind: AnyKind, previous: RunRecord[] = []) =>
    text(renderReport(record(kind), { previous }))
      .replace(/[\u00a0\u2009]/g, ' ')
      .replace(/ +/g, ' ');
  /** Text of one section. */
  const section = (kind: AnyKind, id: string, previous: RunRecord[] = []) => {
    const html = renderReport(record(kind), { previous });
    const from = html.indexOf(`<section id="${id}"`);
    return from < 0
      ? undefined
      : text(html.slice(from, html.indexOf('</section>', from)))
          .replace(/[\u00a0\u2009]/g, ' ')
          .replace(/ +/g, ' ')
          .replace(/&#x27;/g, "'");
  };

  test('whose minutes they were, phase by phase, in figures beside the drawing', () => {
    const minutes = section('practice', 'minutes');
    expect(minutes).toContain('Of the recovery, people took 70 %, the cluster 20 %, pauses 8.4 % and commands 1.7 %.');
    expect(minutes).toContain('Diagnosis 2 m 34 s people 2 m 11 s 85 % commands 3.9 s 2.5 % pauses 19.5 s 13 %');
    expect(minutes).toContain('Recovery 3 m 51 s people 2 m 43 s');
    expect(section('roles', 'minutes')).toContain('hand-overs 1 m 17 s');
    // Automatic runs have nobody, and say so as well.
    expect(section('met', 'minutes')).not.toContain('people');
  });

  test('each step: tries, own hands, why it was skipped, what was noted, what no step explains, what was never reached', () => {
    const steps = section('practice', 'runbook') ?? '';
    expect(steps).toMatch(/Follow the errors down the call graph .*? 49\.4 s people, 3\.6 s commands .*? 2 tries/);
    expect(steps).toContain(
      'Skipped: “I know the deploys of today” 7.8 s that no step explains +1 m 37 s mira noted: logs of checkout',
    );
    expect(steps).toMatch(/Roll back .*? done by own hands, outside the tool/);
    expect(steps).toContain('Never reached Keep the evidence');
  });

  test('a rollback outside the tool: who, and how that is known', () => {
    expect(section('practice', 'change')).toMatch(
      /Made outside the tool by kubectl-rollout at \S+ the pod template was set by kubectl-rollout/,
    );
    expect(section('roles', 'change')).not.toContain('outside the tool');
  });

  test('beside the last run of the same runbook, and with expected times that the runbook takes as they are', () => {
    const steps = section('practice', 'runbook', [earlier()]) ?? '';
    expect(steps).toContain('Against the last time The run of 15 November 2026, 15:10 UTC');
    expect(steps).toContain('Recovery 5 m 19 s 3 m 51 s −1 m 28 s');
    expect(steps).toContain('Name the release at fault 1 m 36 s 1 m 09 s −27.4 s');
    expect(section('practice', 'runbook')).not.toContain('Against the last time');
    const html = renderReport(record('practice'), { previous: [earlier()] });
    const yaml = /<pre class="paste"[^>]*>([^<]*)<\/pre>/.exec(html)?.[1] ?? '';
    const steps2 = record('practice').plan?.runbook?.outline ?? [];
    const book = parseRunbook(
      'pasted.md',
      `---\n${yaml}\n---\n${steps2.map(({ id, title }) => `## ${title}\n\`\`\`yaml rehearse\nid: ${id}\nshow: pods\nexpected: 1h\n\`\`\`\n`).join('')}`,
    );
    expect(Object.fromEntries(book.steps.map(step => [step.id, step.expectedMs]))).toMatchObject({
      'wait-for-the-alert': 15_000,
      'name-the-release': 90_000,
      // Skipped, or never reached: nothing is known of these.
      'see-what-changed': 3_600_000,
      'keep-the-evidence': 3_600_000,
    });
  });

  test('a blind drill: the score line by line, the hints, the seed', () => {
    const score = section('blind', 'score');
    expect(score).toContain('Drawn with seed 4711 from: error-rate, latency, bad-config, memory-leak.');
    expect(score).toContain('Wrong diagnosis 2 m 54 s after the deploy: deployment/checkout revision 2 −10');
    expect(score).toContain('hint 2, for 4 points: “Follow the calls to the last one that fails.”');
    expect(words('blind')).toMatch(/Score 66 of 100 blind drill by jonas/);
    expect(section('practice', 'score')).toBeUndefined();
  });

  test('roles: who had them, who took them and how long that took; who would have been called', () => {
    const people = section('roles', 'people');
    expect(people).toContain('rollback owner anders away then mira');
    expect(people).toContain('scribe nobody then jonas');
    expect(people).toContain('Hand-overs, 1 m 17 s together');
    expect(people).toMatch(
      /anders → mira 57\.5 s until it was taken anders is away; she has the access for “Check that going back is safe”/,
    );
    expect(people).toMatch(/mira would have called head of payments ?: anders does not answer/);
  });

  test('break-glass: who, why, until when, and everything that was done with it', () => {
    const access = section('roles', 'break-glass');
    expect(access).toContain('Account shop-breakglass Asked for by mira');
    expect(access).toContain('Lasts until 2026-11-22T15:43:10Z');
    expect(access).toMatch(
      /kubectl rollout undo deployment\/payments -n shop .*kubectl rollout status deployment\/payments -n shop/,
    );
    expect(section('practice', 'break-glass')).toBeUndefined();
  });
});

describe('hostile content', () => {
  const NASTY = `<script>alert(1)</script><img src=x onerror=alert(1)>"'\`{{constructor}}&lt; </style></title><!-- \u001b[31mred\u001b[0m \u202eevil\u0000 ]]>`;

  /** Every text of every event becomes hostile; what the format fixes (types, names of phases, stamps) stays. */
  function poisoned(kind: AnyKind): RehearsalEvent[] {
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
      'activity',
    ]);
    const poison = (value: unknown, key: string): unknown => {
      if (typeof value === 'string') return keep.has(key) ? value : NASTY;
      if (Array.isArray(value)) return value.map(each => poison(each, key));
      if (value && typeof value === 'object')
        return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poison(each, name)]));
      return value;
    };
    return events(kind).map(event => poison(event, '') as RehearsalEvent);
  }

  test.each(ALL_KINDS)('%s: stays text wherever it stands', kind => {
    const html = renderReport(foldEvents(poisoned(kind)), { previous: [foldEvents(poisoned('practice'))] });
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
