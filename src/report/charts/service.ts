/** What users felt over time: share of failed requests, and latency, in bins. */
import { formatDuration } from '../format.ts';
import type { Bin } from './bins.ts';
import { roundUp, type Scale } from './scale.ts';
import { el, escapeXml, pct, short, text } from './svg.ts';
import { lane } from './timeline.ts';

const HEIGHT = 92;
const TOP = 16;
const BASE = HEIGHT - 6;

/** Failed requests of each bin. Any failure is at least 2 px high: a short outage among many requests stays visible. */
export function errorRateLane(
  scale: Scale,
  bins: readonly Bin[],
  limit: number | undefined,
  title: string,
  description: string,
  id: string,
): string {
  const worst = Math.max(0, ...bins.map(bin => (bin.requests === 0 ? 0 : bin.failed / bin.requests)));
  const top = Math.min(1, Math.max(roundUp(worst), roundUp((limit ?? 0) * 2), 0.1));
  const y = (share: number) => BASE - (share / top) * (BASE - TOP);
  const shapes = [baseline(), ...gaps(scale, bins)];
  for (const bin of bins) {
    if (bin.requests === 0) continue;
    const { x, width } = extent(scale, bin);
    const share = bin.failed / bin.requests;
    if (bin.failed === 0) continue;
    const height = Math.max(2, BASE - y(share));
    const over = limit === undefined || share > limit;
    shapes.push(
      el('rect', { class: over ? 'error-bar over' : 'error-bar', x, y: BASE - height, width, height, fill: '#d92d20' }),
    );
  }
  if (limit !== undefined) shapes.push(...limitLine(y(limit), `limit ${short(limit * 100)} %`));
  shapes.push(topLabel(`${short(top * 100)} %`));
  return lane(HEIGHT, title, id, shapes, description);
}

/** The median as a line, and from it to the slowest request a bar: what an average would hide. */
export function latencyLane(
  scale: Scale,
  bins: readonly Bin[],
  limitMs: number | undefined,
  title: string,
  description: string,
  id: string,
): string {
  const slowest = Math.max(1, ...bins.map(bin => bin.maxMs ?? 0));
  // A limit far above everything would flatten the chart; it is then told in words only.
  const shown = limitMs !== undefined && limitMs <= slowest * 2 ? limitMs : undefined;
  const top = roundUp(Math.max(slowest, shown ?? 0));
  const y = (ms: number) => BASE - (ms / top) * (BASE - TOP);
  const shapes = [baseline(), ...gaps(scale, bins)];
  let path = '';
  let pen = false;
  for (const bin of bins) {
    if (bin.p50Ms === undefined || bin.maxMs === undefined) {
      pen = false;
      continue;
    }
    const { x, width } = extent(scale, bin);
    const high = y(bin.maxMs);
    shapes.push(
      el('rect', {
        class: 'latency-range',
        x,
        y: high,
        width,
        height: Math.max(1, y(bin.p50Ms) - high),
        fill: '#5b7cfa',
        'fill-opacity': 0.35,
      }),
    );
    const middle = scale.at((Math.max(bin.fromTMs, scale.from) + Math.min(bin.toTMs, scale.to)) / 2) * 1000;
    path += `${pen ? 'L' : 'M'}${short(middle)} ${short(y(bin.p50Ms))}`;
    pen = true;
  }
  if (path) {
    // Stretched with the lane; the stroke is not.
    shapes.push(
      el(
        'svg',
        { x: 0, y: 0, width: '100%', height: HEIGHT, viewBox: `0 0 1000 ${HEIGHT}`, preserveAspectRatio: 'none' },
        el('path', {
          class: 'latency-line',
          d: path,
          fill: 'none',
          stroke: '#2f6fed',
          'stroke-width': 1.75,
          'stroke-linejoin': 'round',
          'vector-effect': 'non-scaling-stroke',
        }),
      ),
    );
  }
  if (shown !== undefined) shapes.push(...limitLine(y(shown), `limit ${formatDuration(shown)}`));
  shapes.push(topLabel(formatDuration(top)));
  return lane(HEIGHT, title, id, shapes, description);
}

function extent(scale: Scale, bin: Bin): { x: string; width: string } {
  const from = scale.at(bin.fromTMs);
  const width = scale.at(bin.toTMs) - from;
  return { x: pct(from), width: pct(Math.max(0.0008, width * 0.86)) };
}

/** Time without a single request is marked as such; it is not the same as no failure. */
function gaps(scale: Scale, bins: readonly Bin[]): string[] {
  return bins
    .filter(bin => bin.requests === 0 && bin.toTMs > scale.from && bin.fromTMs < scale.to)
    .map(bin => {
      const from = scale.at(bin.fromTMs);
      return el('rect', {
        class: 'no-data',
        x: pct(from),
        y: TOP,
        width: pct(scale.at(bin.toTMs) - from),
        height: BASE - TOP,
        fill: '#8883',
      });
    });
}

function baseline(): string {
  return el('line', { class: 'baseline', x1: 0, x2: '100%', y1: BASE + 0.5, y2: BASE + 0.5, stroke: '#8888' });
}

function limitLine(y: number, label: string): string[] {
  return [
    el('line', {
      class: 'limit',
      x1: 0,
      x2: '100%',
      y1: short(y),
      y2: short(y),
      stroke: 'currentColor',
      'stroke-dasharray': '4 4',
    }),
    el(
      'text',
      { class: 'limit-label', x: '100%', y: short(y - 4), 'text-anchor': 'end', 'font-size': 11, fill: 'currentColor' },
      escapeXml(label),
    ),
  ];
}

function topLabel(label: string): string {
  return text(label, { class: 'tick', x: 4, y: TOP - 5, 'font-size': 11, fill: 'currentColor' });
}
