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

function ensure(resources: Resources, object: Parameters<Resources['create']>[0]): void {
  try {
    resources.create(object, { fieldManager: 'kube-controller-manager' });
  } catch (error) {
    if (!(error instanceof StatusError) || (error.reason !== 'AlreadyExists' && error.reason !== 'Forbidden')) throw error;
  }
}
