import { columnsOf } from '../kinds/columns.ts';
import type { ResourceType } from '../kinds/resource-type.ts';
import type { Column } from '../kinds/table.ts';
import type { KubeObject } from '../registry/resources.ts';

/** What a row carries besides its cells: the includeObject parameter. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface ListMetadata {
  resourceVersion?: string;
  continue?: string;
  remainingItemCount?: number;
}

export const partialMetadata = (object: KubeObject) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: object.metadata,
});

const definition = ({ name, type, format = '', description = '', priority = 0 }: Column) => ({
  name,
  type,
  format,
  description,
  priority,
});

/** Upstream's meta/v1 Table, from which kubectl prints `get`. */
export function table(
  type: Pick<ResourceType, 'columns'>,
  objects: readonly KubeObject[],
  metadata: ListMetadata,
  include: IncludeObject,
  nowMs: number,
  withColumns = true,
) {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: withColumns ? type.columns.map(definition) : null,
    rows: objects.map(object => ({
      cells: type.columns.map(column => column.value(object, nowMs)),
      object: include === 'Object' ? object : include === 'Metadata' ? partialMetadata(object) : null,
    })),
  };
}

/** `kubectl get --subresource=scale`. */
export const scaleTable = (scale: KubeObject, nowMs: number) =>
  table(
    { columns: columnsOf('scales.autoscaling') },
    [scale],
    { resourceVersion: scale.metadata.resourceVersion ?? '' },
    'Metadata',
    nowMs,
  );
