/** The terminal of practice mode: it reports the drill, and it is how the person at the keyboard is asked. */
import { StringDecoder } from 'node:string_decoder';
import type { Reporter, Screen, Ticker } from '../reporters/reporter.ts';
import type { Person } from '../runbook/person.ts';
import { KeyDecoder } from './keys.ts';
import { PlainTerminal } from './plain-terminal.ts';
import { RichTerminal } from './rich-terminal.ts';

export { TerminalClosed } from './conversation.ts';

/** What is needed of `process.stdin`. */
export type Input = Pick<NodeJS.ReadStream, 'on' | 'off' | 'resume' | 'pause'> &
  Partial<Pick<NodeJS.ReadStream, 'isTTY' | 'setRawMode'>>;

export interface PracticeTerminal {
  reporter: Reporter;
  person: Person;
  /** Ctrl-C, where the terminal does not make it a SIGINT. Returns the function that ends it. */
  onInterrupt(listener: () => void): () => void;
}

/**
 * In place on a terminal, line by line when `plain` or where one of both ends is no terminal that can move its cursor.
 * Prompts reject with `TerminalClosed` when the input ends or `reporter.close()` is called; that also gives the terminal back as it was.
 */
export function createPracticeTerminal(options: {
  input: Input;
  screen: Screen;
  ticker: Ticker;
  plain: boolean;
  name: string;
}): PracticeTerminal {
  const { input, screen, ticker, plain, name } = options;
  return plain || !screen.isTTY || !input.isTTY || !input.setRawMode
    ? plainTerminal(input, new PlainTerminal(screen, ticker, name, { keepsLines: !input.isTTY }))
    : richTerminal(input, ticker, new RichTerminal(screen, ticker, name));
}

function richTerminal(input: Input, ticker: Ticker, terminal: RichTerminal): PracticeTerminal {
  const listeners = new Set<() => void>();
  const decoder = new KeyDecoder();
  const onData = (chunk: Uint8Array) => {
    for (const key of decoder.feed(chunk, ticker.monotonicMs())) {
      if (!terminal.press(key)) continue;
      if (listeners.size === 0) process.kill(process.pid, 'SIGINT');
      for (const listener of listeners) listener();
    }
  };
  const stop = listen(input, onData, how => terminal.inputEnded(how));
  const close = () => {
    process.off('exit', close);
    stop();
    input.setRawMode?.(false);
    terminal.close();
  };
  // An end that nobody foresaw must not leave a terminal that shows nothing of what is typed.
  process.once('exit', close);
  input.setRawMode?.(true);
  return {
    reporter: reporterOf(terminal, close),
    person: terminal.person,
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function plainTerminal(input: Input, terminal: PlainTerminal): PracticeTerminal {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const onData = (chunk: Uint8Array) => {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) terminal.line(line.replace(/\r$/, ''));
  };
  const stop = listen(input, onData, how => {
    if (rest !== '') terminal.line(rest);
    rest = '';
    terminal.inputEnded(how);
  });
  const close = () => {
    stop();
    terminal.close();
  };
  return {
    reporter: reporterOf(terminal, close),
    person: terminal.person,
    // The terminal makes it a SIGINT by itself.
    onInterrupt: () => () => {},
  };
}

/** @param close gives the terminal back as it was */
function reporterOf(terminal: PlainTerminal | RichTerminal, close: () => void): Reporter {
  return {
    onEvent: event => terminal.onEvent(event),
    say: text => terminal.say(text),
    finish(record, files) {
      terminal.finish(record, files);
      close();
    },
    close,
  };
}

function listen(input: Input, onData: (chunk: Uint8Array) => void, ended: (how: string) => void): () => void {
  const onEnd = () => ended('the input has ended');
  const onError = (error: Error) => ended(`the terminal is gone (${error.message})`);
  input.on('data', onData);
  input.on('end', onEnd);
  input.on('close', onEnd);
  input.on('error', onError);
  input.resume();
  let listening = true;
  return () => {
    if (!listening) return;
    listening = false;
    input.off('data', onData);
    input.off('end', onEnd);
    input.off('close', onEnd);
    input.pause();
  };
}
