import type { KubeObject, ResourceName } from '../registry/resources.ts';
import type { FieldError } from './field-error.ts';

type Validation = (object: KubeObject, old: KubeObject | undefined) => FieldError[];

const byResource: Record<ResourceName, Validation> = {};

export const validationFor = (resource: ResourceName): Validation => byResource[resource] ?? (() => []);
