import type { ResourceName } from '../registry/resources.ts';
import type { Column } from './table.ts';

const byResource: Record<ResourceName, readonly Column[]> = {};

export const columnsOf = (resource: ResourceName): readonly Column[] => byResource[resource] ?? [];
