/** What we send to terminals: what every one of them has known for decades, and what the others ignore. */

// Terminals that know synchronised output paint a frame at once; the others ignore it.
export const BEGIN = '\u001b[?2026h';
export const END = '\u001b[?2026l';
export const HIDE_CURSOR = '\u001b[?25l';
export const SHOW_CURSOR = '\u001b[?25h';
export const CLEAR_LINE_END = '\u001b[K';
export const CLEAR_BELOW = '\u001b[J';
/** Where the visible screen begins. */
export const HOME = '\u001b[H';
/** Pasted text is marked as such; without, a pasted line break would be an Enter. */
export const PASTE_MARKED = '\u001b[?2004h';
export const PASTE_PLAIN = '\u001b[?2004l';

/** To the beginning of the line so many above. */
export const up = (lines: number) => (lines > 0 ? `\r\u001b[${lines}A` : '\r');
export const down = (lines: number) => (lines > 0 ? `\r\u001b[${lines}B` : '\r');
export const right = (cells: number) => (cells > 0 ? `\u001b[${cells}C` : '');
