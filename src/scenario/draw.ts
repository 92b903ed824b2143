/** Draws the scenario of a blind drill, and the quiet before it. The same candidates and seed give the same drill. */

/** Long enough that the moment does not tell, short enough to sit through. */
const QUIET_MS = { least: 5_000, most: 30_000 };
/** Six digits can be told over the phone. */
const SEEDS = 1_000_000;

export interface Draw<T> {
  drawn: T;
  /** How long to wait, with everything in place, before the first deploy of the drill; ms. */
  quietMs: number;
}

/**
 * @param candidates in any order: they are told apart by name
 * @throws Error when there is none
 */
export function drawScenario<T>(candidates: readonly T[], nameOf: (candidate: T) => string, seed: number): Draw<T> {
  const sorted = [...candidates].sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
  const next = mulberry32(seed);
  const drawn = sorted[Math.floor(next() * sorted.length)];
  if (drawn === undefined) throw new Error('nothing to draw from');
  return { drawn, quietMs: Math.round(QUIET_MS.least + next() * (QUIET_MS.most - QUIET_MS.least)) };
}

/** @param random evenly in [0, 1) */
export function drawSeed(random: () => number): number {
  return Math.floor(random() * SEEDS);
}

/** Evenly in [0, 1); Tommy Ettinger's generator with 32 bits of state, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
