/** A mistake in the data, before it is known where in the text that stands. */
export interface Problem {
  path: readonly PropertyKey[];
  /** What an editor should underline: the key that ends the path, its value, or, for what is missing, the map that lacks it. */
  at: 'key' | 'value' | 'missing';
  message: string;
  hint?: string | undefined;
}

/** How people call the place: `interval`, `item 2 of checks`. */
export function placeName(path: readonly PropertyKey[]): string {
  const last = path.at(-1);
  if (last === undefined) return 'the document';
  if (typeof last !== 'number') return `\`${String(last)}\``;
  return `item ${last + 1} of ${placeName(path.slice(0, -1))}`;
}
