import { canonicalQuantity, parseQuantity, QUANTITY_RULE } from '../kinds/quantity.ts';
import { badRequest } from '../registry/api-errors.ts';
import { isObject, type JsonObject } from '../registry/json.ts';
import type { KubeObject } from '../registry/resources.ts';
import { resolve, type Schema, schemaOf } from '../schema/schemas.ts';

/** The fieldValidation query parameter: what to do about a field that the kind does not have. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

interface Walk {
  refuse(why: string): Error;
  unknown: string[];
  /** Go's struct name and path inside it, for the text of a type error. */
  fail(path: string, struct: string, found: string, wanted: string): never;
}

/**
 * Brings a body into the shape of its kind as upstream's typed decoding does: fields that the kind does not have are
 * dropped (and told of), null counts as absent, empty lists and maps go, wrong types are errors.
 * @throws StatusError BadRequest with upstream's texts.
 */
export function decodeObject(
  body: unknown,
  type: { group: string; version: string; kind: string; schema?: Schema | undefined },
  validation: FieldValidation,
): { object: KubeObject; warnings: string[] } {
  const prefix = `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: `;
  const schema = type.schema ?? schemaOf(type.group, type.version, type.kind);
  if (!isObject(body))
    throw badRequest(`${prefix}json: cannot unmarshal ${goKind(body)} into Go value of type ${type.version}.${type.kind}`);
  if (!schema) return { object: body as KubeObject, warnings: [] };
  const walk: Walk = {
    refuse: why => badRequest(prefix + why),
    unknown: [],
    fail(path, struct, found, wanted) {
      throw badRequest(
        `${prefix}json: cannot unmarshal ${found} into Go struct field ${struct}.${withoutIndices(path)} of type ${wanted}`,
      );
    },
  };
  const object = shapeObject(body, schema, type.kind, '', walk) as KubeObject;
  object.metadata ??= { name: '' };
  if (schema.properties?.spec?.default !== undefined) object.spec ??= {};
  if (walk.unknown.length === 0 || validation === 'Ignore') return { object, warnings: [] };
  if (validation === 'Strict') throw badRequest(`${prefix}strict decoding error: ${walk.unknown.join(', ')}`);
  return { object, warnings: walk.unknown };
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return value === null ? 'null' : typeof value;
}

function shape(value: unknown, given: Schema, struct: string, path: string, walk: Walk): unknown {
  const { schema, name } = resolve(given);
  if (name?.endsWith('.IntOrString') || schema['x-kubernetes-int-or-string']) {
    if (typeof value !== 'string' && typeof value !== 'number') walk.fail(path, struct, goKind(value), 'intstr.IntOrString');
    return value;
  }
  if (name?.endsWith('.Quantity')) {
    if (parseQuantity(value) === undefined || typeof value === 'object') throw walk.refuse(QUANTITY_RULE);
    return canonicalQuantity(value as string | number);
  }
  switch (schema.type) {
    case 'object':
      if (schema.properties) {
        if (!isObject(value)) walk.fail(path, struct, goKind(value), goType(name));
        return shapeObject(value, schema, (name ?? struct).split('.').at(-1) as string, path, walk);
      }
      if (schema.additionalProperties) {
        if (!isObject(value))
          walk.fail(
            path,
            struct,
            goKind(value),
            `map[string]${goType(resolve(schema.additionalProperties).name, schema.additionalProperties)}`,
          );
        return shapeMap(value, schema.additionalProperties, struct, path, walk);
      }
      return value;
    case 'array':
      if (!Array.isArray(value))
        walk.fail(path, struct, goKind(value), `[]${goType(resolve(schema.items ?? {}).name, schema.items)}`);
      return value.map((item, index) => shape(item, schema.items ?? {}, struct, `${path}[${index}]`, walk));
    case 'string':
      if (typeof value !== 'string') walk.fail(path, struct, goKind(value), 'string');
      if (schema.format === 'byte') {
        const offset = illegalBase64(value as string);
        if (offset !== undefined) throw walk.refuse(`illegal base64 data at input byte ${offset}`);
      }
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') walk.fail(path, struct, goKind(value), 'bool');
      return value;
    case 'integer':
      if (typeof value !== 'number') walk.fail(path, struct, goKind(value), schema.format ?? 'int64');
      if (!Number.isInteger(value)) walk.fail(path, struct, `number ${value}`, schema.format ?? 'int64');
      return value;
    default:
      return value;
  }
}

/** Where Go's decoder would stop; undefined for base64. */
function illegalBase64(text: string): number | undefined {
  const found = /[^A-Za-z0-9+/=\r\n]/.exec(text);
  if (found) return found.index;
  const plain = text.replace(/[\r\n]/g, '');
  const padding = plain.indexOf('=');
  if (padding >= 0 && !/^={1,2}$/.test(plain.slice(padding))) return padding;
  return plain.length % 4 === 0 ? undefined : plain.length - (plain.length % 4);
}

const withoutIndices = (path: string) => path.replace(/\[\d+\]/g, '');

/** Fields that upstream's types leave out when zero although they are no pointers: a `false` given is as good as none. */
const OMITTED_WHEN_ZERO = new Set([
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'paused',
  'stdin',
  'stdinOnce',
  'tty',
  'readOnly',
  'minReadySeconds',
  'initialDelaySeconds',
  'nodePort',
  'hostPort',
  'publishNotReadyAddresses',
  'unschedulable',
  'nodeName',
  'hostname',
  'subdomain',
]);

function shapeObject(value: JsonObject, schema: Schema, struct: string, path: string, walk: Walk): JsonObject {
  const properties = schema.properties ?? {};
  if (!schema.properties || schema['x-kubernetes-preserve-unknown-fields']) return value;
  const result: JsonObject = {};
  for (const key in value) {
    const field = value[key];
    const known = properties[key];
    const where = path ? `${path}.${key}` : key;
    if (!known) {
      walk.unknown.push(`unknown field ${JSON.stringify(where)}`);
      continue;
    }
    if (field === null || field === undefined) continue;
    const shaped = shape(field, known, struct, where, walk);
    if (Array.isArray(shaped) && shaped.length === 0 && !schema.required?.includes(key)) continue;
    if (!shaped && OMITTED_WHEN_ZERO.has(key)) continue;
    if (isObject(shaped) && Object.keys(shaped).length === 0 && resolve(known).schema.additionalProperties) continue;
    result[key] = shaped;
  }
  return result;
}

function shapeMap(value: JsonObject, schema: Schema, struct: string, path: string, walk: Walk): JsonObject {
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    // A null in a map of strings is the empty string, as Go decodes it.
    if (item === null) result[key] = schema.type === 'string' ? '' : null;
    else result[key] = shape(item, schema, struct, path, walk);
  }
  return result;
}

/** As Go names the type in its decoding errors. */
function goType(name: string | undefined, schema?: Schema): string {
  if (name) {
    const parts = name.split('.');
    return `${parts.at(-2)}.${parts.at(-1)}`;
  }
  if (schema?.type === 'boolean') return 'bool';
  return schema?.format ?? schema?.type ?? 'interface {}';
}
