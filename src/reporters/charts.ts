/** Small charts of characters. Pure. */
import type { Marks } from './style.ts';

/** One character a value, low to high; a hole for a value that is not known. @param top the value of the highest level */
export function sparkline(values: readonly (number | undefined)[], top: number, marks: Marks): string {
  const highest = marks.levels.length - 1;
  return values
    .map(value => {
      if (value === undefined) return marks.gap;
      const share = top <= 0 ? 0 : Math.min(1, value / top);
      // A value that is not nothing never looks like nothing.
      const level = value > 0 ? Math.max(1, Math.round(share * highest)) : 0;
      return marks.levels[level] ?? marks.gap;
    })
    .join('');
}

/** A bar that fills up to its objective; beyond it, full and marked. @param share of the objective, 1 is all of it */
export function objectiveBar(share: number, width: number, marks: Marks): { filled: string; rest: string } {
  if (share > 1) return { filled: marks.over.repeat(width), rest: '' };
  const cells = share <= 0 ? 0 : Math.max(1, Math.round(share * width));
  return { filled: marks.bar.repeat(cells), rest: marks.rest.repeat(width - cells) };
}

/**
 * Spans on one axis of `width` cells, each as offset and length in cells. Every span that exists gets a cell, and spans that
 * follow each other do not overlap by more than the cell that they share.
 */
export function spanCells(start: number, end: number, total: number, width: number): { offset: number; length: number } {
  if (total <= 0) return { offset: 0, length: 0 };
  const offset = Math.min(width - 1, Math.max(0, Math.round((start / total) * width)));
  const until = Math.min(width, Math.max(offset + 1, Math.round((end / total) * width)));
  return { offset, length: until - offset };
}
