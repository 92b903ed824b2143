import type { Container, EnvVar } from 'kubernetes-types/core/v1.js';
import type { KubeObject, Resources } from '../registry/resources.ts';
import { fieldValue, resourceFieldValue } from './downward-api.ts';
import { expand } from './expansion.ts';

/** What keeps a container from being created; its message is upstream's. */
export class ContainerConfigError extends Error {}

export interface NodeFacts {
  name: string;
  address: string;
  cpus: number;
  memoryBytes: number;
}

const decode = (value: string) => Buffer.from(value, 'base64').toString('utf8');

/** The Services of a namespace as environment variables (pkg/kubelet/envvars): `CHECKOUT_SERVICE_HOST`, `CHECKOUT_PORT_80_TCP_ADDR`… */
function serviceEnvironment(services: readonly KubeObject[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const service of services) {
    const { clusterIP, ports } = service.spec;
    if (!clusterIP || clusterIP === 'None' || !ports?.length) continue;
    const prefix = service.metadata.name.toUpperCase().replaceAll('-', '_');
    env[`${prefix}_SERVICE_HOST`] = clusterIP;
    env[`${prefix}_SERVICE_PORT`] = String(ports[0].port);
    for (const port of ports)
      if (port.name) env[`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`] = String(port.port);
    ports.forEach((port: { port: number; protocol?: string }, index: number) => {
      const protocol = port.protocol ?? 'TCP';
      const url = `${protocol.toLowerCase()}://${clusterIP}:${port.port}`;
      if (index === 0) env[`${prefix}_PORT`] = url;
      const name = `${prefix}_PORT_${port.port}_${protocol}`;
      Object.assign(env, {
        [name]: url,
        [`${name}_PROTO`]: protocol.toLowerCase(),
        [`${name}_PORT`]: String(port.port),
        [`${name}_ADDR`]: clusterIP,
      });
    });
  }
  return env;
}

function referencedValue(
  variable: EnvVar,
  pod: KubeObject,
  podIP: string,
  container: Container,
  resources: Resources,
  node: NodeFacts,
): string | undefined {
  const namespace = pod.metadata.namespace as string;
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = variable.valueFrom ?? {};
  if (fieldRef) return fieldValue(fieldRef.fieldPath, pod, podIP, node);
  if (resourceFieldRef) return resourceFieldValue(resourceFieldRef, pod, container, node);
  if (configMapKeyRef) {
    const { name = '', key, optional } = configMapKeyRef;
    const map = resources.get('configmaps', namespace, name);
    if (!map) {
      if (optional) return undefined;
      throw new ContainerConfigError(`configmap "${name}" not found`);
    }
    const value = map.data?.[key] ?? (map.binaryData?.[key] === undefined ? undefined : decode(map.binaryData[key]));
    if (value === undefined && !optional)
      throw new ContainerConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (secretKeyRef) {
    const { name = '', key, optional } = secretKeyRef;
    const secret = resources.get('secrets', namespace, name);
    if (!secret) {
      if (optional) return undefined;
      throw new ContainerConfigError(`secret "${name}" not found`);
    }
    const value: string | undefined = secret.data?.[key];
    if (value === undefined && !optional)
      throw new ContainerConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value === undefined ? undefined : decode(value);
  }
  return undefined;
}

/**
 * A container's environment, made as pkg/kubelet's makeEnvironmentVariables does: services, then envFrom in order, then env.
 * @throws ContainerConfigError for a reference that leads nowhere.
 */
export function containerEnvironment(
  pod: KubeObject,
  container: Container,
  podIP: string,
  resources: Resources,
  node: NodeFacts,
  imageEnv: Record<string, string>,
): Record<string, string> {
  const namespace = pod.metadata.namespace as string;
  const kubernetes = resources.get('services', 'default', 'kubernetes');
  const own = pod.spec.enableServiceLinks === false ? [] : resources.list('services', { namespace });
  const services = serviceEnvironment(
    kubernetes && !own.some(service => service.metadata.uid === kubernetes.metadata.uid) ? [kubernetes, ...own] : own,
  );
  const result: Record<string, string> = {};
  for (const source of container.envFrom ?? []) {
    const isMap = source.configMapRef !== undefined;
    const reference = source.configMapRef ?? source.secretRef;
    if (!reference?.name) continue;
    const object = resources.get(isMap ? 'configmaps' : 'secrets', namespace, reference.name);
    if (!object) {
      if (reference.optional) continue;
      throw new ContainerConfigError(`${isMap ? 'configmap' : 'secret'} "${reference.name}" not found`);
    }
    for (const [key, value] of Object.entries<string>(object.data ?? {}))
      result[`${source.prefix ?? ''}${key}`] = isMap ? value : decode(value);
  }
  for (const variable of container.env ?? []) {
    if (variable.valueFrom) {
      const value = referencedValue(variable, pod, podIP, container, resources, node);
      if (value !== undefined) result[variable.name] = value;
    } else result[variable.name] = expand(variable.value ?? '', name => result[name] ?? services[name]);
  }
  return { ...imageEnv, HOSTNAME: pod.spec.hostname ?? pod.metadata.name, HOME: '/root', ...services, ...result };
}
