import { formatClock } from '../record/duration.ts';
import { frameLines } from './frame.ts';
import { keyMoment } from './key-moments.ts';
import { Progress } from './progress.ts';
import type { Reporter, Screen, Ticker } from './reporter.ts';
import { displayWidth, pad, padStart, styleFor, truncate, wrap } from './style.ts';
import { summaryLines } from './summary.ts';

/** Ten times a second: the tenths of the clock run, and a person sees no flicker. */
const REPAINT_MS = 100;
const MOST_LINES = 20;

// Terminals that know synchronised output paint a frame at once; the others ignore it.
const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_LINE_END = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const up = (lines: number) => (lines > 0 ? `\r\u001b[${lines}A` : '\r');

/** A log of the key moments that stays, and below it a frame that is painted in place: phases, step, users, signals, suspect. */
export function createLiveReporter(screen: Screen, ticker: Ticker): Reporter {
  const style = styleFor(screen);
  const progress = new Progress();
  /** Lines of the last frame as painted, to know how far up it began. */
  let painted: string[] = [];
  let runClock: { tMs: number; atMs: number } | undefined;
  let stopTicking: (() => void) | undefined;
  let over = false;

  const tMs = () => (runClock ? runClock.tMs + (ticker.monotonicMs() - runClock.atMs) : 0);

  /** Rows between the cursor and the first line of the frame: a narrower screen has wrapped its lines. */
  const paintedRows = () => {
    const columns = Math.max(1, screen.columns);
    return painted.reduce((rows, line) => rows + Math.max(1, Math.ceil(displayWidth(line) / columns)), 0);
  };

  const paint = (log: string[] = []) => {
    if (over) return;
    const size = { columns: screen.columns, rows: Math.min(MOST_LINES, (screen.rows ?? MOST_LINES + 1) - 1) };
    const frame = progress.started ? frameLines(progress, tMs(), size, style) : [];
    const lines = [...log, ...frame];
    if (lines.length === 0 && painted.length === 0) return;
    const body = lines.map(line => `${line}${CLEAR_LINE_END}\n`).join('');
    screen.write(`${BEGIN}${up(paintedRows())}${body}${CLEAR_BELOW}${END}`);
    painted = frame;
  };

  const logLine = (time: string, label: string, text: string, colour: Parameters<typeof style.paint>[1] | undefined) => {
    const width = Math.max(30, screen.columns - 1);
    const [first = '', ...more] = wrap(style.plain(text), width - 22);
    const painter = (line: string) => (colour ? style.paint(line, colour) : line);
    return [
      truncate(` ${style.paint(padStart(time, 8), 'dim')}  ${pad(label, 10)} ${painter(first)}`, width, style.marks.ellipsis),
      ...more.map(line => `${' '.repeat(22)}${painter(line)}`),
    ];
  };

  const start = () => {
    if (stopTicking) return;
    screen.write(HIDE_CURSOR);
    stopTicking = ticker.every(REPAINT_MS, () => paint());
  };

  const stop = () => {
    if (!stopTicking) return;
    stopTicking();
    stopTicking = undefined;
    screen.write(SHOW_CURSOR);
  };

  return {
    onEvent(event) {
      if (over) return;
      start();
      // Events may come late or early against each other by a little; the clock on screen never goes back.
      const now = ticker.monotonicMs();
      if (!runClock || event.tMs > tMs()) runClock = { tMs: event.tMs, atMs: now };
      progress.apply(event);
      const moment = keyMoment(event);
      if (moment && !moment.detail) paint(logLine(formatClock(event.tMs), moment.label, moment.text, moment.colour));
    },
    say(text) {
      if (over) return screen.write(`${text}\n`);
      paint(wrap(style.plain(text), Math.max(20, screen.columns - 2)).map(line => ` ${line}`));
    },
    finish(record, files) {
      if (over) return;
      // The frame has done its work: the summary takes its place.
      screen.write(`${BEGIN}${up(paintedRows())}${CLEAR_BELOW}${END}`);
      painted = [];
      over = true;
      stop();
      screen.write(`${summaryLines(record, files, screen).join('\n')}\n`);
    },
    close() {
      stop();
      over = true;
    },
  };
}
