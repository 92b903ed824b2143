import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { packageFile } from '../../package-file.ts';

/**
 * The OpenAPI v3 schemas of the kinds that are served, as a real Kubernetes publishes them (made by
 * scripts/generate-schema.mjs). They drive decoding, strict field validation, strategic merges, server-side apply
 * and what /openapi/v3 answers. Read at the first use: 0.5 MB, 5 ms.
 */
export interface Schema {
  type?: string;
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: string[];
  default?: unknown;
  allOf?: Schema[];
  oneOf?: Schema[];
  $ref?: string;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
}

interface SchemaFile {
  version: string;
  schemas: Record<string, Schema>;
}

let loaded: SchemaFile | undefined;
const file = (): SchemaFile => {
  loaded ??= JSON.parse(readFileSync(packageFile('src', 'sandbox', 'schema', 'kubernetes.json'), 'utf8')) as SchemaFile;
  return loaded;
};

const PREFIX = '#/components/schemas/';

/** The Kubernetes version whose protocol this is, e.g. `v1.34.4`. */
export const KUBERNETES_VERSION = 'v1.34.4';

export const allSchemas = (): Record<string, Schema> => file().schemas;

let kinds: Map<string, string> | undefined;

/** The name of the schema for a kind, e.g. `io.k8s.api.apps.v1.Deployment`. */
export function schemaNameOf(group: string, version: string, kind: string): string | undefined {
  if (!kinds) {
    kinds = new Map();
    for (const [name, schema] of Object.entries(file().schemas)) {
      for (const gvk of schema['x-kubernetes-group-version-kind'] ?? [])
        kinds.set(`${gvk.group}/${gvk.version}/${gvk.kind}`, name);
    }
  }
  return kinds.get(`${group}/${version}/${kind}`);
}

/** A schema with its $ref followed, and the name it goes by (`io.k8s.api.apps.v1.DeploymentSpec`), if any. */
export interface Resolved {
  schema: Schema;
  name: string | undefined;
}

export function resolve(schema: Schema): Resolved {
  const reference = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
  if (!reference) return { schema, name: undefined };
  const name = reference.slice(PREFIX.length);
  const target = file().schemas[name];
  return { schema: target ?? {}, name };
}

export function schemaOf(group: string, version: string, kind: string): Schema | undefined {
  const name = schemaNameOf(group, version, kind);
  return name === undefined ? undefined : file().schemas[name];
}

/** Kept out of comparisons of versions: a stable hash for the `hash` query of /openapi/v3. */
export const hashOf = (text: string): string => createHash('sha512').update(text).digest('hex').toUpperCase();
