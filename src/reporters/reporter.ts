/** How a rehearsal is shown while it runs and when it is over. Reporters write to a screen that is passed in, never to the process. */
import type { WriteStream } from 'node:tty';
import type { RehearsalEvent } from '../record/events.ts';
import type { RunRecord } from '../record/run-record.ts';

/** Where a reporter writes. `columns` and `rows` are read at every paint, so a resize is seen. */
export interface Screen {
  write(text: string): void;
  readonly columns: number;
  /** Undefined when there is no terminal. */
  readonly rows: number | undefined;
  readonly isTTY: boolean;
  readonly colour: boolean;
  readonly unicode: boolean;
}

export interface ReportFiles {
  /** Path of the HTML report. */
  report: string;
  /** Folder of the run: events.ndjson, run.json, rehearse.log. */
  directory: string;
}

export interface Reporter {
  onEvent(event: RehearsalEvent): void;
  /** A message beside the events: progress before the run starts, what an interrupt does. */
  say(text: string): void;
  finish(record: RunRecord, files: ReportFiles): void;
  /** Puts the terminal back in order; for ends that `finish` never sees. May be called more than once. */
  close(): void;
}

/** When a live screen is painted again. Handed in, so that tests hold the clock. */
export interface Ticker {
  /** Only differences mean something. */
  monotonicMs(): number;
  /** Calls `tick` every `ms` until the returned function is called. Must not keep the process alive. */
  every(ms: number, tick: () => void): () => void;
}

export const systemTicker: Ticker = {
  monotonicMs: () => performance.now(),
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** Width where there is no terminal to ask: that of an ordinary one. */
const DEFAULT_COLUMNS = 80;

/**
 * The screen of a stream of this process.
 * Colour as https://no-color.org and FORCE_COLOR say; Unicode where the locale is UTF-8 (on Windows: in terminals known to have it).
 */
export function screenOf(stream: NodeJS.WriteStream | WriteStream, env: NodeJS.ProcessEnv): Screen {
  const isTTY = stream.isTTY === true && env.TERM !== 'dumb';
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  const refused = (env.NO_COLOR ?? '') !== '' || env.FORCE_COLOR === '0' || env.FORCE_COLOR === 'false';
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  const unicode =
    process.platform === 'win32' ? env.WT_SESSION !== undefined || env.TERM_PROGRAM === 'vscode' : unicodeLocale(locale, env);
  // A terminal that was closed must not end the process: what is to be restored has to be restored.
  if (stream.listenerCount('error', ignore) === 0) stream.on('error', ignore);
  return {
    write: text => void stream.write(text),
    get columns() {
      return stream.columns || DEFAULT_COLUMNS;
    },
    get rows() {
      return isTTY ? stream.rows || undefined : undefined;
    },
    isTTY,
    colour: !refused && (forced || isTTY),
    unicode,
  };
}

function ignore(): void {}

/** A locale that says so decides; where none is set, as in most containers, only the Linux console cannot. */
function unicodeLocale(locale: string, env: NodeJS.ProcessEnv): boolean {
  return locale === '' ? env.TERM !== 'linux' : /utf-?8/i.test(locale);
}
