import { equal } from '../registry/json.ts';
import type { KubeObject, ResourceName } from '../registry/resources.ts';

type Prepare = (object: KubeObject, old: KubeObject | undefined) => void;

/** Upstream's PrepareForCreate and PrepareForUpdate where they do more than keep status (registry/STAR/strategy.go). */
const byResource: Record<ResourceName, Prepare> = {
  namespaces(namespace, old) {
    if (!old) {
      namespace.spec = { finalizers: ['kubernetes'] };
      namespace.status = { phase: 'Active' };
    } else if (!old.metadata.deletionTimestamp) namespace.spec = structuredClone(old.spec);
    namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name };
  },
  services(service, old) {
    const { spec } = service;
    if (!old) service.status = { loadBalancer: {} };
    if (!old || !spec) return;
    // What the server allocated stays when the client does not name it (patchAllocatedValues).
    if (spec.type !== 'ExternalName' && old.spec?.type !== 'ExternalName') {
      for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
        if (spec[field] === undefined && old.spec?.[field] !== undefined) spec[field] = structuredClone(old.spec[field]);
      }
    }
  },
  'jobs.batch'(job, old) {
    if (!old && job.spec?.manualSelector !== true) generateJobSelector(job);
  },
  'daemonsets.apps'(set, old) {
    const annotation = 'deprecated.daemonset.template.generation';
    const before = Number(old?.metadata.annotations?.[annotation] ?? 0);
    const generation = old && equal(old.spec?.template, set.spec?.template) ? before : before + 1;
    set.metadata.annotations = { ...set.metadata.annotations, [annotation]: String(generation) };
  },
  pods(pod, old) {
    if (!old) pod.status = { phase: 'Pending', qosClass: qosClass(pod) };
  },
  secrets(secret) {
    // stringData is a convenience for writing; it is stored as data.
    if (!secret.stringData) return;
    secret.data ??= {};
    for (const [key, value] of Object.entries(secret.stringData as Record<string, string>))
      secret.data[key] = Buffer.from(value).toString('base64');
    delete secret.stringData;
  },
};

export const prepareFor = (resource: ResourceName): Prepare | undefined => byResource[resource];

/** Labels that tie pods to their Job, and the selector for them (registry/batch/job/strategy.go, generateSelector). */
function generateJobSelector(job: KubeObject): void {
  const { spec } = job;
  if (!spec?.template) return;
  const { name, uid } = job.metadata;
  spec.template.metadata ??= {};
  spec.template.metadata.labels = {
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'batch.kubernetes.io/controller-uid': uid,
    ...spec.template.metadata.labels,
  };
  spec.selector ??= {};
  spec.selector.matchLabels = { 'batch.kubernetes.io/controller-uid': uid, ...spec.selector.matchLabels };
  // Defaulting as the Job is read back (apis/batch/v1/defaults.go): a Job without labels has its template's.
  if (Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = { ...spec.template.metadata.labels };
}

/** Quality of service (core/v1/helper/qos/qos.go): equal requests and limits of cpu and memory everywhere, any at all, none. */
function qosClass(pod: KubeObject): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  let any = false;
  let guaranteed = true;
  for (const { resources = {} } of containers) {
    const { requests = {}, limits = {} } = resources;
    for (const name of ['cpu', 'memory']) {
      if (requests[name] !== undefined || limits[name] !== undefined) any = true;
      if (limits[name] === undefined || (requests[name] ?? limits[name]) !== limits[name]) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
