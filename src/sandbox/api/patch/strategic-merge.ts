import { badRequest } from '../../registry/api-errors.ts';
import { equal, isObject, type JsonObject } from '../../registry/json.ts';
import { StatusError } from '../../registry/status-error.ts';
import { resolve, type Schema } from '../../schema/schemas.ts';

/**
 * Kubernetes' strategic merge patch (apimachinery/pkg/util/strategicpatch): a merge patch that knows which lists are
 * merged by a key (x-kubernetes-patch-merge-key), with the directives `$patch`, `$deleteFromPrimitiveList`,
 * `$setElementOrder` and `$retainKeys`.
 * Returns a new value, sharing what did not change. @throws StatusError BadRequest.
 */
export function strategicMerge(target: unknown, patch: unknown, schema: Schema | undefined): unknown {
  return mergeMap(isObject(target) ? target : {}, patch as JsonObject, schema);
}

const DIRECTIVE = '$patch';
const RETAIN = '$retainKeys';
const DELETE_PREFIX = '$deleteFromPrimitiveList/';
const ORDER_PREFIX = '$setElementOrder/';

function fieldSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (!schema) return undefined;
  const { schema: own } = resolve(schema);
  return own.properties?.[key] ?? own.additionalProperties;
}

/** The patch strategies stand beside the $ref, on the field itself. */
const strategies = (schema: Schema | undefined) => (schema?.['x-kubernetes-patch-strategy'] ?? '').split(',');

function mergeMap(original: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  if (!isObject(patch)) throw badRequest('Invalid JSON document');
  const directive = patch[DIRECTIVE];
  if (directive !== undefined) {
    if (directive === 'replace') return withoutDirectives(patch);
    if (directive === 'delete') return {};
    if (directive !== 'merge') throw badRequest(`Unknown patch type: ${directive}`);
  }
  const result: JsonObject = { ...original };
  const retain = patch[RETAIN];
  if (Array.isArray(retain)) for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];

  for (const [key, value] of Object.entries(patch)) {
    if (key === DIRECTIVE || key === RETAIN) continue;
    if (key.startsWith(DELETE_PREFIX)) {
      const field = key.slice(DELETE_PREFIX.length);
      const list = result[field];
      if (Array.isArray(list) && Array.isArray(value)) {
        result[field] = list.filter(item => !value.some(gone => equal(gone, item)));
      }
      continue;
    }
    if (key.startsWith(ORDER_PREFIX)) continue;
    if (value === null) {
      delete result[key];
      continue;
    }
    const field = fieldSchema(schema, key);
    const current = result[key];
    if (isObject(value)) {
      if (isObject(current) && !strategies(field).includes('replace')) {
        result[key] = mergeMap(current, value, field);
      } else result[key] = mergeMap({}, value, field);
    } else if (Array.isArray(value)) result[key] = mergeList(Array.isArray(current) ? current : [], value, field);
    else result[key] = value;
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER_PREFIX) || !Array.isArray(order)) continue;
    const field = key.slice(ORDER_PREFIX.length);
    const list = result[field];
    if (!Array.isArray(list)) continue;
    const mergeKey = fieldSchema(schema, field)?.['x-kubernetes-patch-merge-key'];
    const patched = patch[field];
    result[field] = reorder(
      list,
      Array.isArray(original[field]) ? original[field] : [],
      order,
      mergeKey,
      Array.isArray(patched) ? patched : [],
    );
  }
  return result;
}

/** Go's %v of a JSON value. */
function goMap(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goMap).join(' ')}]`;
  if (!isObject(value)) return String(value ?? '<nil>');
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${goMap(item)}`).join(' ')}]`;
}

function withoutDirectives(value: unknown): JsonObject {
  if (!isObject(value)) return value as unknown as JsonObject;
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => key !== DIRECTIVE && key !== RETAIN && !key.startsWith(ORDER_PREFIX)),
  );
}

function mergeList(original: unknown[], patch: unknown[], field: Schema | undefined): unknown[] {
  const isDirective = (item: unknown): item is JsonObject => isObject(item) && item[DIRECTIVE] !== undefined;
  if (!strategies(field).includes('merge')) return patch.filter(item => !isDirective(item));
  const items = field?.items;
  const mergeKey = field?.['x-kubernetes-patch-merge-key'];
  if (!mergeKey) {
    // A set of plain values: what is new goes to the end.
    const result = [...original];
    for (const item of patch) if (!result.some(known => equal(known, item))) result.push(item);
    return result;
  }
  if (patch.some(item => isObject(item) && item[DIRECTIVE] === 'replace')) {
    return patch.filter(item => !isDirective(item));
  }
  const keyOf = (item: unknown) => (isObject(item) ? item[mergeKey] : undefined);
  let result = [...original];
  for (const item of patch) {
    const key = keyOf(item);
    if (key === undefined) {
      if (isDirective(item) && Object.keys(item).length === 1) continue;
      throw new StatusError('Unknown', `map: ${goMap(item)} does not contain declared merge key: ${mergeKey}`);
    }
    if (isDirective(item) && item[DIRECTIVE] === 'delete') {
      result = result.filter(known => !equal(keyOf(known), key));
      continue;
    }
    const index = result.findIndex(known => equal(keyOf(known), key));
    if (index < 0) result.push(mergeMap({}, item as JsonObject, items));
    else result[index] = mergeMap(result[index] as JsonObject, item as JsonObject, items);
  }
  return result;
}

/** Items named by the order stand in that order; those that only the server has keep their place relative to their neighbours. */
function reorder(
  merged: unknown[],
  server: unknown[],
  order: unknown[],
  mergeKey: string | undefined,
  patched: unknown[],
): unknown[] {
  const keyOf = (item: unknown) => JSON.stringify(mergeKey && isObject(item) ? item[mergeKey] : item);
  const wanted = order.map(keyOf);
  const wantedSet = new Set(wanted);
  for (const item of patched) {
    const key = keyOf(item);
    const deleted = isObject(item) && item[DIRECTIVE] === 'delete';
    if (!deleted && key !== undefined && !wantedSet.has(key)) {
      throw badRequest(
        `The order in patch list:\n${JSON.stringify(patched)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`,
      );
    }
  }
  const inOrder = wanted.map(key => merged.find(item => keyOf(item) === key)).filter(item => item !== undefined);
  const serverOnly = merged.filter(item => !wantedSet.has(keyOf(item)));
  const serverPosition = new Map(server.map((item, index) => [keyOf(item), index]));
  const result: unknown[] = [];
  let left = 0;
  let right = 0;
  // Upstream's merge of two lists: a server-only item goes before the first ordered item that follows it on the server.
  while (left < inOrder.length && right < serverOnly.length) {
    const ordered = serverPosition.get(keyOf(inOrder[left]));
    const only = serverPosition.get(keyOf(serverOnly[right])) ?? Number.POSITIVE_INFINITY;
    if (ordered !== undefined && only < ordered) result.push(serverOnly[right++]);
    else result.push(inOrder[left++]);
  }
  return [...result, ...inOrder.slice(left), ...serverOnly.slice(right)];
}
