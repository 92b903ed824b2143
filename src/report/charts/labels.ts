/** Labels of moments that may be close together: none may cover another, and none may leave the chart. */

export interface Label {
  /** Place of what is labelled, 0..1 of the width. */
  at: number;
  /** px */
  width: number;
  /** Lower ones get the rows near the chart. */
  rank: number;
}

export interface Placed {
  /** 0 is the row next to the chart. */
  row: number;
  /** px from the place to the label's left edge. */
  shift: number;
}

/**
 * Rows for labels that are centred on their places: by rank, then from the left, each in the first row where it is free. The chart may be
 * wider than `width` but not narrower: places are shares, so distances only grow.
 * @param width narrowest width of the chart, px
 * @param gap least distance between two labels of a row, px
 */
export function placeLabels(labels: readonly Label[], width: number, gap = 6): Placed[] {
  const rows: { left: number; right: number }[][] = [];
  const placed: Placed[] = new Array(labels.length);
  const order = labels.map((label, index) => ({ label, index }));
  order.sort((a, b) => a.label.rank - b.label.rank || a.label.at - b.label.at || a.index - b.index);
  for (const { label, index } of order) {
    const place = label.at * width;
    const left = Math.min(Math.max(0, place - label.width / 2), Math.max(0, width - label.width));
    const right = left + label.width;
    let row = rows.findIndex(taken => taken.every(each => right + gap <= each.left || left >= each.right + gap));
    if (row === -1) row = rows.push([]) - 1;
    rows[row]?.push({ left, right });
    placed[index] = { row, shift: left - place };
  }
  return placed;
}

/** Estimate of a text's width at 12 px, px: wide enough for the wider of the usual interface typefaces. */
export function textWidth(text: string): number {
  return text.length * 7.2;
}
