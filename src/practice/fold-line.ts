/** Text whose spaces mean something, such as commands and the output of programs, in lines that fit. */
import { displayWidth, truncate } from '../reporters/style.ts';

const TAB = 8;
/** What goes on from the line above stands a little to the right. */
const HANG = 2;

/** Broken after the last space in the second half of a line, else where it must be; tabs become spaces. For text without control codes. */
export function foldLine(text: string, width: number): string[] {
  let rest = text.includes('\t') ? expandTabs(text) : text;
  const lines: string[] = [];
  while (displayWidth(rest) > width - indent(lines)) {
    const most = truncate(rest, width - indent(lines), '');
    if (most === '') break;
    const space = most.lastIndexOf(' ');
    const head = space > most.length / 2 ? most.slice(0, space + 1) : most;
    lines.push(' '.repeat(indent(lines)) + head.trimEnd());
    rest = rest.slice(head.length);
  }
  return [...lines, ' '.repeat(indent(lines)) + rest];
}

const indent = (lines: readonly string[]) => (lines.length > 0 ? HANG : 0);

function expandTabs(text: string): string {
  const [first = '', ...pieces] = text.split('\t');
  return pieces.reduce((line, piece) => line + ' '.repeat(TAB - (displayWidth(line) % TAB)) + piece, first);
}
