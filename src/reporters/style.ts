/** Colours, marks and widths for a screen; every one has a form without colour and one without Unicode. */
import type { Screen } from './reporter.ts';

export type Colour = 'green' | 'red' | 'yellow' | 'cyan' | 'dim' | 'bold' | 'underline';

const SGR: Record<Colour, [string, string]> = {
  green: ['32', '39'],
  red: ['31', '39'],
  yellow: ['33', '39'],
  cyan: ['36', '39'],
  dim: ['2', '22'],
  bold: ['1', '22'],
  underline: ['4', '24'],
};

export interface Marks {
  passed: string;
  failed: string;
  running: string;
  waiting: string;
  skipped: string;
  bar: string;
  rest: string;
  over: string;
  levels: readonly string[];
  gap: string;
  separator: string;
  ellipsis: string;
  arrow: string;
  rule: string;
  dash: string;
  bullet: string;
  quote: string;
  prompt: string;
  /** One cell: text is left out here. */
  hidden: string;
}

const UNICODE: Marks = {
  passed: '✔',
  failed: '✘',
  running: '▶',
  waiting: '·',
  skipped: '–',
  bar: '█',
  rest: '░',
  over: '▓',
  levels: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  gap: ' ',
  separator: ' · ',
  ellipsis: '…',
  arrow: '→',
  rule: '─',
  dash: '–',
  bullet: '•',
  quote: '│',
  prompt: '›',
  hidden: '…',
};

const ASCII: Marks = {
  passed: '+',
  failed: 'x',
  running: '>',
  waiting: '.',
  skipped: '-',
  bar: '#',
  rest: '.',
  over: '!',
  levels: ['_', '.', '-', '=', '+', '*', '%', '#'],
  gap: ' ',
  separator: ' - ',
  ellipsis: '...',
  arrow: '->',
  rule: '-',
  dash: '-',
  bullet: '*',
  quote: '|',
  prompt: '>',
  hidden: '~',
};

export interface Style {
  marks: Marks;
  /** Text in a colour, or as it is on a screen without. */
  paint(text: string, ...colours: Colour[]): string;
  /** Text for this screen: without Unicode, what is common has a spelling in ASCII and the rest becomes `?`. */
  plain(text: string): string;
}

export function styleFor(screen: Pick<Screen, 'colour' | 'unicode'>): Style {
  const marks = screen.unicode ? UNICODE : ASCII;
  return {
    marks,
    paint(text, ...colours) {
      if (!screen.colour || text === '') return text;
      const open = colours.map(colour => SGR[colour][0]).join(';');
      const close = colours.map(colour => SGR[colour][1]).join(';');
      return `\u001b[${open}m${text}\u001b[${close}m`;
    },
    plain: text => (screen.unicode ? text : toAscii(text)),
  };
}

const SPELLINGS: Record<string, string> = {
  '→': '->',
  '←': '<-',
  '…': '...',
  '–': '-',
  '—': '-',
  '−': '-',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  '·': '-',
  '•': '*',
  '≤': '<=',
  '≥': '>=',
  '≠': '!=',
  '±': '+-',
  '×': 'x',
  '✔': '+',
  '✘': 'x',
  '\u00a0': ' ',
  '\u202f': ' ',
};

function toAscii(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\u0000-\u007f]/gu, char => SPELLINGS[char] ?? '?');
}

const COLOURS = /\u001b\[[\d;]*m/g;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** East Asian wide and full-width forms, and emoji: two cells in a terminal. */
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]|.*\ufe0f)/u;

/** Latin, punctuation, arrows, lines, blocks and our marks: one cell each, which spares the segmenter ten times a second. */
const NARROW = /^[\u0020-\u007e\u00a0-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u25ff\u2714\u2718]*$/;

/** Cells that a text takes in a terminal; colours take none. */
export function displayWidth(text: string): number {
  const bare = text.replace(COLOURS, '');
  if (NARROW.test(bare)) return bare.length;
  let width = 0;
  for (const { segment } of segmenter.segment(bare)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

/** The text in at most `width` cells; what is cut off shows as an ellipsis. Colours are kept and closed. */
export function truncate(text: string, width: number, ellipsis: string): string {
  if (displayWidth(text) <= width) return text;
  const room = Math.max(0, width - ellipsis.length);
  let result = '';
  let used = 0;
  let coloured = false;
  for (const piece of text.split(/(\u001b\[[\d;]*m)/)) {
    if (piece.startsWith('\u001b[')) {
      result += piece;
      coloured = true;
      continue;
    }
    if (NARROW.test(piece) && used + piece.length <= room) {
      result += piece;
      used += piece.length;
      continue;
    }
    for (const { segment } of segmenter.segment(piece)) {
      const cells = WIDE.test(segment) ? 2 : 1;
      if (used + cells > room) return `${result}${ellipsis.slice(0, width)}${coloured ? '\u001b[0m' : ''}`;
      result += segment;
      used += cells;
    }
  }
  return result;
}

/** Padded with spaces to `width` cells. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** Padded on the left, for figures. */
export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

/** A figure and its unit stay together: "2 s", "31 %", "1 m 05 s". */
const BREAKS = / (?!(?:ms|s|m|h|%|d)(?![\w-]))/;

/** Breaks at spaces into lines of at most `width` cells; a longer word is broken where it must be. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const given of text.split(BREAKS)) {
    let word = given;
    const joined = line === '' ? word : `${line} ${word}`;
    if (displayWidth(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    while (displayWidth(word) > width) {
      const head = truncate(word, width, '');
      if (head === '') break;
      lines.push(head);
      word = word.slice(head.length);
    }
    line = word;
  }
  lines.push(line);
  return lines;
}
