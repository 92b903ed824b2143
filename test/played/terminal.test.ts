import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { displayWidth } from '../../src/reporters/style.ts';
import { noTmux, TmuxTerminal } from '../practice/tmux.ts';

const FOLLOWER = join(import.meta.dirname, '..', 'practice', 'follower.ts');
/** Whoever reads a prompt does not answer it at once; what comes sooner is not taken. */
const READING_MS = 400;

const open: TmuxTerminal[] = [];
const folder = mkdtempSync(join(tmpdir(), 'rehearse-practice-'));
let log = '';

async function practise(args: string, columns: number, rows: number, environment = 'LC_ALL=C.UTF-8'): Promise<TmuxTerminal> {
  log = join(folder, `${performance.now()}.log`);
  const command = `env ${environment} FOLLOWER_LOG=${log} ${process.execPath} --import tsx ${FOLLOWER} ${args}`;
  const terminal = await TmuxTerminal.open(command, columns, rows);
  open.push(terminal);
  return terminal;
}

const logged = () => readFileSync(log, 'utf8').trimEnd().split('\n');

async function answer(terminal: TmuxTerminal, seen: RegExp, keys: string): Promise<string> {
  const screen = await terminal.see(seen);
  await delay(READING_MS);
  await terminal.type(keys);
  return screen;
}

/** The terminal is as a shell needs it: it shows what is typed, line by line, and takes Ctrl-C. */
async function asItWas(terminal: TmuxTerminal): Promise<void> {
  await terminal.type(`stty -a > ${log}.stty\r`);
  await expect.poll(() => readFileSync(`${log}.stty`, 'utf8'), { timeout: 10_000 }).toMatch(/\n/);
  const settings = readFileSync(`${log}.stty`, 'utf8').split(/[\s;]+/);
  for (const setting of ['icanon', 'echo', 'isig', 'icrnl', 'opost']) expect(settings).toContain(setting);
}

afterEach(async () => {
  for (const terminal of open.splice(0)) await terminal.close();
});

describe.skipIf(noTmux)(`practice in a real terminal${noTmux ? ` (skipped: ${noTmux})` : ''}`, () => {
  test.each([
    [80, 24],
    [60, 20],
  ])('from start to end, %d columns and %d rows', async (columns, rows) => {
    const terminal = await practise('', columns, rows);
    await answer(terminal, /waiting for the alert[\s\S]*ada› *$/, 'n it begins\r');
    await terminal.see(/note +ada: it begins/);
    const step = await answer(terminal, /Step 3 of 8: See which pods[\s\S]*Enter shows the pods[\s\S]*ada› *$/, '\r');
    expect(step).toMatch(/▶ diagnosis 0:0\d\.\d of 3\.0 s/);
    expect(step).toMatch(/^ users +errors/m);
    expect(step).toMatch(/^ signals +checkout-slo/m);
    for (const line of step.split('\n')) expect(displayWidth(line)).toBeLessThan(columns);
    await terminal.see(/What does the log/);
    await delay(READING_MS);
    await terminal.paste('exit 137\nOOM-Killer 宽');
    const { row, column } = await terminal.cursor();
    const pasted = (await terminal.see(/OOM-Killer/)).split('\n')[row] ?? '';
    expect(pasted).toBe(' ada› exit 137 OOM-Killer 宽');
    expect(column).toBe(displayWidth(pasted));
    await terminal.type('\r');
    await answer(terminal, /How many pods/, '2\r');
    await answer(terminal, /3\. the image itself/, 'conf\t\r');
    await answer(terminal, /carries no migration/, 'y\r');
    await answer(terminal, /Enter tries again/, '\r');
    await answer(terminal, /Enter goes on/, '\r');
    const end = await terminal.see(/Report: reports\/demo\/report\.html\n\$ *$/);
    expect(end).not.toMatch(/ada›|^─+$/m);
    expect(logged()).toEqual([
      '{"kind":"command","command":"note","text":"it begins"}',
      '{"kind":"answer","text":""}',
      '{"kind":"answer","text":"exit 137 OOM-Killer 宽"}',
      '{"kind":"answer","text":"2"}',
      '{"kind":"answer","text":"configuration"}',
      '{"kind":"answer","text":"yes"}',
      '{"kind":"answer","text":""}',
      '{"kind":"answer","text":""}',
      'finished',
    ]);
    await asItWas(terminal);
  });

  test('survives resizes: one frame, one prompt, what was typed is still there', async () => {
    const terminal = await practise('', 100, 30);
    await terminal.see(/Enter shows the pods[\s\S]*ada› *$/);
    await terminal.type('note half a');
    for (const [columns, rows] of [
      [60, 20],
      [120, 40],
      [44, 12],
      [80, 24],
    ] as const) {
      await terminal.resize(columns, rows);
      await delay(700);
      const screen = await terminal.screen();
      expect(screen.match(/ada›/g)).toHaveLength(1);
      expect(screen.match(/^ (?:users|runbook) /gm)?.length).toBeLessThanOrEqual(2);
      expect(screen).toMatch(/ada› note half a$/);
      const { row, column } = await terminal.cursor();
      expect(screen.split('\n')[row]?.slice(0, column)).toBe(' ada› note half a');
    }
  });

  test('Ctrl-C ends it, Ctrl-D asks first; the terminal is as it was', async () => {
    const terminal = await practise('', 80, 24);
    await answer(terminal, /Enter shows the pods/, '\u0004');
    await answer(terminal, /End the drill\? The target is restored\. \(y or n\)/, 'n\r');
    await answer(terminal, /Enter shows the pods/, 'half a line\u0003');
    await terminal.see(/SIGINT: ending the drill[\s\S]*The drill ended: interrupted\n\$ *$/);
    await asItWas(terminal);
  });

  test('a terminal that is closed ends the practice', async () => {
    const terminal = await practise('', 80, 24);
    await terminal.see(/Enter shows the pods/);
    await terminal.close();
    await expect.poll(logged, { timeout: 10_000 }).toContain('closed: nobody can answer any more: the input has ended');
  });

  test.each(['--plain', ''])('line by line (%j in a terminal that cannot move its cursor)', async args => {
    const terminal = await practise(args, 100, 50, args === '' ? 'LC_ALL=C.UTF-8 TERM=dumb' : undefined);
    await answer(terminal, /Enter shows the pods\nada, Enter or a command, \? for help: *$/, '\r');
    await answer(terminal, /log of the newest pod say\?\nada, .*: *$/, 'OOM\r');
    await answer(terminal, /How many[^\n]*\nada, a number from 0 to 50, .*: *$/, '99\r');
    await answer(terminal, /Not taken: 99 is out of range[^\n]*\nada, a number/, '2\r');
    await answer(terminal, /3\. the image itself\nada, 1 to 3/, '1\r');
    await answer(terminal, /carries no migration\.\nada, y or n, .*: *$/, 'y\r');
    await answer(terminal, /Failed: kubectl rollout undo/, '\r');
    await answer(terminal, /Enter goes on\nada, .*: *$/, '\r');
    await terminal.see(/Report: reports\/demo\/report\.html/);
    expect(logged().at(-1)).toBe('finished');
    await asItWas(terminal);
  });

  test('a command that prints a hundred megabytes leaves the prompt usable', async () => {
    const terminal = await practise('--flood', 80, 24);
    await answer(terminal, /Enter shows the pods/, '\r');
    const screen = await terminal.see(/What does the log/);
    expect(screen).toMatch(/│ 1000000 x/);
    await delay(READING_MS);
    await terminal.type('nothing\r');
    await terminal.see(/How many pods/);
    expect(logged().at(-1)).toBe('{"kind":"answer","text":"nothing"}');
  });
});

process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
