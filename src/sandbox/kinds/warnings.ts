import type { KubeObject, ResourceName } from '../registry/resources.ts';

type Warnings = (object: KubeObject) => string[];

const byResource: Record<ResourceName, Warnings> = {
  endpoints: () => ['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
};

export const warningsFor = (resource: ResourceName): Warnings | undefined => byResource[resource];
