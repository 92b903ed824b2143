import type { KubeObject } from '../registry/resources.ts';

/** A column of the server-side table (meta/v1 TableColumnDefinition). Priority 1 columns are shown by `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly priority?: number;
  readonly description?: string;
  readonly value: (object: KubeObject, nowMs: number) => string | number | boolean;
}
