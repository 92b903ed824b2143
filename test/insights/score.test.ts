import { describe, expect, test } from 'vitest';
import { hintsFor } from '../../src/insights/hints.ts';
import { scoreOf } from '../../src/insights/score.ts';
import type { EventBody, RehearsalEvent } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { deployment, RUN_KINDS, type RunKind, runEvents } from '../fixtures/runs.ts';

/** A run as a person would have played it, with more that happened just before the restore. */
function played(kind: RunKind, more: EventBody[] = [], change: (event: RehearsalEvent) => RehearsalEvent = event => event) {
  const events = runEvents(kind).map(event => change(event.type === 'diagnosis.answered' ? { ...event, by: 'mira' } : event));
  const end = events.findIndex(({ type }) => type === 'restore.started');
  const at = events[end < 0 ? events.length - 1 : end] as RehearsalEvent;
  events.splice(end < 0 ? events.length : end, 0, ...more.map(body => ({ seq: at.seq, at: at.at, tMs: at.tMs, ...body })));
  return foldEvents(events);
}
const score = (...args: Parameters<typeof played>) => {
  const found = scoreOf(played(...args));
  if (!found) throw new Error('no score');
  return found;
};
const texts = (...args: Parameters<typeof played>) => score(...args).lines.map(({ text, points }) => `${points} ${text}`);
const hint = (cost: number): EventBody => ({ type: 'hint.given', by: 'mira', level: 1, text: 'look', cost });

describe('the score', () => {
  test('everything right is everything', () => {
    expect(score('met')).toMatchObject({ points: 100, of: 100 });
    expect(texts('met')[0]).toBe('40 The cause was named 4.2 s after the deploy: deployment/payments revision 2');
  });

  test.each(RUN_KINDS)('%s: the lines add up to the points, which are within bounds', kind => {
    for (const more of [[], [hint(50), hint(70)]]) {
      const found = scoreOf(played(kind, more));
      if (!found) return;
      expect(found.lines.reduce((sum, { points }) => sum + points, 0)).toBe(found.points);
      expect(found.points).toBeGreaterThanOrEqual(0);
      expect(found.points).toBeLessThanOrEqual(found.of);
    }
  });

  test('nothing injected, nothing to score', () => {
    expect(scoreOf(played('refused'))).toBeUndefined();
    expect(scoreOf(played('error-before'))).toBeUndefined();
  });

  test('each wrong diagnosis costs, and is named with its time', () => {
    expect(texts('misdiagnosed')).toEqual(
      expect.arrayContaining([
        '-10 Wrong diagnosis 4.2 s after the deploy: deployment/frontend revision 2',
        '-10 Wrong diagnosis 10.0 s after the deploy: deployment/frontend revision 2',
      ]),
    );
  });

  test('the right workload with the wrong revision is half of it', () => {
    const found = score('met', [], event =>
      event.type === 'diagnosis.answered'
        ? { ...event, correct: false, suspects: event.suspects.map(suspect => ({ ...suspect, revision: '7' })) }
        : event,
    );
    expect(found.lines[0]).toEqual({ text: 'The workload was named, but not the revision that broke it', points: 20 });
    expect(found.lines.filter(({ text }) => text.startsWith('Wrong'))).toEqual([]);
  });

  test('what the machine named is not credited to people', () => {
    expect(scoreOf(foldEvents(runEvents('met')))?.lines[0]).toMatchObject({ points: 0 });
    const wrong = scoreOf(foldEvents(runEvents('misdiagnosed')))?.lines.filter(({ text }) => text.startsWith('Wrong'));
    expect(wrong).toEqual([]);
  });

  test('each hint takes what it costs; calling for help takes nothing', () => {
    const more: EventBody[] = [hint(2), hint(4), { type: 'escalated', by: 'mira', to: 'team-payments', reason: 'lost' }];
    expect(score('met', more).points).toBe(94);
    expect(texts('met', more)).toContain('0 Called team-payments for help: takes nothing off');
  });

  test('a phase over its objective gives nothing; without objectives there is less to get', () => {
    expect(texts('missed-objective')).toContain('0 Rollback took 19.3 s, objective 8.0 s');
    const free = score('met', [], event => (event.type === 'run.started' ? { ...event, objectives: {} } : event));
    expect(free).toMatchObject({ points: 80, of: 80 });
  });

  test('rolling back what was not the cause costs: a decoy that was undone, or a workload that the drill had not touched', () => {
    const restored = (action: 'as-found' | 'put-back', name: string) => (event: RehearsalEvent) =>
      event.type === 'restore.finished'
        ? { ...event, objects: [{ object: deployment(name), action, equal: true, diff: '' }] }
        : event;
    const cost = (action: 'as-found' | 'put-back', name: string) => 100 - score('met', [], restored(action, name)).points;
    expect(cost('as-found', 'frontend')).toBe(15);
    expect(cost('put-back', 'frontend')).toBe(0);
    expect(cost('put-back', 'checkout')).toBe(15);
    expect(cost('as-found', 'payments')).toBe(0);
  });

  test('a drill that people gave up says so in every line', () => {
    expect(texts('interrupted')).toEqual(
      expect.arrayContaining([
        '0 The cause was never named',
        '0 The bad deploy was not rolled back in the drill',
        '0 The service was not restored in the drill',
      ]),
    );
  });
});

describe('hints', () => {
  const matter = {
    specHints: ['Who pays?', 'Ask payments.'],
    target: deployment('payments'),
    revision: '2',
    change: 'image 1.4.0 → 1.5.0',
    others: [deployment('payments'), deployment('checkout')],
  };

  test('the author’s come first, then ever more telling ones, each dearer than the last', () => {
    const hints = hintsFor(matter);
    expect(hints.slice(0, 2).map(({ text }) => text)).toEqual(matter.specHints);
    const general = hints.slice(2);
    expect(general.map(({ cost }) => cost)).toEqual([...general.map(({ cost }) => cost)].sort((a, b) => a - b));
    const naming = general.map(({ text }) => text.includes('payments'));
    expect(naming).toEqual([false, false, true, true, true]);
    expect(general.at(-1)?.text).toBe('It is revision 2 of deployment/payments: image 1.4.0 → 1.5.0.');
  });

  test('the choice of two does not tell by its order', () => {
    const pair = (target: string, other: string) =>
      hintsFor({ ...matter, target: deployment(target), others: [deployment(other)] }).find(({ text }) => text.includes('either'))
        ?.text;
    expect(pair('payments', 'checkout')).toBe(pair('checkout', 'payments'));
  });

  test('who takes every general hint has no points left for naming the cause', () => {
    const cost = hintsFor({ ...matter, specHints: [] }).reduce((sum, hint) => sum + hint.cost, 0);
    expect(cost).toBe(40);
  });

  test('a lone workload, and a revision that nobody knows yet, still leave hints', () => {
    const hints = hintsFor({ specHints: [], target: deployment('payments'), others: [] });
    expect(hints.map(({ text }) => text).join(' ')).not.toMatch(/undefined|either/);
    expect(hints.at(-1)?.text).toBe('It is the newest revision of deployment/payments.');
  });
});
