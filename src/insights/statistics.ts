/** Statistics of recovery times. Durations are roughly log-normal and runs are few: medians first, and honest about small n. */

/** Fewest values for which a distribution-free 95 % interval of the median exists: 1 - 2 · 0.5^6 = 96.9 %. */
export const FEWEST_FOR_INTERVAL = 6;

/** Linear interpolation between order statistics (type 7, the default of R and NumPy). @param q 0..1 */
export function quantile(values: readonly number[], q: number): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] as number;
  const above = sorted[Math.ceil(place)] as number;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number | undefined {
  return quantile(values, 0.5);
}

export function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Distribution-free interval of the median that covers it with at least 95 %: the widest pair of order statistics
 * whose binomial tails hold at most 2.5 % each. Undefined below six values.
 */
export function medianInterval(values: readonly number[]): { low: number; high: number } | undefined {
  const n = values.length;
  if (n < FEWEST_FOR_INTERVAL) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  // Largest k with P(Binomial(n, ½) < k) ≤ 2.5 %: the k-th smallest and k-th largest values bound the median.
  let k = 0;
  let probability = 0.5 ** n;
  let tail = probability;
  while (tail <= 0.025) {
    k++;
    probability = (probability * (n - k + 1)) / k;
    tail += probability;
  }
  return { low: sorted[k - 1] as number, high: sorted[n - k] as number };
}
