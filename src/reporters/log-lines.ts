/** Lines of the log of key moments. Pure. */
import { type Colour, pad, padStart, type Style, truncate, wrap } from './style.ts';

/** A long message gets one line more; the whole of it is in the report. */
const MOST_MORE = 1;
/** Column in which the text of a log line begins. */
const TEXT_COLUMN = 22;

export interface LogEntry {
  time: string;
  label: string;
  text: string;
  colour: Colour | undefined;
}

/** A log entry, wrapped with its text in a column; what has no time is a message and starts at the left. */
export function logLines({ time, label, text, colour }: LogEntry, columns: number, style: Style): string[] {
  const width = Math.max(30, columns - 1);
  const painted = (line: string) => (colour ? style.paint(line, colour) : line);
  if (time === '' && label === '') return wrap(style.plain(text), width - 1).map(line => ` ${painted(line)}`);
  const [first = '', ...rest] = wrap(style.plain(text), width - TEXT_COLUMN);
  const more = rest.length <= MOST_MORE ? rest : [truncate(rest.join(' '), width - TEXT_COLUMN, style.marks.ellipsis)];
  const head = ` ${style.paint(padStart(time, 8), 'dim')}  ${pad(label, 10)} ${painted(first)}`;
  return [truncate(head, width, style.marks.ellipsis), ...more.map(line => `${' '.repeat(TEXT_COLUMN)}${painted(line)}`)];
}
