/** Text whose spaces mean something, such as the output of a program, in lines that fit. */
import { displayWidth, truncate } from '../reporters/style.ts';

const TAB = 8;

/** Broken at the width and nowhere else; tabs become spaces. Without control codes. */
export function foldLine(text: string, width: number): string[] {
  let rest = text.includes('\t') ? expandTabs(text) : text;
  const lines: string[] = [];
  while (displayWidth(rest) > width) {
    const head = truncate(rest, width, '');
    if (head === '') break;
    lines.push(head);
    rest = rest.slice(head.length);
  }
  return [...lines, rest];
}

function expandTabs(text: string): string {
  const [first = '', ...pieces] = text.split('\t');
  return pieces.reduce((line, piece) => line + ' '.repeat(TAB - (displayWidth(line) % TAB)) + piece, first);
}
