/** A person at a terminal in memory: types bytes, sees the screen; the clock is held. */
import { EventEmitter } from 'node:events';
import { createPracticeTerminal, type Input } from '../../src/practice/terminal.ts';
import type { EventBody, RehearsalEvent } from '../../src/record/events.ts';
import type { Screen } from '../../src/reporters/reporter.ts';
import type { Prompt, Reply, ShownStep, SideCommand } from '../../src/runbook/person.ts';
import { ManualTicker, memoryScreen, Terminal } from '../reporters/screens.ts';

class Keyboard extends EventEmitter {
  isTTY: boolean;
  raw = false;
  flowing = false;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode = (raw: boolean) => {
    this.raw = raw;
    return this;
  };

  resume() {
    this.flowing = true;
    return this;
  }

  pause() {
    this.flowing = false;
    return this;
  }

  type(text: string): void {
    this.emit('data', Buffer.from(text));
  }
}

export const COMMANDS: SideCommand[] = [
  'skip',
  'back',
  'done',
  'cause',
  'rollback',
  'show',
  'note',
  'escalate',
  'hand-over',
  'hint',
  'pause',
  'quit',
];

const STEP: ShownStep = {
  id: 'see-pods',
  number: 3,
  total: 8,
  title: 'See which pods are in trouble',
  markdown: 'The **youngest** pods are the ones to look at.\n\n```yaml rehearse\nshow: pods\n```\n\n```sh\nkubectl get pods\n```',
  phase: 'diagnosis',
  owner: 'on-call engineer',
  expectedMs: 10_000,
  does: 'show pods',
  command: undefined,
  visit: 1,
};

export const stepPrompt = (of: Partial<ShownStep> = {}): Prompt => ({
  kind: 'step',
  text: 'Enter shows the pods',
  step: { ...STEP, ...of },
  commands: COMMANDS,
});
export const textPrompt: Prompt = { kind: 'text', text: 'What does the log say?', commands: COMMANDS };
export const waitingPrompt: Prompt & { kind: 'waiting' } = {
  kind: 'waiting',
  text: 'waiting for the alert',
  waitingFor: 'cluster',
  commands: COMMANDS,
};

/** A signal that nobody aborts. */
export const never = () => new AbortController().signal;

const seats: { reporter: { close(): void } }[] = [];

/** For afterEach. */
export function leaveSeats(): void {
  for (const seat of seats.splice(0)) seat.reporter.close();
}

/** Lets promises settle; no time passes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

let seq = 0;
export function event(tMs: number, body: EventBody): RehearsalEvent {
  return { seq: ++seq, at: '2026-11-22T14:03:07.000Z', tMs, ...body };
}

function seated<AScreen extends Screen>(screen: AScreen, options: { plain: boolean; isTTY: boolean }) {
  const ticker = new ManualTicker();
  const keyboard = new Keyboard(options.isTTY);
  const input = keyboard as unknown as Input;
  const terminal = createPracticeTerminal({ input, screen, ticker, plain: options.plain, name: 'ada' });
  seats.push(terminal);
  const later = (ms: number) => ticker.advanceTo(ticker.monotonicMs() + ms);
  return {
    ...terminal,
    screen,
    ticker,
    keyboard,
    later,
    /** Asks, and lets enough time pass for the question to be read. */
    async ask(prompt: Prompt, signal: AbortSignal = never()) {
      const asked: { reply?: Reply; error?: unknown } = {};
      const done = terminal.person.prompt(prompt, signal).then(
        reply => {
          asked.reply = reply;
        },
        error => {
          asked.error = error;
        },
      );
      later(1000);
      return Object.assign(asked, { done });
    },
  };
}

export function richSeat(options: { columns?: number; rows?: number; unicode?: boolean; colour?: boolean } = {}) {
  const { columns = 80, colour = false, ...others } = options;
  return seated(new Terminal(columns, colour, others), { plain: false, isTTY: true });
}

export function plainSeat(options: { isTTY?: boolean; unicode?: boolean } = {}) {
  return seated(memoryScreen({ isTTY: true, unicode: options.unicode ?? true }), { plain: true, isTTY: options.isTTY ?? true });
}
