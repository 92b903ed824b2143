import { isObject } from '../registry/json.ts';
import { StatusError } from '../registry/status-error.ts';
import { resolve, type Schema } from '../schema/schemas.ts';

/**
 * Server-side apply checks a configuration against the schema before anything else, with texts of its own
 * (structured-merge-diff, typed/validate.go). @param object what to call it: `(ns/web; apps/v1, Kind=Deployment)`.
 * @throws StatusError with no reason, code 500, as upstream.
 */
export function checkTypes(config: unknown, schema: Schema | undefined, object: string): void {
  const problems: string[] = [];
  if (schema) walk(config, schema, '', problems);
  if (problems.length === 0) return;
  const text = problems.length === 1 ? problems[0] : `errors:\n${problems.map(problem => `  ${problem}`).join('\n')}`;
  throw new StatusError('Unknown', `failed to create typed patch object ${object}: ${text}`);
}

function walk(value: unknown, given: Schema, path: string, problems: string[]): void {
  if (value === null || value === undefined) return;
  const { schema, name } = resolve(given);
  if (name?.endsWith('.IntOrString') || name?.endsWith('.Quantity') || schema['x-kubernetes-int-or-string']) return;
  const expected = (what: string) => problems.push(`${path}: expected ${what}, got ${shown(value, what)}`);
  switch (schema.type) {
    case 'object': {
      if (!schema.properties && !schema.additionalProperties) return;
      if (!isObject(value)) {
        expected('map');
        return;
      }
      for (const [key, item] of Object.entries(value)) {
        const field = schema.properties?.[key] ?? schema.additionalProperties;
        if (field) walk(item, field, `${path}.${key}`, problems);
        else if (!schema['x-kubernetes-preserve-unknown-fields']) problems.push(`${path}.${key}: field not declared in schema`);
      }
      return;
    }
    case 'array':
      if (!Array.isArray(value)) {
        expected('list');
        return;
      }
      for (const [index, item] of value.entries())
        walk(item, schema.items ?? {}, `${path}${element(item, index, given, schema)}`, problems);
      return;
    case 'string':
      if (typeof value !== 'string') expected('string');
      return;
    case 'boolean':
      if (typeof value !== 'boolean') expected('boolean');
      return;
    case 'integer':
    case 'number':
      if (typeof value !== 'number') expected('numeric (int or float)');
  }
}

function element(item: unknown, index: number, given: Schema, schema: Schema): string {
  const keys = given['x-kubernetes-list-map-keys'] ?? schema['x-kubernetes-list-map-keys'];
  if (!keys || !isObject(item)) return `[${index}]`;
  const properties = resolve(given.items ?? schema.items ?? {}).schema.properties;
  return `[${[...keys]
    .sort()
    .map(key => `${key}=${JSON.stringify(item[key] ?? properties?.[key]?.default ?? null)}`)
    .join(',')}]`;
}

/** Go's %v of the value: a number's mistake names the kind, the others print the value. */
function shown(value: unknown, what: string): string {
  if (what.startsWith('numeric')) return Array.isArray(value) ? 'list' : typeof value === 'object' ? 'map' : typeof value;
  return typeof value === 'object' ? `&${JSON.stringify(value)}` : `&{${value}}`;
}
