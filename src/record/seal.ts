/**
 * Sealing of what a blind drill writes, so that nobody learns the answer by looking around: not by `cat`, `grep`, an editor, a backup's
 * index or `kubectl get secret`. The key travels with what it seals, because a crash must leave evidence and `rehearse restore` must work
 * from another machine with nothing but the cluster's copy. Whoever reads this file can therefore open a seal: it keeps out curiosity and
 * accident, not determination.
 *
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce for each message; a message that was torn or changed does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import * as z from 'zod';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Texts are filled up to a multiple of this: their length would tell one object from another. */
const BLOCK = 16_384;

const envelope = z.object({ sealed: z.literal(1), key: z.string(), data: z.string() });

/** The text in an envelope of one line of JSON that tells nothing of it; trailing blanks are not kept. */
export function sealText(text: string): string {
  const key = newKey();
  const missing = BLOCK - (Buffer.byteLength(text) % BLOCK);
  const padded = text + ' '.repeat(missing);
  return JSON.stringify({ sealed: 1, key, data: seal(padded, key) });
}

/** What is in an envelope; any other text is returned as it is. @throws Error when the envelope was damaged. */
export function openText(text: string): string {
  const parsed = envelope.safeParse(parseJson(text));
  return parsed.success ? open(parsed.data.data, parsed.data.key).trimEnd() : text;
}

/** A key for `seal`, in base64. */
export function newKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

/** Nonce, tag and ciphertext in base64: one word, without a line break. */
export function seal(text: string, key: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, Buffer.from(key, 'base64'), nonce);
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), data]).toString('base64');
}

/** @throws Error when it was torn, changed or sealed with another key. */
export function open(sealed: string, key: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('too short for anything sealed');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(ALGORITHM, Buffer.from(key, 'base64'), nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([text, decipher.final()]).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
