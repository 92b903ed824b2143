import { createSocket, type Socket } from 'node:dgram';
import type { KubeObject, Resources } from '../registry/resources.ts';
import { encodeAnswer, NOERROR, NXDOMAIN, parseQuery, TYPE_A, TYPE_ANY } from './dns-message.ts';

export const CLUSTER_DOMAIN = 'cluster.local';
const TTL_SECONDS = 5;

/** The endpoints of a service out of its EndpointSlices. */
export function endpointsOf(resources: Resources, namespace: string, service: string): KubeObject[] {
  return resources.list('endpointslices.discovery.k8s.io', {
    namespace,
    labels: labels => labels['kubernetes.io/service-name'] === service,
  });
}

/**
 * Resolves a cluster name as CoreDNS' kubernetes plugin does: services, headless services, their pods by hostname, and pods by
 * address. undefined is NXDOMAIN.
 */
function resolveClusterName(resources: Resources, name: string): string[] | undefined {
  const suffix = `.${CLUSTER_DOMAIN}`;
  if (!name.endsWith(suffix)) return undefined;
  const labels = name.slice(0, -suffix.length).split('.');
  const kind = labels.pop();
  if (kind === 'pod' && labels.length === 2) {
    const address = (labels[0] as string).replaceAll('-', '.');
    return /^\d+\.\d+\.\d+\.\d+$/.test(address) ? [address] : undefined;
  }
  if (kind !== 'svc' || labels.length < 2 || labels.length > 3) return undefined;
  const namespace = labels.pop() as string;
  const service = resources.get('services', namespace, labels.pop() as string);
  if (!service) return undefined;
  const hostname = labels.pop();
  const clusterIP: string | undefined = service.spec.clusterIP;
  if (clusterIP && clusterIP !== 'None' && hostname === undefined) return [clusterIP];
  if (clusterIP !== 'None' && hostname !== undefined) return undefined;
  const addresses: string[] = [];
  for (const slice of endpointsOf(resources, namespace, service.metadata.name)) {
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false && service.spec.publishNotReadyAddresses !== true) continue;
      if (hostname !== undefined && endpoint.hostname !== hostname) continue;
      addresses.push(...(endpoint.addresses ?? []));
    }
  }
  // A headless service without ready endpoints has no records: CoreDNS answers NXDOMAIN.
  return addresses.length > 0 ? [...new Set(addresses)] : undefined;
}

/** Binds the DNS server's socket; rejects when the address is taken. */
export function bindDns(address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: false });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

export function serveDns(socket: Socket, resources: Resources): void {
  socket.on('message', (message, peer) => {
    const query = parseQuery(message);
    if (!query) return;
    const addresses = resolveClusterName(resources, query.name);
    const records = query.type === TYPE_A || query.type === TYPE_ANY ? (addresses ?? []) : [];
    socket.send(encodeAnswer(query, addresses ? NOERROR : NXDOMAIN, records, TTL_SECONDS), peer.port, peer.address);
  });
  socket.on('error', () => {});
}
