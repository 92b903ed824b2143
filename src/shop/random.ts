/** Seeded randomness: the same pod with the same seed answers with the same latencies and the same failures. */
export interface Random {
  /** Evenly in [0, 1). */
  next(): number;
  /** Log-normal in ms: most near the median, a thin tail of slow ones, as services have it. `sigma` 0.45 puts p95 at about twice the median. */
  logNormal(medianMs: number, sigma: number): number;
}

/** mulberry32: 32 bits of state, good enough for latencies. The seed may be any text. */
export function seededRandom(seed: string): Random {
  // FNV-1a spreads texts that differ in one character.
  let state = 0x811c9dc5;
  for (const char of seed) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);

  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  return {
    next,
    logNormal(medianMs, sigma) {
      // Box-Muller; 1 - next() keeps the logarithm away from 0.
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
      return medianMs * Math.exp(sigma * normal);
    },
  };
}
