import type { Resources } from './registry/resources.ts';
import { StatusError } from './registry/status-error.ts';

const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** What every cluster starts with: its namespaces; and in each namespace the default ServiceAccount and the CA's ConfigMap. */
export function bootstrap(resources: Resources, ca: string): { stop(): void } {
  const stop = resources.watch('namespaces', ({ type, object }) => {
    if (type === 'DELETED' || object.metadata.deletionTimestamp) return;
    const namespace = object.metadata.name;
    ensure(resources, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
    ensure(resources, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'kube-root-ca.crt',
        namespace,
        annotations: {
          'kubernetes.io/description':
            'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
        },
      },
      data: { 'ca.crt': ca },
    });
  });
  for (const name of NAMESPACES) ensure(resources, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return { stop };
}

/**
 * The Service through which pods would reach the API server, with what stands behind it (controlplane/controller/kubernetesservice).
 * @param clusterIP the first address of the Services' range
 * @param port of the API server, on 127.0.0.1
 */
export function publishApiServer(resources: Resources, clusterIP: string, port: number): void {
  const metadata = { name: 'kubernetes', namespace: 'default' };
  const address = '127.0.0.1';
  ensure(resources, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { type: 'ClusterIP', clusterIP, ports: [{ name: 'https', port: 443, targetPort: port, protocol: 'TCP' }] },
  });
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  ensure(resources, {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: address }], ports }],
  });
  ensure(resources, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports,
  });
}

function ensure(resources: Resources, object: Parameters<Resources['create']>[0]): void {
  try {
    resources.create(object, { fieldManager: 'kube-controller-manager' });
  } catch (error) {
    if (!(error instanceof StatusError) || (error.reason !== 'AlreadyExists' && error.reason !== 'Forbidden')) throw error;
  }
}
