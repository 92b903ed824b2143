import { printPodTemplate } from './go-printer.ts';
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
function fnv32a(bytes: Iterable<number>): number {
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

/**
 * Upstream's ComputeHash (pkg/controller/controller_utils.go), to the letter: a ReplicaSet is called here as it would be called in a real
 * cluster, as long as the template gets the same defaults.
 */
export function podTemplateHash(template: PodTemplate, collisionCount?: number): string {
  const bytes = [...Buffer.from(printPodTemplate(template))];
  if (collisionCount !== undefined) bytes.push(...littleEndian(collisionCount));
  return safeEncode(String(fnv32a(bytes)));
}

/** Four bytes of the count in a buffer of eight, as upstream writes it. */
const littleEndian = (value: number): number[] => [
  value & 255,
  (value >>> 8) & 255,
  (value >>> 16) & 255,
  (value >>> 24) & 255,
  0,
  0,
  0,
  0,
];
