import { describe, expect, test } from 'vitest';
import type { ProbeRecord } from '../../src/record/run-record.ts';
import { binSamples } from '../../src/report/charts/bins.ts';
import { type Label, placeLabels } from '../../src/report/charts/labels.ts';
import { meter, stackedBar } from '../../src/report/charts/meter.ts';
import { linearScale, roundUp, tickText, timeTicks } from '../../src/report/charts/scale.ts';
import { errorRateLane, latencyLane } from '../../src/report/charts/service.ts';
import { el, pct, short } from '../../src/report/charts/svg.ts';
import { axisSvg, type Mark } from '../../src/report/charts/timeline.ts';
import { random } from '../fixtures/runs.ts';

function probe(samples: [number, number, boolean][], intervalMs = 100): ProbeRecord {
  return {
    name: 'p',
    summary: '',
    intervalMs,
    errorRateLimit: undefined,
    latencyLimitMs: undefined,
    samples: { sentTMs: samples.map(each => each[0]), latencyMs: samples.map(each => each[1]), ok: samples.map(each => each[2]) },
    failures: [],
  };
}

describe('scales', () => {
  test('a value has its share of the width; one outside is held at the edge', () => {
    const scale = linearScale(100, 300);
    expect([scale.at(100), scale.at(200), scale.at(300), scale.at(50), scale.at(999)]).toEqual([0, 0.5, 1, 0, 1]);
    expect([scale.inside(99), scale.inside(100)]).toEqual([false, true]);
    expect(() => linearScale(5, 5)).toThrow(RangeError);
  });

  test('ticks are times that people count in, few enough, and 0 is one of them when it is in sight', () => {
    for (const [from, to] of [
      [-800, 13_000],
      [-5, 40],
      [-3000, 95_000],
      [-60_000, 3_700_000],
      [0, 1],
      [-1e6, 9e8],
    ] as const) {
      const ticks = timeTicks(from, to, 8);
      expect(ticks.length).toBeGreaterThanOrEqual(1);
      expect(ticks.length).toBeLessThanOrEqual(9);
      expect(ticks).toContain(0);
      expect(ticks.every(tick => tick >= from && tick <= to)).toBe(true);
    }
    expect(timeTicks(-800, 13_000, 8)).toEqual([0, 2000, 4000, 6000, 8000, 10_000, 12_000]);
  });

  test('ticks read as distances from t0', () => {
    expect([0, -2000, 500, 5000, 75_000, 120_000, 3_600_000, 5_400_000].map(tickText)).toEqual([
      '0',
      '−2 s',
      '+500 ms',
      '+5 s',
      '+1 m 15 s',
      '+2 m',
      '+1 h',
      '+1 h 30 m',
    ]);
  });

  test('an axis ends at a round figure that is not below its highest value', () => {
    const next = random(3);
    for (let i = 0; i < 500; i++) {
      const value = 10 ** (next() * 8 - 3);
      expect(roundUp(value)).toBeGreaterThanOrEqual(value * (1 - 1e-9));
      expect(roundUp(value)).toBeLessThanOrEqual(value * 2);
    }
    expect([0.31, 0.6, 1, 101, 0].map(roundUp)).toEqual([0.4, 0.6, 1, 150, 1]);
  });
});

describe('labels of moments', () => {
  test('none covers another and none leaves the chart, however close the moments are', () => {
    const next = random(11);
    for (let round = 0; round < 300; round++) {
      const width = 280 + Math.floor(next() * 900);
      const close = next() < 0.5;
      const labels: Label[] = Array.from({ length: 1 + Math.floor(next() * 8) }, () => ({
        at: close ? 0.4 + next() * 0.02 : next(),
        width: 24 + next() * 100,
        rank: next() < 0.5 ? 0 : 1,
      }));
      const placed = placeLabels(labels, width);
      const boxes = labels.map((label, index) => {
        const { row, shift } = placed[index] as { row: number; shift: number };
        return { row, left: label.at * width + shift, right: label.at * width + shift + label.width };
      });
      for (const [i, a] of boxes.entries()) {
        expect(a.left).toBeGreaterThanOrEqual(-1e-6);
        expect(a.right).toBeLessThanOrEqual(width + 1e-6);
        for (const b of boxes.slice(i + 1)) {
          if (a.row === b.row) expect(a.right <= b.left || b.right <= a.left).toBe(true);
        }
      }
    }
  });

  test('what matters most stands next to the chart', () => {
    const placed = placeLabels(
      [
        { at: 0.5, width: 80, rank: 1 },
        { at: 0.5, width: 80, rank: 0 },
      ],
      400,
    );
    expect(placed.map(each => each.row)).toEqual([1, 0]);
  });

  test('a tower of labels is not built: the short names of the main moments are shown instead', () => {
    const mark = (tMs: number, name: string, main: boolean): Mark => ({
      tMs,
      short: main ? name : '',
      label: `${name} of something`,
      className: '',
      main,
    });
    const close = [
      mark(1, 't0', true),
      mark(2, 'impact', false),
      mark(3, 't1', true),
      mark(4, 'command', false),
      mark(5, 't2', true),
    ];
    const wide = axisSvg(linearScale(0, 100_000), 0, close).split('<svg class="axis narrow"')[0] as string;
    expect(wide).toContain('>t1<');
    expect(wide).not.toContain('of something');
    const apart = close.map((each, index) => ({ ...each, tMs: index * 20_000 }));
    expect(axisSvg(linearScale(0, 100_000), 0, apart)).toContain('>t1 of something<');
  });
});

describe('bins of probe samples', () => {
  test('no failure is lost, however many samples there are', () => {
    const next = random(5);
    const samples = Array.from({ length: 10_000 }, (_, i): [number, number, boolean] => [
      i * 100 + next() * 20,
      10 + next() * 20,
      next() > 0.003,
    ]);
    const bins = binSamples(probe(samples), 0, 1_000_100, 5000);
    expect(bins.length).toBeLessThanOrEqual(73);
    expect(bins.reduce((sum, bin) => sum + bin.requests, 0)).toBe(10_000);
    expect(bins.reduce((sum, bin) => sum + bin.failed, 0)).toBe(samples.filter(sample => !sample[2]).length);
    expect(Math.max(...bins.map(bin => bin.maxMs ?? 0))).toBe(Math.max(...samples.map(sample => sample[1])));
  });

  test('bins meet at t0, so that none mixes requests from before and after the bad deploy', () => {
    const bins = binSamples(probe(Array.from({ length: 200 }, (_, i) => [i * 100, 10, true])), 0, 20_000, 5118);
    expect(bins.some(bin => Math.abs(bin.fromTMs - 5118) < 1e-6)).toBe(true);
  });

  test('a short outage among many requests is drawn, and a span without requests is a gap and not a zero', () => {
    const samples = Array.from({ length: 3000 }, (_, i): [number, number, boolean] => [i * 100, 10, i !== 1500]).filter(
      ([sent]) => sent < 50_000 || sent > 70_000,
    );
    const bins = binSamples(probe(samples), 0, 300_000, 0);
    const scale = linearScale(0, 300_000);
    const errors = errorRateLane(scale, bins, 0.05, 'errors', 'one failed', 'e');
    const bars = [...errors.matchAll(/class="error-bar[^>]*height="([\d.]+)"/g)];
    expect(bars).toHaveLength(1);
    expect(Number(bars[0]?.[1])).toBeGreaterThanOrEqual(2);
    expect(errors).toContain('class="no-data"');
    // The line breaks at the gap instead of crossing it.
    expect(
      latencyLane(scale, bins, undefined, 'latency', '', 'l')
        .match(/ d="([^"]*)"/)?.[1]
        ?.match(/M/g),
    ).toHaveLength(2);
  });

  test('nothing at all gives nothing', () => {
    expect(binSamples(probe([]), 0, 0, 0)).toEqual([]);
    expect(binSamples(probe([]), 0, 1000, 0).every(bin => bin.requests === 0 && bin.p50Ms === undefined)).toBe(true);
  });
});

describe('charts as SVG', () => {
  test('have a title and a description for those who do not see them', () => {
    const svg = errorRateLane(linearScale(0, 10), [], undefined, 'Errors & more', 'None <failed>', 'id');
    expect(svg).toContain('role="img"');
    expect(svg).toContain('aria-labelledby="id-title"');
    expect(svg).toContain('<title id="id-title">Errors &#38; more</title>');
    expect(svg).toContain('<desc id="id-desc">None &#60;failed&#62;</desc>');
  });

  test('attributes and figures are escaped and short', () => {
    expect(el('g', { a: '"<&', b: 1 / 3, c: undefined })).toBe('<g a="&#34;&#60;&#38;" b="0.33"/>');
    expect([short(2), short(0.005), pct(0.123456)]).toEqual(['2', '0.01', '12.35%']);
  });

  test('a meter over its limit shows where the limit was', () => {
    expect(meter(5, 10, 'x')).not.toContain('limit-tick');
    expect(meter(20, 10, 'x')).toContain('class="limit-tick" x="50%"');
    expect(meter(0, 0, 'x')).not.toContain('NaN');
  });

  test('parts of a whole fill it, and nothing gives no NaN', () => {
    expect(
      stackedBar([
        { value: 1, className: 'a', fill: '#000' },
        { value: 3, className: 'b', fill: '#000' },
      ]),
    ).toMatch(/class="a" x="0%"[^>]*width="25%".*class="b" x="25%"[^>]*width="75%"/);
    expect(stackedBar([{ value: 0, className: 'a', fill: '#000' }])).not.toMatch(/NaN|<rect/);
  });
});
