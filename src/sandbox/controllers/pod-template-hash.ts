import type { PodTemplate } from './types.ts';

/** No vowels and no look-alikes, so that no hash reads as a word (apimachinery/pkg/util/rand). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Upstream's SafeEncodeString: each character becomes one of 27 that make no words. */
export function safeEncode(text: string): string {
  let encoded = '';
  for (const character of text) encoded += ALPHABET[(character.codePointAt(0) ?? 0) % ALPHABET.length];
  return encoded;
}

/** FNV-1, 32 bits, variant a. */
export function fnv32a(bytes: Iterable<number>): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** FNV-1, 32 bits. */
export function fnv32(bytes: Iterable<number>): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash, 0x01000193) ^ byte;
  return hash >>> 0;
}

/** Keys in order, absent and null values left out: the same bytes for the same value. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined && field !== null);
    return `{${fields
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value);
}

/**
 * The name of a template: FNV-32a over its fields and the collision count, as upstream's ComputeHash. Upstream hashes Go's printed structs,
 * so the letters differ from a real cluster's; the form and the behaviour do not.
 */
export function podTemplateHash(template: PodTemplate, collisionCount?: number): string {
  const bytes = [...Buffer.from(canonical(template))];
  if (collisionCount !== undefined) bytes.push(...littleEndian(collisionCount));
  return safeEncode(String(fnv32a(bytes)));
}

export const littleEndian = (value: number): number[] => [
  value & 255,
  (value >>> 8) & 255,
  (value >>> 16) & 255,
  (value >>> 24) & 255,
  0,
  0,
  0,
  0,
];
