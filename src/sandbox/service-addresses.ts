import { invalidObject } from './registry/api-errors.ts';
import type { Registry } from './registry/registry.ts';
import type { KubeObject } from './registry/resources.ts';
import { StatusError } from './registry/status-error.ts';

/** The part of the network that hands out ClusterIPs. */
export interface ServiceAddresses {
  /** @throws StatusError Invalid when the requested one is out of range or taken. */
  allocateClusterIP(requested?: string): string;
  releaseClusterIP(address: string): void;
}

/** Gives every Service its ClusterIP as it is written (upstream's registry/core/service/storage/alloc.go). */
export function allocateServiceAddresses(registry: Registry, addresses: ServiceAddresses): void {
  registry.hooks.allocateService = (service, old, dryRun) => {
    const { spec } = service;
    if (!spec || spec.type === 'ExternalName') return;
    if (spec.clusterIP && spec.clusterIP !== 'None' && spec.clusterIP === old?.spec?.clusterIP) return;
    if (spec.clusterIP !== 'None') {
      try {
        spec.clusterIP = addresses.allocateClusterIP(spec.clusterIP || spec.clusterIPs?.[0] || undefined);
      } catch (error) {
        throw refused(service, error);
      }
      if (dryRun) addresses.releaseClusterIP(spec.clusterIP);
    }
    spec.clusterIPs = [spec.clusterIP];
    spec.ipFamilies ??= ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
  };
  registry.hooks.releaseService = service => {
    const address: string | undefined = service.spec?.clusterIP;
    if (address && address !== 'None') addresses.releaseClusterIP(address);
  };
}

/** The network's refusal, naming the Service. */
function refused(service: KubeObject, error: unknown): unknown {
  const cause = error instanceof StatusError ? error.details?.causes?.[0] : undefined;
  if (!(error instanceof StatusError) || !cause) return error;
  const field = cause.field ?? 'spec.clusterIPs';
  return invalidObject({ plural: 'services', group: '', kind: 'Service' }, service.metadata.name, [
    { reason: 'FieldValueInvalid', field, message: error.message.slice(field.length + 2) },
  ]);
}
