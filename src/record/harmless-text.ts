/** Output of programs made harmless for terminals, logs and reports: it can colour, move or forge nothing there. */

// Terminal control: CSI, then OSC/DCS/APC/PM/SOS strings to their end (or the end of the line), then two-character escapes.
const ESCAPES =
  /\u001b\[[0-?]*[ -/]*[@-~]|\u009b[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b\n]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]?/g;
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
/** Marks that turn the direction of text, and line separators: they make a line read as another one. */
const DIRECTION = /[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** A line that a progress bar rewrote with \r keeps what stood there last, as a terminal would show it. */
function lastWritten(line: string): string {
  if (!line.includes('\r')) return line;
  return line.split('\r').findLast(part => part !== '') ?? '';
}

/** Text without escape sequences, control characters and direction marks; tabs and line feeds stay. */
export function harmlessText(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/\r+\n/g, '\n')
    .split('\n')
    .map(lastWritten)
    .join('\n')
    .replace(CONTROLS, '')
    .replace(DIRECTION, '');
}

/** One line of harmless text, for places that have only one. */
export function harmlessLine(text: string): string {
  return harmlessText(text).replace(/\s+/g, ' ').trim();
}

/** Bytes that are no text: a NUL, or more than a tenth of what decodes to nothing. */
export function isBinary(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return false;
  const sample = bytes.subarray(0, 8192);
  if (sample.includes(0)) return true;
  const decoded = new TextDecoder().decode(sample);
  const broken = decoded.split('\ufffd').length - 1;
  return broken > 3 && broken > decoded.length / 10;
}
