import { at } from '../registry/json.ts';
import type { KubeObject, ResourceName } from '../registry/resources.ts';
import { columnsOf } from './columns.ts';
import { defaultsFor } from './defaults.ts';
import { prepareFor } from './prepare.ts';
import type { ResourceType, ScalePaths } from './resource-type.ts';
import { validationFor } from './validation.ts';
import { warningsFor } from './warnings.ts';

type Declaration = Pick<ResourceType, 'group' | 'version' | 'kind' | 'plural'> &
  Partial<Omit<ResourceType, 'resource' | 'group' | 'version' | 'kind' | 'plural'>>;

/** Upstream's name of a resource: `pods`, `deployments.apps`. */
export const resourceName = (group: string, plural: string): ResourceName => (group ? `${plural}.${group}` : plural);

/** Everything that a declaration may leave out. */
export function completeType(declared: Declaration): ResourceType {
  const resource = resourceName(declared.group, declared.plural);
  return {
    resource,
    singular: declared.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    status: false,
    scale: undefined,
    generation: false,
    keepsStatusOnCreate: false,
    nameRule: 'subdomain',
    createOnly: false,
    alwaysEmpty: false,
    fields: {},
    defaults: defaultsFor(resource),
    prepare: prepareFor(resource),
    validate: validationFor(resource),
    warnings: warningsFor(resource),
    columns: columnsOf(resource),
    custom: false,
    schema: undefined,
    ...declared,
  };
}

const text = (path: string) => (object: KubeObject) => String(at(object, path) ?? '');

const replicas: ScalePaths = {
  specReplicas: 'spec.replicas',
  statusReplicas: 'status.replicas',
  labelSelector: 'status.selector',
};

const eventFields = Object.fromEntries([
  ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(field => [
    `involvedObject.${field}`,
    text(`involvedObject.${field}`),
  ]),
  ['reason', text('reason')],
  ['reportingComponent', (object: KubeObject) => object.reportingComponent || object.source?.component || ''],
  ['source', (object: KubeObject) => object.source?.component || object.reportingComponent || ''],
  ['type', text('type')],
]);

const podFields = {
  'spec.nodeName': text('spec.nodeName'),
  'spec.restartPolicy': text('spec.restartPolicy'),
  'spec.schedulerName': text('spec.schedulerName'),
  'spec.serviceAccountName': text('spec.serviceAccountName'),
  'spec.hostNetwork': (object: KubeObject) => String(object.spec?.hostNetwork ?? false),
  'status.phase': text('status.phase'),
  'status.podIP': text('status.podIP'),
  'status.nominatedNodeName': text('status.nominatedNodeName'),
};

const core = { group: '', version: 'v1' };
const apps = { group: 'apps', version: 'v1' };
const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', nameRule: 'path' as const };
const authorization = { group: 'authorization.k8s.io', version: 'v1', createOnly: true };
const workload = { ...apps, status: true, generation: true, categories: ['all'] };

const DECLARED: Declaration[] = [
  { ...core, kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'] },
  { ...core, kind: 'Endpoints', plural: 'endpoints', singular: 'endpoints', shortNames: ['ep'] },
  { ...core, kind: 'Event', plural: 'events', shortNames: ['ev'], fields: eventFields },
  {
    ...core,
    kind: 'Namespace',
    plural: 'namespaces',
    shortNames: ['ns'],
    namespaced: false,
    status: true,
    nameRule: 'label',
    fields: { 'status.phase': text('status.phase'), name: text('metadata.name') },
  },
  {
    ...core,
    kind: 'Node',
    plural: 'nodes',
    shortNames: ['no'],
    namespaced: false,
    status: true,
    keepsStatusOnCreate: true,
    fields: { 'spec.unschedulable': (object: KubeObject) => String(object.spec?.unschedulable ?? false) },
  },
  {
    ...core,
    kind: 'Pod',
    plural: 'pods',
    shortNames: ['po'],
    categories: ['all'],
    status: true,
    generation: true,
    fields: podFields,
  },
  { ...core, kind: 'Secret', plural: 'secrets', fields: { type: text('type') } },
  { ...core, kind: 'ServiceAccount', plural: 'serviceaccounts', shortNames: ['sa'] },
  {
    ...core,
    kind: 'Service',
    plural: 'services',
    shortNames: ['svc'],
    categories: ['all'],
    status: true,
    nameRule: 'label1035',
    fields: { 'spec.clusterIP': text('spec.clusterIP'), 'spec.type': text('spec.type') },
  },
  { ...apps, kind: 'ControllerRevision', plural: 'controllerrevisions' },
  { ...workload, kind: 'DaemonSet', plural: 'daemonsets', shortNames: ['ds'] },
  { ...workload, kind: 'Deployment', plural: 'deployments', shortNames: ['deploy'], scale: replicas },
  {
    ...workload,
    kind: 'ReplicaSet',
    plural: 'replicasets',
    shortNames: ['rs'],
    scale: replicas,
  },
  { ...workload, kind: 'StatefulSet', plural: 'statefulsets', shortNames: ['sts'], scale: replicas },
  {
    group: 'batch',
    version: 'v1',
    kind: 'Job',
    plural: 'jobs',
    categories: ['all'],
    status: true,
    generation: true,
    fields: { 'status.successful': (object: KubeObject) => String(object.status?.succeeded ?? 0) },
  },
  { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases' },
  { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', plural: 'endpointslices', generation: true },
  {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    shortNames: ['pdb'],
    status: true,
    generation: true,
  },
  { ...rbac, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', namespaced: false },
  { ...rbac, kind: 'ClusterRole', plural: 'clusterroles', namespaced: false },
  { ...rbac, kind: 'RoleBinding', plural: 'rolebindings' },
  { ...rbac, kind: 'Role', plural: 'roles' },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    status: true,
    generation: true,
  },
  {
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectReview',
    plural: 'selfsubjectreviews',
    namespaced: false,
    createOnly: true,
  },
  { ...authorization, kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews' },
  { ...authorization, kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', namespaced: false },
  { ...authorization, kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', namespaced: false },
  { ...authorization, kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', namespaced: false },
];

const empty = (group: string, version: string, kind: string, plural: string, ...shortNames: string[]): Declaration => ({
  group,
  version,
  kind,
  plural,
  shortNames,
  alwaysEmpty: true,
});

const EMPTY: Declaration[] = [
  empty('', 'v1', 'LimitRange', 'limitranges', 'limits'),
  empty('', 'v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', 'pvc'),
  { ...empty('', 'v1', 'PersistentVolume', 'persistentvolumes', 'pv'), namespaced: false },
  { ...empty('', 'v1', 'ReplicationController', 'replicationcontrollers', 'rc'), categories: ['all'] },
  empty('', 'v1', 'ResourceQuota', 'resourcequotas', 'quota'),
  {
    ...empty('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', 'hpa'),
    categories: ['all'],
  },
  { ...empty('batch', 'v1', 'CronJob', 'cronjobs', 'cj'), categories: ['all'] },
  empty('networking.k8s.io', 'v1', 'Ingress', 'ingresses', 'ing'),
  empty('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies', 'netpol'),
];

/** The kinds that are served; a CustomResourceDefinition adds to them while running. */
export interface KindTable {
  all(): Iterable<ResourceType>;
  byResource(resource: ResourceName): ResourceType | undefined;
  byKind(apiVersion: string, kind: string): ResourceType | undefined;
  add(type: ResourceType): void;
  remove(resource: ResourceName): void;
}

const builtIn = [...DECLARED, ...EMPTY].map(completeType);

export const apiVersionOf = (type: Pick<ResourceType, 'group' | 'version'>): string =>
  type.group ? `${type.group}/${type.version}` : type.version;

export function createKindTable(): KindTable {
  const byResource = new Map(builtIn.map(type => [type.resource, type]));
  const kindKey = (apiVersion: string, kind: string) => `${apiVersion} ${kind}`;
  const byKind = new Map(builtIn.map(type => [kindKey(apiVersionOf(type), type.kind), type]));
  return {
    all: () => byResource.values(),
    byResource: resource => byResource.get(resource),
    byKind: (apiVersion, kind) => byKind.get(kindKey(apiVersion, kind)),
    add(type) {
      byResource.set(type.resource, type);
      byKind.set(kindKey(apiVersionOf(type), type.kind), type);
    },
    remove(resource) {
      const type = byResource.get(resource);
      if (!type) return;
      byResource.delete(resource);
      byKind.delete(kindKey(apiVersionOf(type), type.kind));
    },
  };
}
