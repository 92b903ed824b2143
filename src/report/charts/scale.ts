/** Scales and ticks. */

export interface Scale {
  readonly from: number;
  readonly to: number;
  /** Place of a value as a share of the width, 0..1; values outside are held at the edge. */
  at(value: number): number;
  inside(value: number): boolean;
}

/** @throws RangeError unless from < to */
export function linearScale(from: number, to: number): Scale {
  if (!(from < to)) throw new RangeError(`an empty scale: ${from} to ${to}`);
  return {
    from,
    to,
    at: value => Math.min(1, Math.max(0, (value - from) / (to - from))),
    inside: value => value >= from && value <= to,
  };
}

const TIME_STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
  1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000,
];

/** The shortest step people count in that gives at most `most` of them. */
export function timeStep(spanMs: number, most: number): number {
  const longest = TIME_STEPS_MS.at(-1) as number;
  return TIME_STEPS_MS.find(step => spanMs / step <= most) ?? Math.ceil(spanMs / most / longest) * longest;
}

/** Round times within a span, counted from 0 (which is t0): multiples of one step, at most `most` + 1 of them. */
export function timeTicks(fromMs: number, toMs: number, most: number): number[] {
  const step = timeStep(toMs - fromMs, most);
  const ticks: number[] = [];
  for (let n = Math.ceil(fromMs / step); n * step <= toMs; n++) ticks.push(n * step || 0);
  return ticks;
}

/** Where an axis ends: the next figure of one round digit (or 15). */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const factor of [1, 1.5, 2, 3, 4, 5, 6, 8, 10])
    if (factor * power >= value * (1 - 1e-9)) return Number((factor * power).toPrecision(6));
  return 10 * power;
}

/** "−5 s", "0", "+1 m 30 s": a tick on an axis that starts at t0. */
export function tickText(ms: number): string {
  if (ms === 0) return '0';
  const sign = ms < 0 ? '−' : '+';
  const size = Math.abs(ms);
  if (size < 1000) return `${sign}${size} ms`;
  if (size < 60_000) return `${sign}${size / 1000} s`;
  if (size < 3_600_000) {
    const seconds = Math.round(size / 1000) % 60;
    return `${sign}${Math.floor(size / 60_000)} m${seconds ? ` ${String(seconds).padStart(2, '0')} s` : ''}`;
  }
  const minutes = Math.round(size / 60_000) % 60;
  return `${sign}${Math.floor(size / 3_600_000)} h${minutes ? ` ${String(minutes).padStart(2, '0')} m` : ''}`;
}
