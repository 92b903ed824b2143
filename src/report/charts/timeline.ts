/** The lanes of the timeline: every SVG fills its lane and places things by shares of the width, so all lanes share one time axis. */
import type { PhaseName } from '../../record/events.ts';
import { placeLabels, textWidth } from './labels.ts';
import { type Scale, tickText, timeTicks } from './scale.ts';
import { el, escapeXml, pct, text } from './svg.ts';

/** Narrowest widths of a lane that labels must fit, px: on a desktop page and on a telephone. */
const WIDE = 480;
const NARROW = 300;

/** Middling tones for a page whose style sheet was blocked; the style sheet has its own for light and dark. */
export const PHASE_FILL: Record<PhaseName, string> = {
  detection: '#d9681d',
  diagnosis: '#7f56d9',
  rollback: '#2f6fed',
  verification: '#0e8f9c',
};

export interface Mark {
  tMs: number;
  /** `t1` */
  short: string;
  /** `t1 detected` */
  label: string;
  className: string;
  /** t0..t4; the others (impact, healthy since, …) are drawn quieter and only where there is room. */
  main: boolean;
}

/** The head of the timeline: flags of the moments above a row of ticks. In two densities, of which the style sheet shows one. */
export function axisSvg(scale: Scale, originTMs: number, marks: readonly Mark[]): string {
  const main = marks.filter(mark => mark.main);
  const full = placeFlags(scale, marks, WIDE, mark => mark.label);
  // Many moments at almost one time would make a tower; then the short names of the main ones are clearer.
  const wide = full.rows <= 3 ? full : placeFlags(scale, main, WIDE, mark => mark.short);
  return (
    axis('wide', scale, originTMs, wide, 8) +
    axis(
      'narrow',
      scale,
      originTMs,
      placeFlags(scale, main, NARROW, mark => mark.short),
      4,
    )
  );
}

interface Flags {
  rows: number;
  flags: { mark: Mark; label: string; width: number; row: number; shift: number }[];
}

function placeFlags(scale: Scale, marks: readonly Mark[], width: number, labelOf: (mark: Mark) => string): Flags {
  const labels = marks.map(mark => ({ at: scale.at(mark.tMs), width: textWidth(labelOf(mark)) + 12, rank: mark.main ? 0 : 1 }));
  const placed = placeLabels(labels, width);
  const flags = marks.map((mark, index) => ({
    mark,
    label: labelOf(mark),
    width: labels[index]?.width ?? 0,
    row: placed[index]?.row ?? 0,
    shift: placed[index]?.shift ?? 0,
  }));
  return { rows: Math.max(1, ...flags.map(flag => flag.row + 1)), flags };
}

function axis(name: 'wide' | 'narrow', scale: Scale, originTMs: number, { rows, flags }: Flags, most: number): string {
  const height = rows * 22 + 22;
  const shapes = flags.map(({ mark, label, width, row, shift }) =>
    el(
      'svg',
      {
        x: pct(scale.at(mark.tMs)),
        y: (rows - 1 - row) * 22,
        overflow: 'visible',
        class: `flag ${mark.main ? 'main' : 'minor'} ${mark.className}`,
      },
      el('rect', { x: shift, y: 1, width, height: 18, rx: 4, fill: 'none', stroke: 'currentColor' }),
      text(label, { x: shift + width / 2, y: 14, 'text-anchor': 'middle', 'font-size': 12, fill: 'currentColor' }),
    ),
  );
  const ticks = timeTicks(scale.from - originTMs, scale.to - originTMs, most).map(tick => {
    const at = scale.at(tick + originTMs);
    // Ticks at the edges would be cut off there.
    const anchor = at < 0.04 ? 'start' : at > 0.96 ? 'end' : 'middle';
    return text(tickText(tick), {
      class: 'tick',
      x: pct(at),
      y: height - 7,
      'text-anchor': anchor,
      'font-size': 11,
      fill: 'currentColor',
    });
  });
  return el(
    'svg',
    {
      class: `axis ${name}`,
      width: '100%',
      height,
      'aria-hidden': 'true',
      focusable: 'false',
      display: name === 'narrow' ? 'none' : undefined,
    },
    ...ticks,
    ...shapes,
  );
}

/** Lines behind all lanes, at ticks and moments. */
export function gridSvg(scale: Scale, originTMs: number, marks: readonly Mark[]): string {
  const line = (at: number, className: string) => el('line', { class: className, x1: pct(at), x2: pct(at), y1: 0, y2: '100%' });
  return el(
    'svg',
    { class: 'grid', width: '100%', height: 0, 'aria-hidden': 'true', focusable: 'false' },
    ...timeTicks(scale.from - originTMs, scale.to - originTMs, 8).map(tick => line(scale.at(tick + originTMs), 'grid-line')),
    ...marks.map(mark => line(scale.at(mark.tMs), `mark-line ${mark.main ? 'main' : 'minor'} ${mark.className}`)),
  );
}

export interface Segment {
  fromTMs: number;
  toTMs: number;
  className: string;
  fill: string;
  label: string;
  /** Not ended: its end fades out instead of standing for a moment. */
  open: boolean;
}

/** Segments with their labels inside where they fit. */
export function segmentsLane(scale: Scale, segments: readonly Segment[], title: string, id: string): string {
  const shapes = segments.flatMap(segment => {
    const from = scale.at(segment.fromTMs);
    const share = Math.max(0.002, scale.at(segment.toTMs) - from);
    const bar = el('rect', {
      class: `segment ${segment.className}${segment.open ? ' open' : ''}`,
      x: pct(from),
      y: 4,
      width: pct(share),
      height: 22,
      fill: segment.fill,
      'stroke-dasharray': segment.open ? '4 3' : undefined,
    });
    const label = (width: number, name: string, content: string) =>
      share * width >= textWidth(content) * 1.1 + 8
        ? el(
            'svg',
            { x: pct(from), y: 0, width: pct(share), height: 30, class: name, ...(name === 'narrow' ? { display: 'none' } : {}) },
            text(content, { class: 'segment-label', x: '50%', y: 19, 'text-anchor': 'middle', 'font-size': 12, fill: '#fff' }),
          )
        : '';
    return [bar, label(WIDE, 'wide', segment.label), label(NARROW, 'narrow', segment.label.split(' ')[0] ?? '')];
  });
  return lane(30, title, id, shapes);
}

export interface Bar {
  fromTMs: number;
  toTMs: number;
  className: string;
  fill: string;
  /** End of what the runbook expects, as a tick. */
  expectedTMs?: number | undefined;
  failed?: boolean;
}

/** Bars, and points (bars of no length), in one lane; text beside it says the same. */
export function barsLane(
  scale: Scale,
  bars: readonly Bar[],
  points: readonly { tMs: number; className: string; fill: string; shape: 'dot' | 'diamond' }[],
  note?: string,
): string {
  const shapes: string[] = [];
  for (const bar of bars) {
    const from = scale.at(bar.fromTMs);
    const to = scale.at(bar.toTMs);
    if (bar.expectedTMs !== undefined) {
      // What the runbook expects lies behind what it took, as on a bullet chart.
      const expected = pct(Math.max(0, scale.at(bar.expectedTMs) - from));
      shapes.push(el('rect', { class: 'expected-track', x: pct(from), y: 11, width: expected, height: 6, fill: '#8884' }));
    }
    shapes.push(
      el('rect', {
        class: bar.className,
        x: pct(from),
        y: 8,
        width: pct(Math.max(0.004, to - from)),
        height: 12,
        rx: 3,
        fill: bar.fill,
      }),
    );
    if (bar.expectedTMs !== undefined && scale.inside(bar.expectedTMs)) {
      const at = pct(scale.at(bar.expectedTMs));
      shapes.push(el('line', { class: 'expected', x1: at, x2: at, y1: 5, y2: 23, stroke: 'currentColor', 'stroke-width': 2 }));
    }
    if (bar.failed) {
      shapes.push(
        el(
          'svg',
          { x: pct(to), y: 8, overflow: 'visible' },
          el('path', { class: 'failed', d: 'M4 2 12 10M12 2 4 10', stroke: '#d92d20', 'stroke-width': 2, fill: 'none' }),
        ),
      );
    }
  }
  for (const point of points) {
    if (!scale.inside(point.tMs)) continue;
    const shape =
      point.shape === 'dot'
        ? el('circle', { class: point.className, cx: 0, cy: 14, r: 5, fill: point.fill })
        : el('path', { class: point.className, d: 'M0 7 7 14 0 21 -7 14Z', fill: point.fill });
    shapes.push(el('svg', { x: pct(scale.at(point.tMs)), overflow: 'visible' }, shape));
  }
  if (note)
    shapes.push(text(note, { class: 'lane-note', x: '99%', y: 18, 'text-anchor': 'end', 'font-size': 12, fill: 'currentColor' }));
  return el('svg', { class: 'lane', width: '100%', height: 28, 'aria-hidden': 'true', focusable: 'false' }, ...shapes);
}

/** An SVG with a name for those who do not see it. */
export function lane(height: number, title: string, id: string, shapes: readonly string[], description?: string): string {
  return el(
    'svg',
    {
      class: 'lane',
      width: '100%',
      height,
      role: 'img',
      focusable: 'false',
      'aria-labelledby': `${id}-title`,
      ...(description ? { 'aria-describedby': `${id}-desc` } : {}),
    },
    el('title', { id: `${id}-title` }, escapeXml(title)),
    description ? el('desc', { id: `${id}-desc` }, escapeXml(description)) : '',
    ...shapes,
  );
}
