/** The prompts of a drill, one at a time, until each is answered or taken away. Knows neither keys nor screens. */
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { Prompt, Reply } from '../runbook/person.ts';
import type { LocalCommand } from './commands.ts';
import { readLine } from './reading.ts';

/** Nobody can answer any more: the terminal was closed, or the input ended. To be treated as a hang-up. */
export class TerminalClosed extends RehearseError {
  constructor(how: string) {
    super(`nobody can answer any more: ${how}`, {
      exitCode: EXIT.interrupted,
      hint: 'practise in a terminal that stays open, inside tmux for instance; without --practice the runbook is followed automatically',
    });
    this.name = 'TerminalClosed';
  }
}

/** Where the conversation is shown. */
export interface Surface {
  /** A prompt is to be answered; also when another takes its place for a moment and gives it back. */
  shown(prompt: Prompt): void;
  /** The prompt is gone: with its reply, or taken away by the drill. */
  closed(prompt: Prompt, reply: Reply | undefined): void;
  /** The line was not understood; one line says why. */
  again(message: string): void;
  local(command: LocalCommand): void;
}

interface Asked {
  prompt: Prompt;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

const QUIT: Prompt = { kind: 'confirm', text: 'End the drill? The target is restored, and the report is written.', commands: [] };

export class Conversation {
  readonly #surface: Surface;
  /** The first one is on the surface; the others wait for it. */
  readonly #asked: Asked[] = [];
  #quitting: (Reply & { kind: 'command' }) | undefined;
  #closed: TerminalClosed | undefined;

  constructor(surface: Surface) {
    this.#surface = surface;
  }

  /** What is to be answered now. */
  get prompt(): Prompt | undefined {
    return this.#quitting ? QUIT : this.#asked[0]?.prompt;
  }

  /** @throws the signal's reason when aborted, TerminalClosed when nobody can answer. */
  ask(prompt: Prompt, signal: AbortSignal): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#closed) return reject(this.#closed);
      const onAbort = () => {
        this.#leave(asked, undefined);
        reject(signal.reason);
      };
      const asked: Asked = {
        prompt,
        resolve(reply) {
          signal.removeEventListener('abort', onAbort);
          resolve(reply);
        },
        reject(error) {
          signal.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#asked.push(asked);
      if (this.#asked.length === 1) this.#surface.shown(prompt);
    });
  }

  /** A line was typed. False when there is no prompt that it could belong to. */
  line(text: string): boolean {
    const { prompt } = this;
    const [asked] = this.#asked;
    if (!prompt || !asked) return false;
    const reading = readLine(prompt, text);
    if (reading.kind === 'again') this.#surface.again(reading.message);
    else if (reading.kind === 'local') this.#surface.local(reading.command);
    else if (this.#quitting) this.#quit(asked, this.#quitting, reading.reply.text === 'yes');
    else if (reading.reply.kind === 'command' && reading.reply.command === 'quit') this.#confirmQuit(reading.reply);
    else this.#answer(asked, reading.reply);
    return true;
  }

  /** Ctrl-D on an empty line. */
  askToQuit(): void {
    const { prompt } = this;
    if (!prompt || this.#quitting) return;
    if (prompt.commands.includes('quit')) this.#confirmQuit({ kind: 'command', command: 'quit', text: '' });
    else this.#surface.again('the drill cannot be left here; Ctrl-C ends it and restores the target');
  }

  /** Every prompt, open or to come, is rejected. */
  close(how: string): void {
    if (this.#closed) return;
    this.#closed = new TerminalClosed(how);
    this.#quitting = undefined;
    const [first, ...others] = this.#asked.splice(0);
    if (first) this.#surface.closed(first.prompt, undefined);
    for (const asked of [first, ...others]) asked?.reject(this.#closed);
  }

  #confirmQuit(reply: Reply & { kind: 'command' }): void {
    this.#quitting = reply;
    this.#surface.shown(QUIT);
  }

  #quit(asked: Asked, reply: Reply, sure: boolean): void {
    this.#quitting = undefined;
    if (sure) this.#answer(asked, reply);
    else this.#surface.shown(asked.prompt);
  }

  #answer(asked: Asked, reply: Reply): void {
    this.#leave(asked, reply);
    asked.resolve(reply);
  }

  #leave(asked: Asked, reply: Reply | undefined): void {
    const place = this.#asked.indexOf(asked);
    if (place < 0) return;
    this.#asked.splice(place, 1);
    if (place > 0) return;
    this.#quitting = undefined;
    this.#surface.closed(asked.prompt, reply);
    const [next] = this.#asked;
    if (next) this.#surface.shown(next.prompt);
  }
}
