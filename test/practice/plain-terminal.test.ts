import { afterEach, describe, expect, test } from 'vitest';
import { TerminalClosed } from '../../src/practice/terminal.ts';
import { foldEvents } from '../../src/record/fold.ts';
import type { Prompt } from '../../src/runbook/person.ts';
import { runEvents } from '../fixtures/runs.ts';
import { COMMANDS, event, leaveSeats, plainSeat, settle, stepPrompt, textPrompt, waitingPrompt } from './seat.ts';

afterEach(leaveSeats);

const number: Prompt = { kind: 'number', text: 'How many pods?', min: 0, max: 50, commands: COMMANDS };
const choice: Prompt = { kind: 'choice', text: 'Which kind?', choices: [{ value: 'memory' }, { value: 'image' }], commands: [] };
const signal = (tMs: number) =>
  event(tMs, { type: 'signal.raised', detector: 'checkout-slo', kind: 'slo', message: 'error rate 41 %', uncertaintyMs: 100 });

/** What was written since the last look. */
function listener(seat: ReturnType<typeof plainSeat>) {
  let heard = seat.screen.written().length;
  return () => {
    const all = seat.screen.written();
    const text = all.slice(heard);
    heard = all.length;
    return text;
  };
}

describe('line by line', () => {
  test('nothing but text is ever written, and the terminal keeps its own line editing', async () => {
    const seat = plainSeat();
    expect(seat.keyboard.raw).toBe(false);
    for (const one of runEvents('met').filter(({ tMs }) => tMs < 9000)) {
      seat.ticker.advanceTo(one.tMs);
      seat.reporter.onEvent(one);
    }
    seat.person.tell('evidence\u001b[2J', 'evidence');
    seat.person.stream('output\u0007');
    const asked = await seat.ask(stepPrompt());
    seat.keyboard.type('?\n');
    seat.keyboard.type('status\n');
    seat.keyboard.type('\n');
    await asked.done;
    seat.reporter.finish(foldEvents(runEvents('met')), { report: '/r/report.html', directory: '/r' });
    expect(seat.screen.written()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(seat.screen.written()).toMatch(/Report: \/r\/report\.html\n$/);
  });

  test('a prompt is a line that ends in a colon, with what can be typed', async () => {
    const seat = plainSeat();
    const hear = listener(seat);
    await seat.ask(stepPrompt());
    expect(hear()).toMatch(
      /^Step 3 of 8: See which pods.*\n[\s\S]*Enter shows the pods\nada, Enter or a command, \? for help: $/,
    );
    seat.keyboard.type('\n');
    await seat.ask(number);
    expect(hear()).toBe('How many pods?\nada, a number from 0 to 50, commands begin with a colon, ? for help: ');
    seat.keyboard.type('3\n');
    await seat.ask(choice);
    expect(hear()).toBe('Which kind?\n1. memory\n2. image\nada, 1 to 2, or the text, ? for help: ');
  });

  test('what comes while a prompt is open is told in whole lines, and the prompt is repeated once it is quiet', async () => {
    const seat = plainSeat();
    await seat.ask(textPrompt);
    const hear = listener(seat);
    seat.reporter.onEvent(signal(10_000));
    seat.reporter.onEvent(event(10_010, { type: 'note', text: 'seen', by: 'grace' }));
    expect(hear()).toBe('\n  0:10.0  signal     checkout-slo: error rate 41 %\n  0:10.0  note       grace: seen\n');
    seat.later(1000);
    expect(hear()).toBe('ada, commands begin with a colon, ? for help: ');
    seat.later(5000);
    expect(hear()).toBe('');
  });

  test('details do not disturb who reads a question', async () => {
    const seat = plainSeat();
    await seat.ask(textPrompt);
    const hear = listener(seat);
    seat.reporter.onEvent(event(10_000, { type: 'verification.changed', ok: true, checks: [] }));
    expect(hear()).toBe('');
  });

  test('what is wrong is told, and asked again', async () => {
    const seat = plainSeat();
    const asked = await seat.ask(number);
    const hear = listener(seat);
    seat.keyboard.type('many\n');
    expect(hear()).toMatch(/^Not taken: a number is needed from 0 to 50.*\nada, a number from 0 to 50, .*: $/);
    seat.keyboard.type('7\n');
    await asked.done;
    expect(asked.reply).toEqual({ kind: 'answer', text: '7' });
  });

  test('lines may come in pieces, with any end, and characters torn apart', async () => {
    const seat = plainSeat();
    const asked = await seat.ask(textPrompt);
    const bytes = Buffer.from('zu groß\r\n');
    for (const byte of bytes) seat.keyboard.emit('data', Uint8Array.of(byte));
    await asked.done;
    expect(asked.reply).toEqual({ kind: 'answer', text: 'zu groß' });
  });

  test('what was typed before the question could be read does not answer it', async () => {
    const seat = plainSeat();
    const hear = listener(seat);
    seat.keyboard.type('y\n');
    expect(hear()).toBe('Not taken: “y” was typed before anything was asked\n');
    const asked = await seat.ask(textPrompt);
    seat.keyboard.type('one\n');
    await asked.done;
    const confirm = seat.person.prompt({ kind: 'confirm', text: 'Sure?', commands: [] }, new AbortController().signal);
    seat.keyboard.type('y\n');
    expect(hear()).toMatch(/Not taken: “y” was typed before anything was asked\nada, y or n, \? for help: $/);
    seat.later(1000);
    seat.keyboard.type('n\n');
    expect(await confirm).toEqual({ kind: 'answer', text: 'no' });
  });

  test('a prompt that is not needed any more says so', async () => {
    const seat = plainSeat();
    const over = new AbortController();
    const asked = await seat.ask(textPrompt, over.signal);
    const hear = listener(seat);
    over.abort(new Error('rolled back'));
    await asked.done;
    expect(asked.error).toEqual(new Error('rolled back'));
    expect(hear()).toBe('\nNo answer is needed any more.\n');
    seat.later(2000);
    expect(hear()).toBe('');
  });

  test('where the drill stands is said in sentences', async () => {
    const seat = plainSeat();
    for (const one of runEvents('met').filter(({ tMs }) => tMs <= 9000)) {
      seat.ticker.advanceTo(one.tMs);
      seat.reporter.onEvent(one);
    }
    await seat.ask(stepPrompt());
    const hear = listener(seat);
    seat.keyboard.type('st\n');
    const said = hear();
    expect(said).toMatch(/^Drill: Payments fails a third of its charges, recovery 0:04\.\d of 20\.0 s\.$/m);
    expect(said).toMatch(
      /^Phases: detection 3\.0 s of 5\.0 s, done; diagnosis 1\.\d s of 3\.0 s, running; rollback not begun; /m,
    );
    expect(said).toMatch(/^Step 3 of 8: See which pods are in trouble, for the on-call engineer\.$/m);
    expect(said).toMatch(/^Users, by checkout: \d+\.\d % errors, p95 \d+ ms\.$/m);
    expect(said).toMatch(/^Signal since .*: checkout-slo, error rate/m);
    expect(said).not.toMatch(/[▁-█░▓✔▶]/);
  });

  test('of long output the head and the tail are told, and meanwhile how much there is', async () => {
    const seat = plainSeat();
    const over = new AbortController();
    const asked = await seat.ask(waitingPrompt, over.signal);
    for (let line = 1; line <= 100_000; line++) seat.person.stream(`line ${line}`);
    seat.later(10_000);
    over.abort(new Error('over'));
    await asked.done;
    await seat.ask(textPrompt);
    const text = seat.screen.written();
    expect(text).toMatch(/The command goes on, 100000 lines so far\./);
    expect(text).toMatch(/\| line 40\n/);
    expect(text).toMatch(/99952 lines left out; the report keeps the first and the last ones\.\n\| line 99993\n/);
    expect(text.length).toBeLessThan(10_000);
  });
});

describe('input that is no terminal', () => {
  test('lines of a pipe answer one prompt after the other, and its end is the end', async () => {
    const seat = plainSeat({ isTTY: false });
    seat.keyboard.type('first\n2\n');
    seat.keyboard.emit('end');
    const first = await seat.ask(textPrompt);
    await first.done;
    expect(first.reply).toEqual({ kind: 'answer', text: 'first' });
    const second = await seat.ask(choice);
    await second.done;
    expect(second.reply).toEqual({ kind: 'answer', text: 'image' });
    // What was answered can be read, although nobody echoed it.
    expect(seat.screen.written()).toMatch(/for help: first\n[\s\S]*for help: 2\n/);
    const third = await seat.ask(textPrompt);
    await third.done;
    expect(third.error).toBeInstanceOf(TerminalClosed);
  });

  test('a last line without its end counts', async () => {
    const seat = plainSeat({ isTTY: false });
    const asked = await seat.ask(textPrompt);
    seat.keyboard.type('the last');
    seat.keyboard.emit('end');
    await asked.done;
    expect(asked.reply).toEqual({ kind: 'answer', text: 'the last' });
  });

  test('nothing at all rejects the first prompt with what to do', async () => {
    const seat = plainSeat({ isTTY: false });
    seat.keyboard.emit('end');
    const asked = await seat.ask(textPrompt);
    await asked.done;
    await settle();
    expect(asked.error).toMatchObject({ message: 'nobody can answer any more: the input has ended', exitCode: 130 });
    expect((asked.error as TerminalClosed).hint).toContain('--practice');
  });
});
