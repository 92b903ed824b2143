/** Draws the scenario of a blind drill, and the quiet before it. The same candidates and seed give the same drill. */
import { isDeepStrictEqual } from 'node:util';
import { durationMs, type Scenario } from './schema.ts';

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

/** What would be the same whichever of them was drawn: it tells nothing, so it need not be sealed. */
export function commonGround(candidates: readonly Scenario[]): {
  scenarios: string[];
  /** ms; those for people where the scenarios have them. */
  objectives: Partial<Record<keyof Scenario['spec']['objectives'], number>>;
  probes: string[];
  detectors: string[];
} {
  const specs = candidates.map(({ spec }) => spec);
  const [first, ...others] = specs;
  const objectives = ({ practice, objectives: automatic }: Scenario['spec']) => practice.objectives ?? automatic;
  return {
    scenarios: candidates.map(({ metadata }) => metadata.name).sort(),
    objectives: Object.fromEntries(
      Object.entries(first ? objectives(first) : {}).flatMap(([phase, text]) =>
        text !== undefined && others.every(spec => objectives(spec)[phase as keyof Scenario['spec']['objectives']] === text)
          ? [[phase, durationMs(text)]]
          : [],
      ),
    ),
    // The requests, whatever they are judged by.
    probes: shared(specs.map(({ probes }) => probes.map(({ slo: _slo, ...request }) => request))).map(({ name }) => name),
    detectors: shared(specs.map(({ detectors }) => detectors)).flatMap(({ name }) => name ?? []),
  };
}

/** Those of the first list that every other has too, the same in everything. */
function shared<T>([first = [], ...others]: readonly T[][]): T[] {
  return first.filter(one => others.every(list => list.some(other => isDeepStrictEqual(one, other))));
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
