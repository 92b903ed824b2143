/** Takes secrets out of objects before anything of them is shown or recorded. */
import { createHash } from 'node:crypto';
import type { RawObject } from '../rehearsal/ports.ts';

const SENSITIVE_NAME =
  /pass(word|wd|phrase)?|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|auth(orization)?$|dsn$/i;
/** user:password@ of a URL. */
const URL_CREDENTIALS = /([a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/-]{8,}=*/g;

export function isSensitiveName(name: string): boolean {
  return SENSITIVE_NAME.test(name);
}

/** Credentials inside a text that is otherwise shown: in URLs and in authorization headers. */
export function redactText(text: string): string {
  return text.replace(URL_CREDENTIALS, '$1:(redacted)@').replace(BEARER, '$1 (redacted)');
}

/** A stand-in that still differs when the value differs. Salted anew by each process, so that it cannot be looked up. */
function standIn(value: unknown): string {
  return `(redacted ${createHash('sha256').update(salt).update(String(value)).digest('hex').slice(0, 6)})`;
}
const salt = createHash('sha256').update(`${process.pid}:${process.hrtime.bigint()}`).digest();

/** A copy without the values of Secrets, of environment variables and keys with telling names, and of credentials in URLs. */
export function redactObject(object: RawObject): RawObject {
  const copy = walk(object) as RawObject;
  for (const field of object.kind === 'Secret' ? ['data', 'stringData'] : []) {
    if (object[field])
      copy[field] = Object.fromEntries(Object.entries(object[field]).map(([key, value]) => [key, standIn(value)]));
  }
  for (const field of object.kind === 'ConfigMap' ? ['data', 'binaryData'] : []) {
    for (const [key, value] of Object.entries(object[field] ?? {})) copy[field][key] = redactEntry(key, String(value));
  }
  return copy;
}

/** A value under its name, as in a ConfigMap; settings inside of it (`password: x`) count too. */
function redactEntry(key: string, value: string): string {
  if (isSensitiveName(key) && !value.includes('\n')) return standIn(value);
  return redactText(value).replace(
    /^(\s*["']?([\w.-]+)["']?\s*[:=]\s*)(\S.*)$/gm,
    (line, head: string, name: string, setting: string) =>
      isSensitiveName(name) && !/[{[|>]\s*$/.test(setting) ? `${head}${standIn(setting)}` : line,
  );
}

function walk(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(walk);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner)]));
  // An environment variable: {name, value}.
  if (typeof copy['name'] === 'string' && typeof copy['value'] === 'string' && isSensitiveName(copy['name']))
    copy['value'] = standIn(copy['value']);
  return copy;
}
