import { apiVersionOf, type KindTable } from '../kinds/index.ts';
import type { ResourceType } from '../kinds/resource-type.ts';
import { allSchemas, hashOf, KUBERNETES_VERSION, type Schema, schemaNameOf } from '../schema/schemas.ts';

/** /openapi/v3: the kinds' schemas, and as much of the paths as kubectl reads (which kind a path serves, dry-run and field validation). */
export function createOpenApi(types: KindTable) {
  const cache = new Map<string, string>();

  const groupVersions = (): Map<string, ResourceType[]> => {
    const found = new Map<string, ResourceType[]>();
    const add = (path: string, type: ResourceType) => found.set(path, [...(found.get(path) ?? []), type]);
    for (const type of types.all()) add(type.group ? `apis/${type.group}/${type.version}` : `api/${type.version}`, type);
    const events = types.byResource('events');
    if (events) add('apis/events.k8s.io/v1', { ...events, group: 'events.k8s.io' });
    return found;
  };

  function document(path: string): string | undefined {
    const cached = cache.get(path);
    if (cached) return cached;
    const list = groupVersions().get(path);
    if (!list) return undefined;
    const schemas: Record<string, Schema> = {};
    const all = allSchemas();
    const keep = (name: string, given?: Schema) => {
      const schema = given ?? all[name];
      if (schemas[name] || !schema) return;
      schemas[name] = schema;
      for (const [, reference] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
        keep(reference as string);
    };
    const paths: Record<string, unknown> = {};
    for (const type of list) {
      const name = schemaName(type);
      keep(name, type.schema);
      const listName = schemaNameOf(type.group, type.version, `${type.kind}List`);
      if (listName) keep(listName);
      Object.assign(paths, pathsOf(type, name));
    }
    keep('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions');
    const text = JSON.stringify({
      openapi: '3.0.0',
      info: { title: 'Kubernetes', version: KUBERNETES_VERSION },
      paths,
      components: { schemas },
    });
    cache.set(path, text);
    return text;
  }

  return {
    index: () => ({
      paths: Object.fromEntries(
        [...groupVersions().keys()]
          .sort()
          .map(path => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(document(path) ?? '')}` }]),
      ),
    }),
    document,
    /** A custom kind came or went. */
    invalidate: () => cache.clear(),
  };
}

const schemaName = (type: ResourceType) =>
  type.custom
    ? `${type.group.split('.').reverse().join('.')}.${type.version}.${type.kind}`
    : (schemaNameOf(type.group, type.version, type.kind) ?? type.kind);

const query = (name: string, description: string) => ({
  name,
  in: 'query',
  description,
  schema: { type: 'string', uniqueItems: true },
});
const WRITE_PARAMETERS = [
  query('dryRun', 'When present, indicates that modifications should not be persisted.'),
  query('fieldManager', 'fieldManager is a name associated with the actor or entity that is making these changes.'),
  query(
    'fieldValidation',
    'fieldValidation instructs the server on how to handle objects in the request containing unknown or duplicate fields.',
  ),
];

function pathsOf(type: ResourceType, name: string): Record<string, unknown> {
  const gvk = { group: type.group, version: type.version, kind: type.kind };
  const base = `/${type.group ? 'apis' : 'api'}/${apiVersionOf(type)}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`;
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } };
  const operation = (action: string, parameters: unknown[]) => ({
    parameters,
    responses: { 200: { description: 'OK', content } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  });
  const post = { post: { ...operation('post', WRITE_PARAMETERS), requestBody: { content } } };
  if (type.createOnly) return { [base]: post };
  return {
    [base]: { get: operation('list', []), ...post },
    [`${base}/{name}`]: {
      get: operation('get', []),
      put: { ...operation('put', WRITE_PARAMETERS), requestBody: { content } },
      patch: operation('patch', WRITE_PARAMETERS),
      delete: operation('delete', WRITE_PARAMETERS.slice(0, 1)),
    },
  };
}
