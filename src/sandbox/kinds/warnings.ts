import type { KubeObject, ResourceName } from '../registry/resources.ts';

/** What upstream warns of when such an object is written (pkg/api/pod/warnings.go). */
type Warnings = (object: KubeObject) => string[];

function podSpecWarnings(spec: KubeObject | undefined, field: string): string[] {
  const grace = spec?.terminationGracePeriodSeconds;
  if (typeof grace === 'number' && grace < 0) {
    return [`${field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`];
  }
  return [];
}

const ofTemplate: Warnings = ({ spec }) => podSpecWarnings(spec?.template?.spec, 'spec.template.spec');

const byResource: Record<ResourceName, Warnings> = {
  pods: ({ spec }) => podSpecWarnings(spec, 'spec'),
  'deployments.apps': ofTemplate,
  'replicasets.apps': ofTemplate,
  'statefulsets.apps': ofTemplate,
  'daemonsets.apps': ofTemplate,
  'jobs.batch': ofTemplate,
};

export const warningsFor = (resource: ResourceName): Warnings | undefined => byResource[resource];
