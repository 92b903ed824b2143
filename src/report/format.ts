/** Figures for running text: the space between a figure and its unit does not break. */
import { percent as plainPercent } from '../insights/finding.ts';
import { formatDuration as plainDuration } from '../record/duration.ts';

const NO_BREAK = '\u00a0';

/** @param ms milliseconds */
export function formatDuration(ms: number): string {
  return plainDuration(ms).replaceAll(' ', NO_BREAK);
}

/** @param share 0..1 */
export function percent(share: number): string {
  return plainPercent(share).replaceAll(' ', NO_BREAK);
}

/** The same for text that was made elsewhere: "35.4 s" stays on one line. */
export function keepUnits(text: string): string {
  return text.replace(/(\d) (ms|s|m|h|%)(?![\w])/g, `$1${NO_BREAK}$2`);
}
