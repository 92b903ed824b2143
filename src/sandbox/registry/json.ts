/** Plain JSON values: comparing, freezing, looking into. */

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Deep equality; a key whose value is undefined counts as absent, as it does on the wire. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => equal(item, b[index]));
  }
  if (Array.isArray(b)) return false;
  const left = a as JsonObject;
  const right = b as JsonObject;
  for (const key in left) if (!equal(left[key], right[key])) return false;
  for (const key in right) if (right[key] !== undefined && left[key] === undefined) return false;
  return true;
}

/** Freezes all the way down; what is frozen already is not walked again, so sharing parts between versions stays cheap. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key in value) deepFreeze(value[key]);
  return value;
}

/** The value at a dotted path of plain keys: `spec.replicas`, with or without a leading dot. */
export function at(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split('.')) {
    if (key === '') continue;
    if (!isObject(value)) return undefined;
    value = value[key];
  }
  return value;
}
