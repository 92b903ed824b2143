/**
 * The desired state of an object as fields with paths, so that what two parties changed can be told apart and put back one by one.
 * Lists are read by their merge keys (containers by name), as server-side apply does; whatever makes sense only as a whole
 * (a probe, a variable, a volume) is one field.
 */
import { isDeepStrictEqual } from 'node:util';

/** Keys of maps; `[name=main]` for an item of a list; `[order]` for the order of a list's items. No step at all is the whole object. */
export type FieldPath = readonly string[];

/** A field with another value; undefined is "not there". */
export interface Difference {
  path: string[];
  before: unknown;
  after: unknown;
}

type Fields = Record<string, unknown>;

/** Merge keys of lists, by their field. Source: `patchMergeKey` in k8s.io/api; a list that is not here is one field. */
const MERGE_KEYS: Record<string, readonly string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  ports: ['containerPort', 'port'],
  ownerReferences: ['uid'],
};
/** Half of one and half of another would be something that nobody asked for. */
const WHOLE = new Set([
  'env',
  'volumes',
  'volumeMounts',
  'ownerReferences',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'strategy',
  'updateStrategy',
  'affinity',
]);
const ORDER = '[order]';

/** What of `after` differs from `before`, field by field; both are desired states. */
export function differences(before: unknown, after: unknown): Difference[] {
  return compare([], before, after);
}

function compare(path: string[], before: unknown, after: unknown): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  const field = path.at(-1) ?? '';
  if (isFields(before) && isFields(after) && !isWhole(path)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap(key => compare([...path, key], before[key], after[key]));
  }
  const left = itemsOf(field, before);
  const right = itemsOf(field, after);
  if (!left || !right) return [{ path, before, after }];
  const steps = [...new Set([...left.keys(), ...right.keys()])];
  const items = steps.flatMap(step => compare([...path, step], left.get(step), right.get(step)));
  const common = (of: Map<string, unknown>, other: Map<string, unknown>) => [...of.keys()].filter(step => other.has(step));
  const order = { path: [...path, ORDER], before: common(left, right), after: common(right, left) };
  return isDeepStrictEqual(order.before, order.after) ? items : [...items, order];
}

/** A probe is whole by its own name, a variable by that of its list. */
function isWhole(path: FieldPath): boolean {
  const [parent = '', last = ''] = path.slice(-2);
  return WHOLE.has(last.startsWith('[') ? parent : path.length === 1 ? parent : last);
}

/** Items of a list by their merge key; undefined when it is no such list, or an item has no key of its own. */
function itemsOf(field: string, list: unknown): Map<string, unknown> | undefined {
  if (!Array.isArray(list)) return undefined;
  for (const key of MERGE_KEYS[field] ?? []) {
    const items = new Map(list.map(item => [`[${key}=${isFields(item) ? item[key] : ''}]`, item]));
    if (items.size === list.length && list.every(item => isFields(item) && item[key] !== undefined)) return items;
  }
  return undefined;
}

/** Whether one of the fields is, or is inside of, the other. */
export function overlap(left: FieldPath, right: FieldPath): boolean {
  const length = Math.min(left.length, right.length);
  return isDeepStrictEqual(left.slice(0, length), right.slice(0, length));
}

/** Value of a field; undefined when it is not there. */
export function valueAt(object: unknown, path: FieldPath): unknown {
  let value = object;
  for (const [index, step] of path.entries()) {
    if (step === ORDER) return [...(itemsOf(path[index - 1] ?? '', value)?.keys() ?? [])];
    value = step.startsWith('[') ? itemsOf(path[index - 1] ?? '', value)?.get(step) : isFields(value) ? value[step] : undefined;
  }
  return value;
}

/**
 * `live` with some fields as `snapshot` has them. An item of a list that comes back takes the place that it had.
 * Neither is changed.
 */
export function withFieldsOf(live: Fields, snapshot: Fields, paths: readonly FieldPath[]): Fields {
  const merged = structuredClone(live);
  // Items first: the order is that of all that are there in the end.
  const inOrder = [...paths].sort((left, right) => Number(left.at(-1) === ORDER) - Number(right.at(-1) === ORDER));
  for (const path of inOrder) setField(merged, path, snapshot);
  return merged;
}

function setField(object: Fields, path: FieldPath, snapshot: Fields): void {
  const parentPath = path.slice(0, -1);
  const step = path.at(-1);
  const parent = valueAt(object, parentPath);
  if (step === undefined || parent === undefined) return;
  const value = structuredClone(valueAt(snapshot, path));
  if (!Array.isArray(parent)) {
    if (!isFields(parent)) return;
    if (value === undefined) delete parent[step];
    else parent[step] = value;
    return;
  }
  const field = parentPath.at(-1) ?? '';
  const wanted = [...(itemsOf(field, valueAt(snapshot, parentPath))?.keys() ?? [])];
  const items = [...(itemsOf(field, parent) ?? [])];
  const place = (key: string) => (wanted.includes(key) ? wanted.indexOf(key) : wanted.length);
  let next = items;
  if (step === ORDER) next = items.sort(([left], [right]) => place(left) - place(right));
  else if (value === undefined) next = items.filter(([key]) => key !== step);
  else if (items.some(([key]) => key === step)) next = items.map(([key, item]) => [key, key === step ? value : item]);
  else {
    const before = wanted.slice(0, place(step)).findLast(key => items.some(([known]) => known === key));
    const index = before === undefined ? 0 : items.findIndex(([key]) => key === before) + 1;
    next = items.toSpliced(index, 0, [step, value]);
  }
  parent.splice(0, parent.length, ...next.map(([, item]) => item));
}

/** `spec.template.spec.containers[name=main].image`, as people read it. */
export function pathText(path: FieldPath): string {
  if (path.length === 0) return 'the whole object';
  return path
    .map((step, index) => (step.startsWith('[') || index === 0 ? step : /^[\w-]+$/.test(step) ? `.${step}` : `["${step}"]`))
    .join('');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
