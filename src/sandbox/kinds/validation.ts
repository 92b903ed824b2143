import { equal } from '../registry/json.ts';
import type { KubeObject, ResourceName } from '../registry/resources.ts';
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from './field-error.ts';
import { labelErrors } from './metadata.ts';
import { configKeyProblems } from './names.ts';
import { labelNameErrors, podSpecErrors, podUpdateErrors, portErrors, portOrNameErrors } from './pod-validation.ts';
import {
  controllerRevisionErrors,
  daemonSetErrors,
  deploymentErrors,
  disruptionBudgetErrors,
  immutable,
  jobErrors,
  replicaSetErrors,
  statefulSetErrors,
} from './workload-validation.ts';

type Validation = (object: KubeObject, old: KubeObject | undefined) => FieldError[];

const DATA_LIMIT = 1024 * 1024;
const SERVICE_TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

function serviceErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const spec = object.spec ?? {};
  const errors: FieldError[] = [];
  const ports: { name?: string; port: number; protocol: string; targetPort: unknown }[] = spec.ports ?? [];
  if (ports.length === 0 && spec.clusterIP !== 'None' && spec.type !== 'ExternalName') errors.push(required('spec.ports'));
  if (spec.type === 'ExternalName' && !spec.externalName) errors.push(required('spec.externalName'));
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    if (ports.length > 1 && !port.name) errors.push(required(`${at}.name`));
    else if (port.name) {
      errors.push(...labelNameErrors(port.name, `${at}.name`));
      if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    errors.push(...portErrors(port.port, `${at}.port`));
    if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${at}.protocol`, port.protocol, PROTOCOLS));
    if (port.targetPort !== undefined) errors.push(...portOrNameErrors(port.targetPort, `${at}.targetPort`));
  }
  errors.push(...labelErrors(spec.selector, 'spec.selector'));
  if (!['None', 'ClientIP'].includes(spec.sessionAffinity))
    errors.push(notSupported('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']));
  if (!SERVICE_TYPES.includes(spec.type)) errors.push(notSupported('spec.type', spec.type, SERVICE_TYPES));
  for (const [index, port] of ports.entries()) {
    const key = `${port.protocol}/${port.port}`;
    if (numbers.has(key))
      errors.push(
        duplicate(`spec.ports[${index}]`, {
          Name: '',
          Protocol: port.protocol,
          AppProtocol: null,
          Port: port.port,
          TargetPort: 0,
          NodePort: 0,
        }),
      );
    numbers.add(key);
  }
  const before = old?.spec?.clusterIP;
  if (before && spec.clusterIP !== before && spec.type !== 'ExternalName' && old?.spec?.type !== 'ExternalName') {
    errors.push(invalid('spec.clusterIPs[0]', [spec.clusterIP ?? ''], 'may not change once set'));
  }
  return errors;
}

function dataErrors(fields: readonly string[]): Validation {
  return (object, old) => {
    const errors: FieldError[] = [];
    let size = 0;
    for (const field of fields) {
      for (const [key, value] of Object.entries((object[field] ?? {}) as Record<string, string>)) {
        errors.push(...configKeyProblems(key).map(problem => invalid(`${field}[${key}]`, key, problem)));
        size += value.length;
      }
    }
    if (object.kind === 'ConfigMap') {
      for (const key of Object.keys(object.data ?? {})) {
        if (object.binaryData?.[key] !== undefined)
          errors.push(invalid(`data[${key}]`, key, `duplicate of key present in binaryData`));
      }
    }
    if (size > DATA_LIMIT * (object.kind === 'Secret' ? 4 / 3 : 1)) {
      errors.push({
        reason: 'FieldValueTooLong',
        field: object.kind === 'Secret' ? 'data' : '',
        message: `Too long: may not be more than ${DATA_LIMIT} bytes`,
      });
    }
    if (old?.immutable) {
      if (!object.immutable) errors.push(forbidden('immutable', 'field is immutable when `immutable` is set'));
      for (const field of fields) {
        if (!equal(object[field], old[field])) errors.push(forbidden(field, 'field is immutable when `immutable` is set'));
      }
    }
    if (old && object.kind === 'Secret') errors.push(...immutable(object.type, old.type, 'type'));
    return errors;
  };
}

function bindingErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (!object.roleRef?.name) errors.push(required('roleRef.name'));
  if (old && !equal(object.roleRef, old.roleRef)) errors.push(invalid('roleRef', object.roleRef, 'cannot change roleRef'));
  return errors;
}

function customResourceErrors(object: KubeObject): FieldError[] {
  const { group, names, versions = [], scope } = object.spec ?? {};
  const errors: FieldError[] = [];
  if (!group) errors.push(required('spec.group'));
  if (!names?.plural) errors.push(required('spec.names.plural'));
  if (!names?.kind) errors.push(required('spec.names.kind'));
  if (!['Cluster', 'Namespaced'].includes(scope)) errors.push(notSupported('spec.scope', scope ?? '', ['Cluster', 'Namespaced']));
  if (group && names?.plural && object.metadata.name !== `${names.plural}.${group}`) {
    errors.push(invalid('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (versions.filter((version: { storage?: boolean }) => version.storage).length !== 1) {
    errors.push(invalid('spec.versions', versions, 'must have exactly one version marked as storage version'));
  }
  return errors;
}

const byResource: Record<ResourceName, Validation> = {
  pods: (pod, old) =>
    old ? [...podSpecErrors(pod.spec, 'spec'), ...podUpdateErrors(pod, old)] : podSpecErrors(pod.spec, 'spec'),
  services: serviceErrors,
  configmaps: dataErrors(['data', 'binaryData']),
  secrets: dataErrors(['data']),
  'deployments.apps': deploymentErrors,
  'replicasets.apps': replicaSetErrors,
  'statefulsets.apps': statefulSetErrors,
  'daemonsets.apps': daemonSetErrors,
  'controllerrevisions.apps': controllerRevisionErrors,
  'jobs.batch': jobErrors,
  'poddisruptionbudgets.policy': disruptionBudgetErrors,
  'rolebindings.rbac.authorization.k8s.io': bindingErrors,
  'clusterrolebindings.rbac.authorization.k8s.io': bindingErrors,
  'customresourcedefinitions.apiextensions.k8s.io': customResourceErrors,
};

/** Upstream's validation of a kind, with its messages; of kinds that have none here, only the metadata is checked. */
export const validationFor = (resource: ResourceName): Validation => byResource[resource] ?? (() => []);
