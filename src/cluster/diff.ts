/** The difference of two states of an object as people read it: unified diff of YAML, without bookkeeping and without secrets. */
import { stringify } from 'yaml';
import type { RawObject } from '../rehearsal/ports.ts';
import { redactObject } from './redact.ts';

const CONTEXT_LINES = 3;
const BOOKKEEPING = [
  'managedFields',
  'resourceVersion',
  'uid',
  'generation',
  'creationTimestamp',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];
const BOOKKEEPING_ANNOTATIONS = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/revision',
  'deprecated.daemonset.template.generation',
];

/** Unified diff with three lines of context; empty when nothing that anybody asked for differs. Undefined is "does not exist". */
export function objectDiff(before: RawObject | undefined, after: RawObject | undefined): string {
  // The order of keys means nothing, and a server may answer in another one: a moved key is no difference.
  return unifiedDiff(lines(before), lines(before && after ? (inOrderOf(before, after) as RawObject) : after));
}

/** `value` with its keys in the order in which `model` has them; keys that are new come last. */
function inOrderOf(model: unknown, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item, index) => inOrderOf(Array.isArray(model) ? model[index] : undefined, item));
  if (!isRecord(value)) return value;
  const known = isRecord(model) ? model : {};
  const keys = [...Object.keys(known).filter(key => key in value), ...Object.keys(value).filter(key => !(key in known))];
  return Object.fromEntries(keys.map(key => [key, inOrderOf(known[key], value[key])]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object as YAML, as diffs show it. */
function objectYaml(object: RawObject): string {
  return stringify(withoutBookkeeping(redactObject(object)), { lineWidth: 0, aliasDuplicateObjects: false });
}

function lines(object: RawObject | undefined): string[] {
  return object ? objectYaml(object).replace(/\n$/, '').split('\n') : [];
}

function withoutBookkeeping(object: RawObject): object {
  const { status: _status, apiVersion, kind, metadata, ...content } = object;
  const kept: Record<string, unknown> = { ...metadata };
  for (const field of BOOKKEEPING) delete kept[field];
  const annotations = { ...metadata?.annotations };
  for (const name of BOOKKEEPING_ANNOTATIONS) delete annotations[name];
  if (Object.keys(annotations).length) kept['annotations'] = annotations;
  else delete kept['annotations'];
  // `creationTimestamp: null` of a pod template is noise of upstream's encoder.
  const template = content['spec']?.template;
  if (template?.metadata && template.metadata.creationTimestamp === null) delete template.metadata.creationTimestamp;
  return { apiVersion, kind, metadata: kept, ...content };
}

/** Classic unified diff of lines, hunks headed by @@ -line,count +line,count @@. */
export function unifiedDiff(before: readonly string[], after: readonly string[]): string {
  const edits = editScript(before, after);
  if (edits.every(edit => edit.mark === ' ')) return '';
  const output: string[] = [];
  let index = 0;
  while (index < edits.length) {
    const changed = edits.findIndex((edit, at) => at >= index && edit.mark !== ' ');
    if (changed < 0) break;
    const start = Math.max(index, changed - CONTEXT_LINES);
    let end = changed;
    for (let at = changed; at < edits.length && at <= end + 2 * CONTEXT_LINES; at++) if (edits[at]?.mark !== ' ') end = at;
    const stop = Math.min(edits.length, end + CONTEXT_LINES + 1);
    const hunk = edits.slice(start, stop);
    const left = hunk.filter(edit => edit.mark !== '+').length;
    const right = hunk.filter(edit => edit.mark !== '-').length;
    const skipped = edits.slice(0, start);
    const leftStart = skipped.filter(edit => edit.mark !== '+').length + (left ? 1 : 0);
    const rightStart = skipped.filter(edit => edit.mark !== '-').length + (right ? 1 : 0);
    output.push(`@@ -${leftStart},${left} +${rightStart},${right} @@`, ...hunk.map(edit => edit.mark + edit.text));
    index = stop;
  }
  return `${output.join('\n')}\n`;
}

interface Edit {
  mark: ' ' | '-' | '+';
  text: string;
}

/** Longest common subsequence of what lies between the equal head and the equal tail. */
function editScript(before: readonly string[], after: readonly string[]): Edit[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (
    tail < before.length - head &&
    tail < after.length - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  )
    tail++;
  const left = before.slice(head, before.length - tail);
  const right = after.slice(head, after.length - tail);
  const same = (text: string): Edit => ({ mark: ' ', text });
  return [...before.slice(0, head).map(same), ...middle(left, right), ...before.slice(before.length - tail).map(same)];
}

function middle(left: readonly string[], right: readonly string[]): Edit[] {
  // A table of a few thousand lines squared is too much for what nobody would read.
  if (left.length * right.length > 4_000_000)
    return [...left.map((text): Edit => ({ mark: '-', text })), ...right.map((text): Edit => ({ mark: '+', text }))];
  const width = right.length + 1;
  const longest = new Uint32Array((left.length + 1) * width);
  const at = (row: number, column: number) => longest[row * width + column] as number;
  for (let row = left.length - 1; row >= 0; row--) {
    for (let column = right.length - 1; column >= 0; column--) {
      longest[row * width + column] =
        left[row] === right[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const edits: Edit[] = [];
  let row = 0;
  let column = 0;
  while (row < left.length || column < right.length) {
    if (row < left.length && column < right.length && left[row] === right[column]) {
      edits.push({ mark: ' ', text: left[row++] as string });
      column++;
    } else if (row < left.length && (column >= right.length || at(row + 1, column) >= at(row, column + 1))) {
      edits.push({ mark: '-', text: left[row++] as string });
    } else {
      edits.push({ mark: '+', text: right[column++] as string });
    }
  }
  return edits;
}
