import leven from 'leven';

/** The one of `allowed` that a typing mistake most likely meant; undefined when none is near. */
export function nearest(given: string, allowed: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '');
  // A third of the word may be wrong, and two letters swapped count as two; longer words do not get more than three.
  const limit = Math.min(3, Math.max(1, Math.ceil(given.length / 3)));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of allowed) {
    const distance = plain(candidate) === plain(given) ? 0 : leven(given, candidate, { maxDistance: bestDistance });
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** "did you mean `probe`? allowed: `a`, `probe`". Undefined when there is nothing to allow. */
export function suggestion(given: string | undefined, allowed: readonly string[]): string | undefined {
  if (allowed.length === 0) return undefined;
  const near = given === undefined ? undefined : nearest(given, allowed);
  const list = `allowed: ${allowed.map(one => `\`${one}\``).join(', ')}`;
  return near === undefined ? list : `did you mean \`${near}\`? ${list}`;
}
