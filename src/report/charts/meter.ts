/** Small bars: a duration against its objective, shares of a whole, a score. They decorate text that says the same. */
import { el, pct } from './svg.ts';

const BLUE = '#5b7cfa';

/**
 * @param value may be over `limit`: the scale then ends at the value, and the tick of the limit moves inwards
 * @param className phase or verdict, coloured by the style sheet
 */
export function meter(value: number, limit: number | undefined, className: string, height = 6): string {
  const end = Math.max(value, limit ?? value) || 1;
  const share = Math.min(1, value / end);
  const shapes = [
    el('rect', { class: 'track', x: 0, y: 0, width: '100%', height, rx: height / 2, fill: '#8884' }),
    el('rect', { class: className, x: 0, y: 0, width: pct(share), height, rx: height / 2, fill: BLUE }),
  ];
  if (limit !== undefined && value > limit) {
    shapes.push(el('rect', { class: 'limit-tick', x: pct(limit / end), y: 0, width: 2, height, fill: 'currentColor' }));
  }
  return el('svg', { class: 'meter', width: '100%', height, 'aria-hidden': 'true', focusable: 'false' }, ...shapes);
}

/** Parts side by side; parts of nothing are left out. @param whole what the full width stands for; the sum of the parts when left out */
export function stackedBar(
  parts: readonly { value: number; className: string; fill: string }[],
  height = 10,
  whole?: number,
): string {
  const total = whole ?? (parts.reduce((sum, part) => sum + part.value, 0) || 1);
  let before = 0;
  const shapes = parts.map(part => {
    const x = before / total;
    before += part.value;
    return part.value <= 0
      ? ''
      : el('rect', { class: part.className, x: pct(x), y: 0, width: pct(part.value / total), height, fill: part.fill });
  });
  return el('svg', { class: 'stack', width: '100%', height, 'aria-hidden': 'true', focusable: 'false' }, ...shapes);
}
