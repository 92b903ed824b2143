/**
 * Text of others (messages of a cluster, output of commands) made harmless before it reaches a page: no escape sequences, no control
 * characters, nothing that turns the direction of the text, nothing endless. Escaping for HTML is the template's part.
 */

/** How much of a run one page shows. The whole of it stays in run.json and events.ndjson. */
export interface Limits {
  /** Characters of a message. */
  text: number;
  /** Characters of a step's output, or of a diff. */
  output: number;
  /** Entries of a list. */
  list: number;
  events: number;
  /** Bins of a chart. */
  bins: number;
}

/** From generous to tight: the first under which the page fits is taken. */
export const LIMITS: readonly Limits[] = [
  { text: 2000, output: 12_000, list: 200, events: 600, bins: 72 },
  { text: 1000, output: 4000, list: 100, events: 300, bins: 72 },
  { text: 500, output: 1500, list: 60, events: 150, bins: 60 },
  { text: 200, output: 400, list: 30, events: 60, bins: 48 },
  { text: 80, output: 100, list: 8, events: 20, bins: 30 },
];

// CSI, OSC (ended by BEL or ST), and the other two-character escapes, in their 7-bit and 8-bit forms.
const ESCAPE_SEQUENCE =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[PX^_][^\u001b\u009c]*(?:\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/g;
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
/** Characters that reorder or hide what a reader sees ("Trojan Source"). */
const DIRECTION = /[\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]/g;

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Terminal escapes are dropped; control and direction characters are shown as their numbers. */
export function clean(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(ESCAPE_SEQUENCE, '')
    .replace(CONTROL, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(DIRECTION, character => `‹U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`)
    .replace(LONE_SURROGATE, '\ufffd');
}

/** Head and tail of a long text, with how much is missing between them. */
export function trim(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = Math.ceil(limit * 0.6);
  const tail = Math.floor(limit * 0.4);
  const left = text.length - head - tail;
  // Cut between characters, not within one that takes two code units.
  return `${text.slice(0, head)}\n… ${left.toLocaleString('en')} characters left out …\n${text.slice(text.length - tail)}`.replace(
    LONE_SURROGATE,
    '\ufffd',
  );
}

const LONG_TEXTS = new Set(['output', 'diff']);

/**
 * A copy of a record, or of any tree, with every text in it cleaned and cut, so that no template can forget to. Lists are cut to their
 * first entries, but the log keeps what links lead to: see event-log.ts.
 */
export function cleaned<Value>(record: Value, limits: Limits): Value {
  const copy = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') {
      const limit = LONG_TEXTS.has(key) ? limits.output : limits.text;
      // What will be cut is not worth cleaning in full: 100 MB on one line must not take a minute.
      return trim(clean(value.length > limit * 20 ? trim(value, limit * 10) : value), limit);
    }
    if (Array.isArray(value)) {
      if (key === 'sentTMs' || key === 'latencyMs' || key === 'ok') return value;
      return (key === 'events' ? value : value.slice(0, limits.list)).map(each => copy(each, key));
    }
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copy(each, name)]));
    }
    return value;
  };
  return copy(record, '') as Value;
}
