/** Every run of a scenario as a dot on one axis: few runs are shown as they are, not as a bar that hides them. */
import { formatDuration } from '../../record/duration.ts';
import { linearScale, roundUp } from './scale.ts';
import { el, escapeXml, pct, text } from './svg.ts';

export interface Dot {
  durationMs: number;
  met: boolean;
  label: string;
}

/**
 * @param interval distribution-free interval of the median, where there are enough runs for one
 * @param endMs end of the axis; the same for all scenarios of a page, so that they can be compared
 */
export function dotsSvg(
  dots: readonly Dot[],
  median: number | undefined,
  interval: { low: number; high: number } | undefined,
  endMs: number,
  title: string,
  id: string,
): string {
  const scale = linearScale(0, roundUp(Math.max(1, endMs)));
  const shapes: string[] = [el('line', { class: 'dot-line', x1: 0, x2: '100%', y1: 16, y2: 16, stroke: '#8888' })];
  if (interval) {
    const from = scale.at(interval.low);
    shapes.push(
      el('rect', {
        class: 'interval',
        x: pct(from),
        y: 6,
        width: pct(Math.max(0.004, scale.at(interval.high) - from)),
        height: 20,
        rx: 4,
        fill: '#8883',
      }),
    );
  }
  for (const dot of dots) {
    shapes.push(
      el(
        'circle',
        {
          class: dot.met ? 'dot' : 'dot missed',
          cx: pct(scale.at(dot.durationMs)),
          cy: 16,
          r: 5,
          fill: dot.met ? '#12a066' : '#dc3b32',
        },
        el('title', {}, escapeXml(dot.label)),
      ),
    );
  }
  if (median !== undefined) {
    const at = pct(scale.at(median));
    shapes.push(el('line', { class: 'median-line', x1: at, x2: at, y1: 4, y2: 28, stroke: 'currentColor', 'stroke-width': 2 }));
  }
  shapes.push(text('0', { class: 'tick', x: 0, y: 42, 'font-size': 11, fill: 'currentColor' }));
  shapes.push(
    text(formatDuration(scale.to), {
      class: 'tick',
      x: '100%',
      y: 42,
      'text-anchor': 'end',
      'font-size': 11,
      fill: 'currentColor',
    }),
  );
  return el(
    'svg',
    { class: 'lane dots', width: '100%', height: 46, role: 'img', focusable: 'false', 'aria-labelledby': `${id}-title` },
    el('title', { id: `${id}-title` }, escapeXml(title)),
    ...shapes,
  );
}
