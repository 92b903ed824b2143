import type { Socket } from 'node:dgram';
import type { ContainerNetwork } from '../programs/container/container-config.ts';
import type { ControlLoopContext } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import { type AddressPlan, AddressPool, addressPlan, podLoopback } from './addresses.ts';
import { bindDns, CLUSTER_DOMAIN, serveDns } from './dns.ts';
import { planPorts, realPort } from './ports.ts';
import { ServiceProxy } from './service-proxy.ts';

/** The second octets that a sandbox may take: the low ones are in use by systems (127.0.0.1, 127.0.1.1, 127.0.0.53). */
const FIRST_OCTET = 64;
const LAST_OCTET = 126;
/** Not 53, which only root may bind: all sandboxes of a machine must claim by the same port, whoever runs them. */
const DNS_PORT = 64_565;

/** Addresses, names and service balancing of one sandbox. */
export interface Network {
  plan: AddressPlan;
  allocatePodIP(): string;
  releasePodIP(address: string): void;
  /**
   * A ClusterIP for a new Service: the one asked for, or the next free one.
   * @throws StatusError Invalid with upstream's text when it is out of range or taken.
   */
  allocateClusterIP(requested?: string): string;
  releaseClusterIP(address: string): void;
  /** Where a pod's or service's address and port are really bound: the same, but for privileged ports of an ordinary user. Use it for every dial. */
  dial(address: string, port: number): { host: string; port: number };
  /** What a container's process needs to know of the network. */
  forPod(podIP: string, namespace: string): ContainerNetwork;
  stop(): Promise<void>;
}

async function claimOctet(): Promise<{ plan: AddressPlan; dns: Socket }> {
  for (let octet = FIRST_OCTET; octet <= LAST_OCTET; octet++) {
    const plan = addressPlan(octet);
    try {
      // The DNS socket is the claim: the next sandbox on this machine finds it taken and goes on.
      return { plan, dns: await bindDns(plan.dnsAddress, DNS_PORT) };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EADDRNOTAVAIL') {
        throw new Error(
          `the sandbox cannot use ${plan.dnsAddress}: this system has no addresses on the loopback device besides 127.0.0.1. ` +
            'The sandbox runs on Linux (also in WSL, a container or a VM); elsewhere use a cluster of your own: rehearse run --context NAME',
          { cause: error },
        );
      }
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    }
  }
  throw new Error(
    `the sandbox found no free block of loopback addresses: 127.${FIRST_OCTET}.* to 127.${LAST_OCTET}.* are all in use`,
  );
}

/**
 * Takes a block of loopback addresses and starts the service proxy and the DNS server.
 * @throws Error on a system that has no such addresses (macOS), saying what to do.
 */
export async function startNetwork(context: ControlLoopContext): Promise<Network> {
  const ports = planPorts();
  const { plan, dns } = await claimOctet();
  const pods = new AddressPool(plan.prefix, 0);
  const services = new AddressPool(plan.prefix, 128, 20);
  services.take(plan.dnsAddress);
  services.take(plan.kubernetesAddress);
  const dial = (address: string, port: number) => ({
    host: address,
    port: address.startsWith(plan.prefix) ? realPort(port, ports) : port,
  });
  serveDns(dns, context.resources);
  dns.unref();
  const proxy = new ServiceProxy(context, dial, address => services.contains(address));
  const stopServices = context.resources.watch('services', ({ type, object }) => {
    const address: string | undefined = object.spec?.clusterIP;
    if (!address || address === 'None') return;
    if (type === 'DELETED') services.release(address);
    else services.take(address);
  });
  let stopped = false;
  return {
    plan,
    allocatePodIP: () => pods.allocate(),
    releasePodIP: address => pods.release(address),
    allocateClusterIP(requested) {
      if (!requested) return services.allocate();
      const refuse = (why: string) => {
        throw new StatusError(
          'Invalid',
          `spec.clusterIPs: Invalid value: ["${requested}"]: failed to allocate IP ${requested}: ${why}`,
          {
            causes: [{ reason: 'FieldValueInvalid', field: 'spec.clusterIPs', message: why }],
          },
        );
      };
      if (!services.contains(requested))
        refuse(`the provided IP (${requested}) is not in the valid range. The range of valid IPs is ${plan.serviceCIDR}`);
      if (!services.take(requested)) refuse('provided IP is already allocated');
      return requested;
    },
    releaseClusterIP: address => services.release(address),
    dial,
    forPod: (podIP, namespace) => ({
      address: podIP,
      loopback: podLoopback(podIP),
      prefix: plan.prefix,
      dns: `${plan.dnsAddress}:${DNS_PORT}`,
      search: [`${namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN],
      ports,
    }),
    async stop() {
      if (stopped) return;
      stopped = true;
      stopServices();
      proxy.stop();
      await new Promise<void>(resolve => dns.close(() => resolve()));
    },
  };
}
