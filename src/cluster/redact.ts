/** Takes secrets out of objects before anything of them is shown or recorded. */
import { createHash, randomBytes } from 'node:crypto';
import { isSecretSetting } from '../record/secret-setting.ts';
import { type Hide, hideSecrets } from '../record/secret-text.ts';
import type { RawObject } from '../rehearsal/ports.ts';

/** Anew in each process, so that a stand-in cannot be looked up. */
const salt = randomBytes(16);

/** A stand-in that still differs when the value differs: a diff shows that a secret changed. */
function standIn(value: unknown): string {
  return `(redacted ${createHash('sha256').update(salt).update(String(value)).digest('hex').slice(0, 6)})`;
}

/** Where words tell of a change, that it changed is said already; and change causes stay in the cluster. */
const plainly = () => '(redacted)';

/** The value of a setting, such as an environment variable, for a sentence. */
export function shownSetting(name: string, value: string): string {
  return redactSetting(name, value, plainly);
}

/** A command line for a sentence, word by word. */
export function shownWords(words: readonly string[]): string[] {
  return redactWords(words, plainly);
}

/** Secrets inside a text that is otherwise shown: in URLs, in flags and settings, and whatever has the form of a key. */
function redactText(text: string, hide: Hide = standIn): string {
  return hideSecrets(text, hide);
}

function redactSetting(name: string, value: string, hide: Hide = standIn): string {
  return isSecretSetting(name, value) ? hide(value) : redactText(value, hide);
}

/** The value of a flag may be the next word. */
function redactWords(words: readonly string[], hide: Hide = standIn): string[] {
  return words.map((word, index) => redactWord(word, words[index - 1] ?? '', hide));
}

/** Numbers, ports and paths: what `-p` takes where it is no password. */
const NO_PASSWORD = /^(-|\/|\d[\d.:/]*$|[\w.-]+:\d+$|[{[])/;

function redactWord(word: string, flag: string, hide: Hide): string {
  // A flag after a flag: the first had no value.
  if (/^--?[A-Za-z]/.test(flag) && !word.startsWith('-') && isSecretSetting(flag, word)) return hide(word);
  if (flag === '-p' && !NO_PASSWORD.test(word) && isSecretSetting('password', word)) return hide(word);
  // USER:PASSWORD; two numbers are a user and a group.
  const [, user = '', password] = (/^(-u|--user)$/.test(flag) && /^([^\s:]+:)(\D.*)$/s.exec(word)) || [];
  return password === undefined ? redactText(word, hide) : `${user}${hide(password)}`;
}

/** A copy without the values of Secrets, of settings and flags with telling names, and of whatever has the form of a secret. */
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

/** A value under its name, as in a ConfigMap; settings inside of it (`password: x`) count too, up to the end of their line. */
function redactEntry(key: string, value: string): string {
  if (isSecretSetting(key, value)) return standIn(value);
  return redactText(
    value.replace(/^(\s*["']?([\w.-]+)["']?\s*[:=][ \t]*)(\S.*)$/gm, (line, head: string, name: string, setting: string) =>
      isSecretSetting(name, setting) ? `${head}${standIn(setting)}` : line,
    ),
  );
}

function walk(value: unknown, field = ''): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value))
    return value.every(item => typeof item === 'string') ? redactWords(value) : value.map(item => walk(item));
  if (typeof value !== 'object' || value === null) return value;
  const { name, value: setting } = value as { name?: unknown; value?: unknown };
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      // An environment variable or a header of a probe: {name, value}.
      if (key === 'value' && typeof name === 'string' && typeof setting === 'string') return [key, redactSetting(name, setting)];
      if (field === 'annotations' && typeof inner === 'string') return [key, redactSetting(key.replace(/^.*\//, ''), inner)];
      return [key, walk(inner, key)];
    }),
  );
}
