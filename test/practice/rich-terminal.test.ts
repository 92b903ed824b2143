import { afterEach, describe, expect, test } from 'vitest';
import { TerminalClosed } from '../../src/practice/terminal.ts';
import type { RehearsalEvent } from '../../src/record/events.ts';
import { foldEvents } from '../../src/record/fold.ts';
import { createBlindReporter } from '../../src/reporters/blind.ts';
import { displayWidth } from '../../src/reporters/style.ts';
import type { Prompt } from '../../src/runbook/person.ts';
import { runEvents } from '../fixtures/runs.ts';
import { COMMANDS, event, leaveSeats, never, richSeat, settle, stepPrompt, textPrompt, waitingPrompt } from './seat.ts';

afterEach(leaveSeats);

const files = { report: '/runs/1/report.html', directory: '/runs/1' };
const signal = (tMs: number, message = 'error rate 41 % over 2 s'): RehearsalEvent =>
  event(tMs, { type: 'signal.raised', detector: 'checkout-slo', kind: 'slo', message, uncertaintyMs: 100 });

/** A drill in its diagnosis. */
function drill(seat: ReturnType<typeof richSeat>, untilMs = 9000): void {
  for (const one of runEvents('met').filter(({ tMs }) => tMs <= untilMs)) {
    seat.ticker.advanceTo(one.tMs);
    seat.reporter.onEvent(one);
  }
}

/** The line that the person types into, with `|` at the cursor. */
function inputLine(seat: ReturnType<typeof richSeat>): string {
  const { row, column } = seat.screen.cursor;
  const line = seat.screen.visible().split('\n')[row] ?? '';
  // Characters, not cells: good enough for narrow ones.
  const padded = line.padEnd(column);
  return `${padded.slice(0, column)}|${padded.slice(column)}`.trim();
}

describe('prompts', () => {
  const number: Prompt = { kind: 'number', text: 'How many pods?', min: 0, max: 50, commands: COMMANDS };
  const choice: Prompt = {
    kind: 'choice',
    text: 'Which kind?',
    choices: [{ value: 'memory' }, { value: 'image', label: 'the image itself' }],
    commands: COMMANDS,
  };
  const confirm: Prompt = { kind: 'confirm', text: 'No migration in it?', commands: COMMANDS };
  const failed: Prompt = { kind: 'failed', text: 'Enter tries again', error: 'exit code 1', commands: COMMANDS };
  const paused: Prompt = { kind: 'paused', text: 'Enter goes on', reason: 'the phone', commands: [] };

  test.each<[Prompt, string, object]>([
    [stepPrompt(), '\r', { kind: 'answer', text: '' }],
    [stepPrompt(), 'done by kubectl\r', { kind: 'command', command: 'done', text: 'by kubectl' }],
    [textPrompt, 'out of memory\r', { kind: 'answer', text: 'out of memory' }],
    [number, '3\r', { kind: 'answer', text: '3' }],
    [choice, '2\r', { kind: 'answer', text: 'image' }],
    [confirm, 'y\r', { kind: 'answer', text: 'yes' }],
    [failed, '\r', { kind: 'answer', text: '' }],
    [paused, '\r', { kind: 'answer', text: '' }],
    [waitingPrompt, 'n I see 502s\r', { kind: 'command', command: 'note', text: 'I see 502s' }],
  ])('%j: %j', async (prompt, bytes, reply) => {
    const seat = richSeat();
    const asked = await seat.ask(prompt);
    expect(seat.screen.visible()).toContain(prompt.text);
    expect(seat.screen.cursorVisible).toBe(true);
    seat.keyboard.type(bytes);
    await asked.done;
    expect(asked.reply).toEqual(reply);
    expect(seat.screen.visible()).not.toContain('ada›');
    expect(seat.screen.unknown).toEqual([]);
  });

  test('what is wrong is told in one line, and asked again', async () => {
    const seat = richSeat();
    const asked = await seat.ask(number);
    seat.keyboard.type('99\r');
    expect(seat.screen.visible()).toMatch(/^ ! 99 is out of range: a number from 0 to 50 is needed$/m);
    seat.keyboard.type('4');
    expect(seat.screen.visible()).not.toContain('out of range');
    seat.keyboard.type('\r');
    await asked.done;
    expect(asked.reply).toEqual({ kind: 'answer', text: '4' });
    expect(seat.screen.visible()).toMatch(/answer +How many pods\? → 4/);
  });

  test('the cursor stands where the person types, also behind wide characters', async () => {
    const seat = richSeat();
    await seat.ask(textPrompt);
    seat.keyboard.type('abc\u001b[D');
    expect(inputLine(seat)).toBe('ada› ab|c');
    seat.keyboard.type('\u0005\u0015宽');
    expect(seat.screen.cursor.column).toBe(displayWidth(' ada› 宽'));
    seat.keyboard.type(`\u0005${'x'.repeat(200)}`);
    expect(inputLine(seat)).toMatch(/^ada› …x+\|$/);
    expect(seat.screen.unknown).toEqual([]);
  });

  test('a signal that comes while something is typed is shown and does not touch it', async () => {
    const seat = richSeat();
    drill(seat);
    await seat.ask(textPrompt);
    seat.keyboard.type('it looks like');
    seat.reporter.onEvent(signal(10_000, 'error rate 77 % over 2 s'));
    const screen = seat.screen.visible();
    expect(screen).toMatch(/signal +checkout-slo: error rate 77 %/);
    expect(screen).toMatch(/^ signals +checkout-slo +error rate 77 %/m);
    expect(inputLine(seat)).toBe('ada› it looks like|');
  });

  test('several never overlap: the second waits, and is left out when it is not needed any more', async () => {
    const seat = richSeat();
    const first = await seat.ask(textPrompt);
    const gone = new AbortController();
    const second = await seat.ask({ ...confirm, text: 'Second?' }, gone.signal);
    const third = await seat.ask({ ...confirm, text: 'Third?' });
    expect(seat.screen.visible()).not.toMatch(/Second|Third/);
    gone.abort(new Error('not needed'));
    await second.done;
    expect(second.error).toEqual(new Error('not needed'));
    seat.keyboard.type('one\r');
    await first.done;
    expect(seat.screen.visible()).toContain('Third?');
    seat.later(500);
    seat.keyboard.type('n\r');
    await third.done;
    expect(third.reply).toEqual({ kind: 'answer', text: 'no' });
  });

  test('a prompt that is not needed any more goes away, and rejects with the reason', async () => {
    const seat = richSeat();
    const over = new AbortController();
    const asked = await seat.ask(waitingPrompt, over.signal);
    expect(seat.screen.visible()).toContain('waiting for the alert');
    over.abort(new Error('detected'));
    await asked.done;
    expect(asked.error).toEqual(new Error('detected'));
    expect(seat.screen.visible()).not.toMatch(/waiting for the alert|ada›/);
    expect(seat.screen.cursorVisible).toBe(false);
    const late = await seat.ask(waitingPrompt, over.signal);
    await late.done;
    expect(late.error).toEqual(new Error('detected'));
  });

  test('a command that is being typed is not lost to another prompt, nor taken for its answer', async () => {
    const seat = richSeat();
    const over = new AbortController();
    await seat.ask(waitingPrompt, over.signal);
    seat.keyboard.type('note it is the da');
    over.abort(new Error('detected'));
    await settle();
    const asked = await seat.ask(textPrompt);
    expect(inputLine(seat)).toBe('ada› :note it is the da|');
    seat.keyboard.type('tabase\r');
    await asked.done;
    expect(asked.reply).toEqual({ kind: 'command', command: 'note', text: 'it is the database' });
  });

  test('half an answer to a question that went away does not become a command; it can be had back', async () => {
    const seat = richSeat();
    const over = new AbortController();
    await seat.ask(textPrompt, over.signal);
    seat.keyboard.type('done with the');
    over.abort(new Error('rolled back'));
    await settle();
    await seat.ask(stepPrompt());
    expect(inputLine(seat)).toBe('ada› |');
    seat.keyboard.type('\u001b[A');
    expect(inputLine(seat)).toBe('ada› done with the|');
  });

  test('an Enter that was meant for what stood there before does not do the next step', async () => {
    const seat = richSeat();
    const asked: { reply?: unknown } = {};
    const done = seat.person.prompt(stepPrompt(), never()).then(reply => {
      asked.reply = reply;
    });
    seat.later(100);
    seat.keyboard.type('\r');
    await settle();
    expect(asked.reply).toBeUndefined();
    seat.later(200);
    seat.keyboard.type('\r');
    await done;
    expect(asked.reply).toEqual({ kind: 'answer', text: '' });
  });

  test('Ctrl-D on an empty line is quit where that is possible, and told where it is not', async () => {
    const seat = richSeat();
    const asked = await seat.ask(stepPrompt());
    seat.keyboard.type('ab\u001b[D\u0004');
    expect(inputLine(seat)).toBe('ada› a|');
    seat.keyboard.type('\u0015\u0004');
    await asked.done;
    expect(asked.reply).toEqual({ kind: 'command', command: 'quit', text: '' });
    await seat.ask({ ...textPrompt, commands: [] });
    seat.keyboard.type('\u0004');
    expect(seat.screen.visible()).toContain('Ctrl-C ends it');
  });

  test('Tab completes commands and choices', async () => {
    const seat = richSeat();
    await seat.ask(stepPrompt());
    seat.keyboard.type('sho\t');
    expect(inputLine(seat)).toBe('ada› show|');
    seat.keyboard.type(' p\t');
    expect(inputLine(seat)).toBe('ada› show pods|');
    seat.keyboard.type('\u0015s\t');
    expect(seat.screen.visible()).toMatch(/^ ! show, skip, status$/m);
  });

  test('whoever took over is named where they type', async () => {
    const seat = richSeat();
    seat.person.name = 'Grace';
    await seat.ask(textPrompt);
    expect(seat.screen.visible()).toContain('Grace›');
  });
});

describe('a step', () => {
  test('is shown with its heading, owner, expected time and text; what is for the tool is not', async () => {
    const seat = richSeat();
    await seat.ask(stepPrompt());
    const screen = seat.screen.visible();
    expect(screen).toMatch(/^ Step 3 of 8: See which pods are in trouble$/m);
    expect(screen).toMatch(/^ diagnosis · for the on-call engineer · expected 10\.0 s · does: show pods$/m);
    expect(screen).toMatch(/^ {3}The youngest pods are the ones to look at\.$/m);
    expect(screen).toMatch(/^ {7}kubectl get pods$/m);
    expect(screen).not.toMatch(/yaml|show: pods\n/);
  });

  test('is not shown again after each side command; the second visit shows its heading', async () => {
    const seat = richSeat();
    const markdown = 'The youngest.\n\n- one\n- two\n- three\n- four';
    for (const visit of [1, 1, 2]) {
      const asked = await seat.ask(stepPrompt({ visit, markdown }));
      seat.keyboard.type('n x\r');
      await asked.done;
    }
    const text = seat.screen.text();
    expect(text.match(/Step 3 of 8/g)).toHaveLength(2);
    expect(text).toContain('Step 3 of 8, 2nd time: See');
    expect(text.match(/youngest/g)).toHaveLength(1);
  });

  test.each([
    [80, 24],
    [60, 20],
    [120, 40],
  ])('with a long text begins on the screen of %d columns and %d rows, and "more" shows the rest', async (columns, rows) => {
    const seat = richSeat({ columns, rows });
    drill(seat);
    const markdown = Array.from({ length: 60 }, (_, index) => `${index + 1}. line number ${index + 1}`).join('\n');
    await seat.ask(stepPrompt({ markdown }));
    expect(seat.screen.visible()).toMatch(/Step 3 of 8[\s\S]*line number 1\n[\s\S]*\d+ more lines: type "more"/);
    for (let page = 0; page < 30; page++) seat.keyboard.type('m\r');
    const text = seat.screen.text();
    for (let line = 1; line <= 60; line++)
      expect(text.match(new RegExp(`line number ${line}$`, 'gm'))?.length).toBeGreaterThan(0);
  });
});

describe('the screen', () => {
  test.each([
    [80, 24],
    [60, 20],
    [40, 10],
    [120, 40],
  ])(
    'of %d columns and %d rows: one frame, in place, no line too wide, and the prompt is always on it',
    async (columns, rows) => {
      const seat = richSeat({ columns, rows });
      const seen: string[] = [];
      const look = () => {
        const screen = seat.screen.visible();
        seen.push(screen);
        expect(screen.split('\n').length).toBeLessThanOrEqual(rows);
        for (const line of screen.split('\n')) expect(displayWidth(line)).toBeLessThan(columns);
        expect(screen.match(/^ (?:runbook|users) /gm)?.length ?? 0).toBeLessThanOrEqual(2);
        if (seat.screen.cursorVisible) expect(inputLine(seat)).toMatch(/^ada› /);
      };
      for (const one of runEvents('met')) {
        seat.ticker.advanceTo(one.tMs);
        seat.reporter.onEvent(one);
        look();
        if (one.type === 'runbook.step.started') {
          const asked = await seat.ask(stepPrompt({ id: one.stepId, title: one.title }));
          look();
          seat.keyboard.type('note x\r');
          await asked.done;
        }
      }
      expect(seen.some(screen => /recovery 0:0\d/.test(screen))).toBe(true);
      expect(seat.screen.unknown).toEqual([]);
    },
  );

  test('shows clocks, step, what is known, users and signals in the middle of a drill', async () => {
    const seat = richSeat();
    drill(seat);
    await seat.ask(stepPrompt());
    seat.ticker.advanceTo(10_200);
    const screen = seat.screen.visible();
    expect(screen).toMatch(/recovery 0:0\d\.\d of 20\.0 s$/m);
    expect(screen).toMatch(/^ ✔ detection 3\.0 s {3}▶ diagnosis 0:0[12]\.\d of 3\.0 s {3}· rollback {3}· verification/m);
    expect(screen).toMatch(/^ known +t1 detected 3\.0 s after the deploy by checkout-slo$/m);
    expect(screen).toMatch(/^ users +errors +\d/m);
    expect(screen).toMatch(/^ signals +checkout-slo/m);
    seat.later(2000);
    expect(seat.screen.visible()).toMatch(/▶ diagnosis 0:04\.\d of 3\.0 s, late/);
  });

  test('does not tell what was injected, nor what else was deployed to mislead', () => {
    const seat = richSeat({ columns: 200 });
    drill(seat, 9000);
    expect(seat.screen.text()).not.toMatch(/1\.5\.0|1\.4\.1|deployment\/(payments|frontend)/);
    expect(seat.screen.text()).toContain('bad deploy is live');
  });

  test('of a blind drill shows what people see: alerts and clocks from the alert on, not the deploy', () => {
    const seat = richSeat({ columns: 110 });
    const common = {
      scenarios: ['error-rate', 'latency'],
      objectives: { diagnosis: 60_000 },
      probes: ['checkout'],
      detectors: [],
    };
    const blind = createBlindReporter(seat.reporter, common);
    const playUntil = (fromMs: number, untilMs: number) => {
      for (const one of runEvents('met').filter(({ tMs }) => tMs >= fromMs && tMs < untilMs)) {
        seat.ticker.advanceTo(one.tMs);
        blind.onEvent(one.type === 'run.started' ? { ...one, blind: { seed: 7, scenarios: common.scenarios } } : one);
      }
    };
    playUntil(0, 8000);
    expect(seat.screen.visible()).toMatch(/no alert yet$/m);
    playUntil(8000, 9000);
    seat.later(200);
    const screen = seat.screen.visible();
    expect(screen).toMatch(/signal +checkout-slo: error rate/);
    expect(screen).toMatch(/0:0[01]\.\d since the alert$/m);
    expect(screen).toMatch(/^ ✔ detection {3}▶ diagnosis 0:0[01]\.\d of 1 m 00 s/m);
    expect(screen).toMatch(/^ known +t1 detected at 0:08\.1 by checkout-slo$/m);
    expect(seat.screen.text()).not.toMatch(/ t0 |bad deploy|error-rate|recovery/);
  });

  test('a resize paints it anew, with its transcript and what is being typed', async () => {
    const seat = richSeat({ columns: 100, rows: 30 });
    drill(seat);
    await seat.ask(textPrompt);
    seat.keyboard.type('half a line');
    for (const [columns, rows] of [
      [60, 20],
      [34, 8],
      [120, 40],
    ] as const) {
      seat.screen.columns = columns;
      seat.screen.rows = rows;
      seat.later(300);
      const screen = seat.screen.visible();
      expect(screen.match(/ada›/g)).toHaveLength(1);
      expect(inputLine(seat)).toBe('ada› half a line|');
      for (const line of screen.split('\n')) expect(displayWidth(line)).toBeLessThan(columns);
      expect(screen.split('\n').length).toBeLessThanOrEqual(rows);
    }
    expect(seat.screen.visible()).toMatch(/ t1 +detected/);
  });

  test('Ctrl-L paints anew what another program wrote over', async () => {
    const seat = richSeat();
    drill(seat);
    await seat.ask(textPrompt);
    seat.screen.write('\u001b[Hgarbage of wall(1)');
    seat.keyboard.type('\u000c');
    expect(seat.screen.visible()).not.toContain('garbage');
    expect(inputLine(seat)).toBe('ada› |');
  });

  test('a running clock costs a few bytes, and nothing is written when nothing changes', async () => {
    const seat = richSeat();
    drill(seat);
    await seat.ask(textPrompt);
    const written: string[] = [];
    const write = seat.screen.write.bind(seat.screen);
    seat.screen.write = text => {
      written.push(text);
      write(text);
    };
    seat.later(1000);
    expect(written.length).toBeGreaterThan(0);
    expect(written.length).toBeLessThanOrEqual(5);
    expect(Math.max(...written.map(text => text.length))).toBeLessThan(600);
  });

  test('without Unicode everything is ASCII, and the cursor is still right', async () => {
    const seat = richSeat({ unicode: false });
    drill(seat);
    const asked = await seat.ask(stepPrompt({ title: 'Größe – prüfen', markdown: '* a “quoted” → arrow' }));
    seat.keyboard.type('n 宽é');
    expect(seat.screen.text()).toMatch(/^[\n -~]*$/);
    expect(inputLine(seat)).toBe('ada> n ??|');
    seat.keyboard.type('\r');
    await asked.done;
    expect(asked.reply).toMatchObject({ text: '宽é' });
  });

  test('what runbooks, programs and people say can paint nothing', async () => {
    const hostile = 'a\u001b[2J\u001b]0;title\u0007\u202eb\rc\u0000';
    const seat = richSeat();
    seat.person.name = hostile;
    seat.person.tell(hostile, 'evidence');
    seat.person.tell(hostile, 'warning');
    seat.person.stream(hostile);
    seat.reporter.say('a message');
    await seat.ask(stepPrompt({ title: hostile, markdown: hostile, command: hostile, owner: hostile }));
    seat.keyboard.type(`\u001b[200~${hostile}\u001b[201~`);
    await seat.ask({ ...textPrompt, text: hostile });
    seat.reporter.onEvent(event(1, { type: 'note', text: hostile, by: hostile }));
    expect(seat.screen.unknown).toEqual([]);
    expect(seat.screen.text()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

describe('output of commands', () => {
  test('a short one is shown whole, in order with what is told', async () => {
    const seat = richSeat();
    for (const line of ['one', 'two\twide']) seat.person.stream(line);
    seat.person.tell('it took long', 'warning');
    expect(seat.screen.text()).toMatch(/ {3}│ one\n {3}│ two {5}wide\n ! it took long/);
  });

  test('of a million lines the head and the tail stay, with how many are left out, and the screen is not flooded', async () => {
    const seat = richSeat();
    drill(seat);
    const over = new AbortController();
    await seat.ask({ ...waitingPrompt, waitingFor: 'machine' }, over.signal);
    let bytes = 0;
    const write = seat.screen.write.bind(seat.screen);
    seat.screen.write = text => {
      bytes += text.length;
      write(text);
    };
    for (let line = 1; line <= 1_000_000; line++) {
      seat.person.stream(`line ${line}`);
      if (line === 500_000) {
        seat.later(200);
        expect(seat.screen.visible()).toMatch(/output, 500000 lines so far/);
        expect(seat.screen.visible()).toContain('line 500000');
      }
    }
    over.abort(new Error('over'));
    await settle();
    await seat.ask(stepPrompt());
    const text = seat.screen.text();
    expect(text).toMatch(
      /│ line 40\n {3}999952 lines left out; the report keeps the first and the last ones\n {3}│ line 999993\n/,
    );
    expect(text).toContain('│ line 1000000\n');
    expect(text).not.toContain('line 499000');
    expect(bytes).toBeLessThan(100_000);
  });

  test('a line of a hundred megabytes is cut', () => {
    const seat = richSeat();
    seat.person.stream('x'.repeat(100_000_000));
    seat.later(300);
    expect(seat.screen.text()).toMatch(/x \(and 99996000\n? *│? ?characters more\)/);
    expect(seat.screen.lines.length).toBeLessThan(80);
  });
});

describe('the end', () => {
  test('the summary takes the place of the frame, and the terminal is as it was', () => {
    const seat = richSeat();
    expect(seat.keyboard.raw).toBe(true);
    expect(seat.screen.pasteMarked).toBe(true);
    const events = runEvents('met');
    for (const one of events) seat.reporter.onEvent(one);
    seat.reporter.finish(foldEvents(events), files);
    expect(seat.screen.text()).toMatch(/✔ OBJECTIVES MET/);
    expect(seat.screen.text()).toMatch(/\nReport: \/runs\/1\/report\.html$/);
    expect(seat.screen.text()).not.toMatch(/^─+$/m);
    expect(seat.keyboard.raw).toBe(false);
    expect(seat.keyboard.flowing).toBe(false);
    expect(seat.screen.pasteMarked).toBe(false);
    expect(seat.screen.cursorVisible).toBe(true);
    expect(seat.ticker.running).toBe(0);
  });

  test('close() in the middle of a prompt gives the terminal back and rejects the prompt; twice does no harm', async () => {
    const seat = richSeat();
    drill(seat);
    const asked = await seat.ask(textPrompt);
    const exits = process.listenerCount('exit');
    seat.reporter.close();
    seat.reporter.close();
    await asked.done;
    expect(asked.error).toBeInstanceOf(TerminalClosed);
    expect(seat.keyboard.raw).toBe(false);
    expect(seat.screen.pasteMarked).toBe(false);
    expect(seat.screen.cursorVisible).toBe(true);
    expect(seat.screen.visible()).not.toMatch(/ada›/);
    expect(seat.ticker.running).toBe(0);
    expect(process.listenerCount('exit')).toBe(exits - 1);
  });

  test.each(['end', 'close'] as const)('input that ends (%s) rejects what is asked and all that will be', async how => {
    const seat = richSeat();
    const first = await seat.ask(textPrompt);
    const second = await seat.ask(textPrompt);
    seat.keyboard.emit(how);
    await Promise.all([first.done, second.done]);
    const later = await seat.ask(textPrompt);
    await later.done;
    for (const { error } of [first, second, later]) expect(error).toBeInstanceOf(TerminalClosed);
  });

  test('a terminal that is gone is an end, not a crash', async () => {
    const seat = richSeat();
    const asked = await seat.ask(textPrompt);
    seat.keyboard.emit('error', new Error('read EIO'));
    await asked.done;
    expect(asked.error).toMatchObject({ message: 'nobody can answer any more: the terminal is gone (read EIO)', exitCode: 130 });
    seat.reporter.close();
    seat.keyboard.emit('error', new Error('read EIO'));
  });

  test('Ctrl-C calls who listens, at a prompt and without one, and leaves the prompt to them', async () => {
    const seat = richSeat();
    let interrupts = 0;
    const off = seat.onInterrupt(() => void interrupts++);
    seat.keyboard.type('\u0003');
    const asked = await seat.ask(textPrompt);
    seat.keyboard.type('abc\u0003\u0003');
    await settle();
    expect(interrupts).toBe(3);
    expect(asked.reply).toBeUndefined();
    off();
  });

  test('without a listener Ctrl-C is a SIGINT', async () => {
    const seat = richSeat();
    const told = new Promise(resolve => process.once('SIGINT', resolve));
    seat.keyboard.type('\u0003');
    expect(await told).toBe('SIGINT');
    seat.reporter.close();
  });
});
