import { formatClock } from '../record/duration.ts';
import { BEGIN, CLEAR_BELOW, CLEAR_LINE_END, END, HIDE_CURSOR, HOME, SHOW_CURSOR, up } from './control-codes.ts';
import { frameLines } from './frame.ts';
import { keyMoment } from './key-moments.ts';
import { type LogEntry, logLines } from './log-lines.ts';
import { Progress } from './progress.ts';
import type { Reporter, Screen, Ticker } from './reporter.ts';
import { RunClock } from './run-clock.ts';
import { styleFor } from './style.ts';
import { summaryLines } from './summary.ts';

/** Ten times a second: the tenths of the clock run, and a person sees no flicker. */
const REPAINT_MS = 100;
const MOST_LINES = 20;
/** Enough to fill a tall screen after a resize. */
const LOG_KEPT = 200;

/** A log of the key moments that stays, and below it a frame that is painted in place: phases, step, users, signals, suspect. */
export function createLiveReporter(screen: Screen, ticker: Ticker): Reporter {
  const style = styleFor(screen);
  const progress = new Progress();
  const log: LogEntry[] = [];
  /** Lines of the frame on the screen, and the width that they were painted for. */
  let paintedRows = 0;
  let paintedColumns = screen.columns;
  const clock = new RunClock(ticker);
  let stopTicking: (() => void) | undefined;
  let over = false;

  const paint = (added: LogEntry[] = []) => {
    if (over) return;
    const { columns, rows } = screen;
    const size = { columns, rows: Math.min(MOST_LINES, (rows ?? MOST_LINES + 1) - 1) };
    const frame = progress.started ? frameLines(progress, clock.tMs(), size, style) : [];
    let lines = added.flatMap(entry => logLines(entry, columns, style));
    let begin = up(paintedRows);
    if (columns !== paintedColumns && paintedRows > 0) {
      // Where the frame is after a resize differs between terminals: the whole screen is painted anew.
      const room = Math.max(0, (rows ?? MOST_LINES) - frame.length - 1);
      lines = room === 0 ? [] : log.flatMap(entry => logLines(entry, columns, style)).slice(-room);
      begin = HOME;
    }
    if (lines.length + frame.length + paintedRows === 0) return;
    const body = [...lines, ...frame].map(line => `${line}${CLEAR_LINE_END}\n`).join('');
    screen.write(`${BEGIN}${begin}${body}${CLEAR_BELOW}${END}`);
    paintedRows = frame.length;
    paintedColumns = columns;
  };

  const add = (entry: LogEntry) => {
    log.push(entry);
    if (log.length > LOG_KEPT) log.shift();
    paint([entry]);
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
      clock.reached(event.tMs);
      progress.apply(event);
      const moment = keyMoment(event);
      // Signals before and after the drill are about something else; the frame shows them while they last.
      const aside = event.type === 'signal.raised' && (!progress.moments.has('deployed') || progress.moments.has('restored'));
      if (moment && !moment.detail && !aside) {
        add({ time: formatClock(event.tMs), label: moment.label, text: moment.text, colour: moment.colour });
      }
    },
    say(text) {
      if (over) return screen.write(`${text}\n`);
      add({ time: '', label: '', text, colour: undefined });
    },
    finish(record, files) {
      if (over) return;
      // The frame has done its work: the summary takes its place.
      screen.write(`${BEGIN}${up(paintedRows)}${CLEAR_BELOW}${END}`);
      paintedRows = 0;
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
