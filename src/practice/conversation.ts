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
  /** A prompt is to be answered. */
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

export class Conversation {
  readonly #surface: Surface;
  /** The first one is on the surface; the others wait for it. */
  readonly #asked: Asked[] = [];
  #closed: TerminalClosed | undefined;
  #refused: string | undefined;

  constructor(surface: Surface) {
    this.#surface = surface;
  }

  /** What is to be answered now. */
  get prompt(): Prompt | undefined {
    return this.#asked[0]?.prompt;
  }

  get over(): boolean {
    return this.#closed !== undefined;
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
    const [asked] = this.#asked;
    if (!asked) return false;
    const reading = readLine(asked.prompt, text, this.#refused);
    this.#refused = reading.kind === 'again' ? text : undefined;
    if (reading.kind === 'again') this.#surface.again(reading.message);
    else if (reading.kind === 'local') this.#surface.local(reading.command);
    else this.#answer(asked, reading.reply);
    return true;
  }

  /** Ctrl-D on an empty line: as if `quit` were typed. The drill asks whether that is meant. */
  quit(): void {
    const [asked] = this.#asked;
    if (!asked) return;
    if (asked.prompt.commands.includes('quit')) this.#answer(asked, { kind: 'command', command: 'quit', text: '' });
    else this.#surface.again('the drill cannot be left at this question; Ctrl-C ends it at once and restores the target');
  }

  /** Every prompt, open or to come, is rejected. */
  close(how: string): void {
    if (this.#closed) return;
    this.#closed = new TerminalClosed(how);
    const [first, ...others] = this.#asked.splice(0);
    if (first) this.#surface.closed(first.prompt, undefined);
    for (const asked of [first, ...others]) asked?.reject(this.#closed);
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
    this.#surface.closed(asked.prompt, reply);
    const [next] = this.#asked;
    if (next) this.#surface.shown(next.prompt);
  }
}
