import { describe, expect, test } from 'vitest';
import { markdownLines } from '../../src/practice/markdown-text.ts';
import { styleFor, wrap } from '../../src/reporters/style.ts';
import { parseRunbook } from '../../src/runbook/parse.ts';
import { showRunbook } from '../../src/runbook/show.ts';
import { step } from './following.ts';

function show(source: string, id?: string, colour = false): string {
  const style = styleFor({ colour, unicode: true });
  const drawing = {
    width: 80,
    style,
    markdown: (text: string, width: number, hides: (language: string, info: string) => boolean) =>
      markdownLines(text, width, style, hides),
    wrap,
  };
  return showRunbook(parseRunbook('book.md', source), drawing, id).join('\n');
}

describe('a runbook for reading', () => {
  test('tells who owns it, how long it takes, and each step with its commands in place of settings', () => {
    const front =
      '---\nservice: shop\nowners: [payments, platform]\nlastRehearsed: 2026-11-02\n---\n# Payments fail\nUsers cannot pay.\n';
    const back = step(
      'Roll back',
      'do: rollback\nowner: rollback owner\nexpected: 1m\nretries: 2',
      'kubectl rollout undo {{suspect}}',
    );
    expect(show(`${front}${step('Wait', 'do: await-detection\nexpected: 15s')}${back}## Afterwards\nWrite it down.`)).toBe(
      `Payments fail
shop · owned by payments, platform · last rehearsed 2026-11-02 · 2 steps,
expected to take 1 m 15 s

Users cannot pay.

 1  Wait
    detection · expected 15.0 s · #wait
    Waits for the first signal (t1).

 2  Roll back
    rollback · rollback owner · expected 1 m 00 s · tried again 2 times, 1.0 s
    apart · #roll-back
    Rolls the suspect back by the scenario's mechanism (t3).
    A person types what is below instead.

        kubectl rollout undo {{suspect}}

Afterwards
Write it down.`,
    );
  });

  test.each([
    [
      'show: pods\nwhen: {step: wait, contains: OOMKilled}',
      'Only when step wait passed and the output of wait contains “OOMKilled”.',
    ],
    ['run: df -h /var', 'Runs `df -h /var`.'],
    ['assert: {run: curl -f x}\nexpect: {contains: ready, lacks: [a, b]}', 'Repeats `curl -f x` every 2.0 s until it is good.'],
    [
      'assert: {run: curl -f x}\nexpect: {contains: ready, lacks: [a, b]}',
      'Good when the output contains “ready” and the output lacks “a” and “b”.',
    ],
    ['ask: {text: How many?, kind: number, min: 1, max: 5, as: n}', 'Asks: “How many?” (1 to 5; kept as {{n}})'],
    ['ask: {text: How many?, kind: number, min: 1, max: 5, as: n}', 'Needs a person: there is no answer for automatic runs.'],
    ['confirm: {text: Safe?, answer: true}', 'Answered automatically with “yes”.'],
    ['wait: 90s', 'Pauses for 1 m 30 s.'],
    ['notify: {to: "#x", text: Hello}', 'Tells #x: “Hello”'],
    ['do: verify\nbreakGlass: true\noptional: true', 'optional · with break-glass access'],
  ])('%s', (settings, expected) => {
    expect(show(step('Wait', 'show: events') + step('It', settings), 'it').replace(/\s+/g, ' ')).toContain(expected);
  });

  test('a decision shows where each branch leads, and why', () => {
    const decide =
      'decide:\n  text: Memory?\n  branches:\n    - {label: memory, when: {step: wait, outcome: [failed, timed-out]}, go: last}\n    - {label: other, go: end}\n  answer: other';
    const shown = show(step('Wait', 'show: events') + step('Which', decide) + step('Last', 'show: pods'), '2');
    expect(shown).toContain('memory → step 3, Last, when step wait failed or timed-out');
    expect(shown).toContain('other → the end');
  });

  test('a step that is not there is told with those that are', () => {
    const book = step('Roll back', 'do: rollback');
    expect(() => show(book, 'rol-back')).toThrow(expect.objectContaining({ exitCode: 2, hint: 'did you mean roll-back?' }));
    expect(() => show(book, 'nothing-like-it')).toThrow(expect.objectContaining({ hint: expect.stringContaining('roll-back') }));
  });

  test('a file cannot send the terminal anything', () => {
    const nasty = '# T\u001b]0;owned\u0007\n## S\u001b[31m\n```sh\necho \u001b[2Jx\n```\nText \u202eevil\u001b[0m\n';
    expect(show(nasty)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(show(nasty, undefined, true)).not.toMatch(/\u001b(?!\[[\d;]*m)|\u0007|\u202e/);
  });
});
