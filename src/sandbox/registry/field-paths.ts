import { resolve, type Schema } from '../schema/schemas.ts';
import { equal, isObject, type JsonObject } from './json.ts';

/**
 * Fields of an object as server-side apply names them (sigs.k8s.io/structured-merge-diff): a path is a list of elements
 * `f:NAME` (a field), `k:{"name":"web"}` (an item of a list with keys), `v:"x"` (an item of a set), joined by a zero byte.
 */
export type FieldPath = string;
export type FieldSet = Set<FieldPath>;

const SEPARATOR = '\0';
const join = (prefix: FieldPath, element: string): FieldPath => (prefix ? prefix + SEPARATOR + element : element);
const elements = (path: FieldPath): string[] => path.split(SEPARATOR);
export const isBelow = (path: FieldPath, ancestor: FieldPath): boolean => path.startsWith(ancestor + SEPARATOR);

type Shape =
  | { kind: 'map'; fields: Record<string, Schema> | undefined; rest: Schema | undefined }
  | { kind: 'keyed'; keys: readonly string[]; items: Schema; defaults: Record<string, unknown> }
  | { kind: 'set' }
  | { kind: 'leaf' };

const LEAF: Shape = { kind: 'leaf' };

/** How a value of this schema is taken apart; atomic ones are not. */
function shapeOf(value: unknown, given: Schema | undefined): Shape {
  if (typeof value !== 'object' || value === null) return LEAF;
  const own = given ?? {};
  const { schema } = resolve(own);
  if (Array.isArray(value)) {
    const type = own['x-kubernetes-list-type'] ?? schema['x-kubernetes-list-type'];
    if (type === 'set') return { kind: 'set' };
    if (type !== 'map') return LEAF;
    const items = own.items ?? schema.items ?? {};
    const keys = own['x-kubernetes-list-map-keys'] ?? schema['x-kubernetes-list-map-keys'] ?? [];
    const properties = resolve(items).schema.properties ?? {};
    const defaults = Object.fromEntries(keys.map(key => [key, properties[key]?.default]));
    return { kind: 'keyed', keys, items, defaults };
  }
  if (own['x-kubernetes-map-type'] === 'atomic' || schema['x-kubernetes-map-type'] === 'atomic') return LEAF;
  return { kind: 'map', fields: schema.properties, rest: schema.additionalProperties };
}

const fieldSchema = (shape: Shape & { kind: 'map' }, key: string) => shape.fields?.[key] ?? shape.rest;

function keyElement(item: unknown, shape: Shape & { kind: 'keyed' }): string {
  const key: JsonObject = {};
  for (const name of [...shape.keys].sort()) {
    const value = (isObject(item) ? item[name] : undefined) ?? shape.defaults[name];
    if (value !== undefined) key[name] = value;
  }
  return `k:${JSON.stringify(key)}`;
}

const valueElement = (item: unknown) => `v:${JSON.stringify(item)}`;

interface Child {
  element: string;
  value: unknown;
  schema: Schema | undefined;
}

function children(value: unknown, shape: Shape): Child[] {
  switch (shape.kind) {
    case 'map':
      return Object.entries(value as JsonObject)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => ({ element: `f:${key}`, value: item, schema: fieldSchema(shape, key) }));
    case 'keyed':
      return (value as unknown[]).map(item => ({ element: keyElement(item, shape), value: item, schema: shape.items }));
    case 'set':
      return (value as unknown[]).map(item => ({ element: valueElement(item), value: item, schema: undefined }));
    case 'leaf':
      return [];
  }
}

const isEmpty = (value: unknown) => value === null || (typeof value === 'object' && Object.keys(value).length === 0);

/** Every field that an applied configuration names. */
export function fieldsOf(
  value: unknown,
  schema: Schema | undefined,
  prefix: FieldPath = '',
  found: FieldSet = new Set(),
): FieldSet {
  const shape = shapeOf(value, schema);
  if (shape.kind === 'leaf') {
    if (prefix) found.add(prefix);
    return found;
  }
  for (const child of children(value, shape)) {
    const path = join(prefix, child.element);
    fieldsOf(child.value, child.schema, path, found);
    if (shape.kind !== 'map' || isEmpty(child.value) || !shape.fields?.[child.element.slice(2)]) found.add(path);
  }
  return found;
}

export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/** What changed from one version of an object to the next, field by field. */
export function compare(before: unknown, after: unknown, schema: Schema | undefined): Comparison {
  const result: Comparison = { added: new Set(), modified: new Set(), removed: new Set() };
  walk(before, after, schema, '', result);
  return result;
}

function walk(before: unknown, after: unknown, schema: Schema | undefined, path: FieldPath, result: Comparison): void {
  if (before === after) return;
  const shape = shapeOf(after ?? before, schema);
  const bothEmpty = (before === undefined || isEmpty(before)) && (after === undefined || isEmpty(after));
  const sameKind = before === undefined || after === undefined || shapeOf(before, schema).kind === shape.kind;
  if (shape.kind === 'leaf' || bothEmpty || !sameKind) {
    if (before === undefined) result.added.add(path);
    else if (after === undefined) result.removed.add(path);
    else if (!equal(before, after)) result.modified.add(path);
    return;
  }
  const old = new Map(before === undefined ? [] : children(before, shape).map(child => [child.element, child]));
  for (const child of after === undefined ? [] : children(after, shape)) {
    walk(old.get(child.element)?.value, child.value, child.schema, join(path, child.element), result);
    old.delete(child.element);
  }
  for (const child of old.values()) walk(child.value, undefined, child.schema, join(path, child.element), result);
  if (!path) return;
  if (before === undefined) result.added.add(path);
  if (after === undefined) result.removed.add(path);
}

/** Lays an applied configuration over the live object. */
export function merge(live: unknown, config: unknown, schema: Schema | undefined): unknown {
  const shape = shapeOf(config, schema);
  if (live === undefined || shape.kind === 'leaf' || shapeOf(live, schema).kind !== shape.kind) return config;
  if (shape.kind === 'map') {
    const result: JsonObject = { ...(live as JsonObject) };
    for (const [key, value] of Object.entries(config as JsonObject))
      result[key] = merge(result[key], value, fieldSchema(shape, key));
    return result;
  }
  const liveItems = children(live, shape);
  const position = new Map(liveItems.map((child, index) => [child.element, index]));
  const wanted = children(config, shape);
  const inConfig = new Set(wanted.map(child => child.element));
  const result: unknown[] = [];
  let next = 0;
  // The configuration gives the order; what only the live object has stays before what it stood before.
  const keepUntil = (end: number) => {
    for (; next < end; next++) {
      const child = liveItems[next] as Child;
      if (!inConfig.has(child.element)) result.push(child.value);
    }
  };
  for (const child of wanted) {
    const at = position.get(child.element);
    if (at === undefined) result.push(child.value);
    else {
      keepUntil(at + 1);
      result.push(merge((liveItems[at] as Child).value, child.value, child.schema));
    }
  }
  keepUntil(liveItems.length);
  return result;
}

/** The value without the fields of `gone`. */
export function without(value: unknown, schema: Schema | undefined, gone: FieldSet, prefix: FieldPath = ''): unknown {
  const shape = shapeOf(value, schema);
  if (shape.kind === 'leaf') return value;
  const kept = children(value, shape).filter(child => !gone.has(join(prefix, child.element)));
  const next = kept.map(child => [child, without(child.value, child.schema, gone, join(prefix, child.element))] as const);
  if (shape.kind === 'map') return Object.fromEntries(next.map(([child, item]) => [child.element.slice(2), item]));
  return next.map(([, item]) => item);
}

type FieldsV1 = { [element: string]: FieldsV1 };

/** The nested form of metadata.managedFields; `.` marks a member that has members inside. */
export function toFieldsV1(set: FieldSet): FieldsV1 {
  const root: FieldsV1 = {};
  for (const path of [...set].sort()) {
    let node = root;
    for (const element of elements(path)) {
      node[element] ??= {};
      node = node[element] as FieldsV1;
    }
  }
  const mark = (node: FieldsV1, prefix: FieldPath) => {
    for (const [element, child] of Object.entries(node)) {
      const path = join(prefix, element);
      if (Object.keys(child).length === 0) continue;
      mark(child, path);
      if (set.has(path)) node[element] = { '.': {}, ...child };
    }
  };
  mark(root, '');
  return root;
}

export function fromFieldsV1(fields: unknown, prefix: FieldPath = '', found: FieldSet = new Set()): FieldSet {
  if (!isObject(fields)) return found;
  const names = Object.keys(fields);
  if (names.length === 0 && prefix) found.add(prefix);
  for (const name of names) {
    if (name === '.') {
      if (prefix) found.add(prefix);
    } else fromFieldsV1(fields[name], join(prefix, canonical(name)), found);
  }
  return found;
}

/** Keys of list items in one spelling, whoever wrote them. */
function canonical(element: string): string {
  if (!element.startsWith('k:')) return element;
  try {
    const key = JSON.parse(element.slice(2)) as JsonObject;
    return `k:${JSON.stringify(Object.fromEntries(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))))}`;
  } catch {
    return element;
  }
}

/** As upstream's conflict messages spell it: `.spec.template.spec.containers[name="web"].image`. */
export function printPath(path: FieldPath): string {
  return elements(path)
    .map(element => {
      const rest = element.slice(2);
      if (element.startsWith('f:')) return `.${rest}`;
      if (element.startsWith('v:')) return `[=${rest}]`;
      const key = JSON.parse(rest) as JsonObject;
      return `[${Object.entries(key)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    })
    .join('');
}
