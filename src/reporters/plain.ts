import { formatClock } from '../record/duration.ts';
import { keyMoment } from './key-moments.ts';
import type { Reporter, Screen } from './reporter.ts';
import { pad, padStart, styleFor } from './style.ts';
import { summaryLines } from './summary.ts';

/**
 * One line per key event with the time since the run started: for logs of CI, for pipes and for screen readers. Nothing is ever
 * overwritten, a line says everything on its own, and no line is cut.
 */
export function createPlainReporter(screen: Screen): Reporter {
  const style = styleFor(screen);
  const write = (time: string, label: string, text: string) =>
    screen.write(`${style.paint(padStart(time, 8), 'dim')}  ${pad(label, 10)} ${style.plain(text)}\n`);
  return {
    onEvent(event) {
      const moment = keyMoment(event);
      if (!moment) return;
      const text = style.plain(moment.text);
      write(formatClock(event.tMs), moment.label, moment.colour ? style.paint(text, moment.colour) : text);
    },
    say: text => write('', '', text),
    finish: (record, files) => screen.write(`${summaryLines(record, files, screen).join('\n')}\n`),
    close() {},
  };
}
