import { since } from './kinds/duration.ts';
import { completeType, resourceName } from './kinds/index.ts';
import type { ResourceType, ScalePaths } from './kinds/resource-type.ts';
import type { Column } from './kinds/table.ts';
import { at } from './registry/json.ts';
import type { Registry } from './registry/registry.ts';
import type { KubeObject } from './registry/resources.ts';
import type { Schema } from './schema/schemas.ts';

/**
 * Serves custom kinds: each CustomResourceDefinition adds its storage version to the kinds, with its scope, names, columns,
 * scale and status subresources, and its schema (pruning, merging). Conversion webhooks, defaults and CEL rules are not evaluated.
 */
export function serveCustomResources(registry: Registry, onChange: () => void): { stop(): void } {
  const stop = registry.watch('customresourcedefinitions.apiextensions.k8s.io', ({ type, object }) => {
    if (type === 'DELETED') {
      for (const { metadata } of registry.list(object.metadata.name))
        registry.delete(object.metadata.name, metadata.namespace, metadata.name);
      registry.types.remove(object.metadata.name);
    } else {
      const custom = customType(object);
      if (custom) registry.types.add(custom);
    }
    onChange();
    if (type === 'ADDED') queueMicrotask(() => establish(registry, object.metadata.name));
  });
  return { stop };
}

/** Upstream's conditions of a definition that is served; `kubectl wait --for=condition=Established` waits for one. */
function establish(registry: Registry, name: string): void {
  registry.modify(
    'customresourcedefinitions.apiextensions.k8s.io',
    undefined,
    name,
    draft => {
      if (draft.status?.conditions) return false;
      const lastTransitionTime = draft.metadata.creationTimestamp;
      const condition = (type: string, reason: string, message: string) => ({
        type,
        status: 'True',
        lastTransitionTime,
        reason,
        message,
      });
      draft.status = {
        conditions: [
          condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
          condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
        ],
        acceptedNames: draft.spec.names,
        storedVersions: [storageVersion(draft)?.name],
      };
      return undefined;
    },
    { subresource: 'status' },
  );
}

interface Version {
  name: string;
  storage: boolean;
  schema?: { openAPIV3Schema?: Schema };
  subresources?: {
    status?: object;
    scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string };
  };
  additionalPrinterColumns?: {
    name: string;
    type: string;
    jsonPath: string;
    priority?: number;
    format?: string;
    description?: string;
  }[];
}

const storageVersion = (definition: KubeObject): Version | undefined =>
  (definition.spec?.versions ?? []).find((version: Version) => version.storage);

function customType(definition: KubeObject): ResourceType | undefined {
  const { group, names, scope } = definition.spec ?? {};
  const version = storageVersion(definition);
  if (!version || !names?.plural || !group) return undefined;
  const scale = version.subresources?.scale;
  const paths: ScalePaths | undefined = scale && {
    specReplicas: scale.specReplicasPath,
    statusReplicas: scale.statusReplicasPath,
    labelSelector: scale.labelSelectorPath,
  };
  const schema = version.schema?.openAPIV3Schema;
  return {
    ...completeType({
      group,
      version: version.name,
      kind: names.kind,
      plural: names.plural,
      singular: names.singular ?? names.kind.toLowerCase(),
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      namespaced: scope === 'Namespaced',
      status: version.subresources?.status !== undefined,
      generation: true,
      scale: paths,
      custom: true,
      schema: schema && withMetadata(schema, { group, version: version.name, kind: names.kind }),
    }),
    resource: resourceName(group, names.plural),
    columns: columnsOf(version),
  };
}

/** What every object has, and a definition's schema need not say. */
const withMetadata = (schema: Schema, kind: { group: string; version: string; kind: string }): Schema => ({
  ...schema,
  'x-kubernetes-group-version-kind': [kind],
  ...(schema.properties
    ? {
        properties: {
          ...schema.properties,
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
        },
      }
    : {}),
});

function columnsOf({ additionalPrinterColumns }: Version): Column[] {
  const name: Column = { name: 'Name', type: 'string', format: 'name', value: ({ metadata }) => metadata.name };
  const age: Column = { name: 'Age', type: 'date', value: ({ metadata }, nowMs) => since(metadata.creationTimestamp, nowMs) };
  if (!additionalPrinterColumns) return [name, age];
  return [
    name,
    ...additionalPrinterColumns.map(
      ({ name, type, jsonPath, priority = 0, format = '', description = '' }): Column => ({
        name,
        type: type as Column['type'],
        format,
        description,
        priority,
        value: (object, nowMs) => {
          const value = at(object, jsonPath);
          if (value === undefined || value === null) return '';
          if (type === 'date') return since(String(value), nowMs);
          return typeof value === 'number' || typeof value === 'boolean'
            ? value
            : typeof value === 'string'
              ? value
              : JSON.stringify(value);
        },
      }),
    ),
  ];
}
