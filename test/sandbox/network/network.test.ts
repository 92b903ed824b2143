import { promises as dns } from 'node:dns';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/sandbox/clock.ts';
import { type Network, startNetwork } from '../../../src/sandbox/network/network.ts';
import { realPort, wildcardListeners } from '../../../src/sandbox/network/ports.ts';
import { createRegistry } from '../../../src/sandbox/registry/registry.ts';
import type { Resources } from '../../../src/sandbox/registry/resources.ts';
import { allocateServiceAddresses } from '../../../src/sandbox/service-addresses.ts';

let network: Network;
let resources: Resources;
const servers: Server[] = [];

async function backend(name: string): Promise<string> {
  const address = network.allocatePodIP();
  const server = createServer((_request, response) => response.setHeader('Connection', 'close').end(name));
  servers.push(server);
  await new Promise<void>(resolve => server.listen({ ...network.dial(address, 8080) }, resolve));
  return address;
}

const slice = (endpoints: { address: string; ready: boolean }[]) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: endpoints.map(({ address, ready }) => ({ addresses: [address], conditions: { ready } })),
});

beforeAll(async () => {
  const registry = createRegistry(systemClock);
  resources = registry;
  resources.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  network = await startNetwork({ resources, clock: systemClock, recordEvent: () => {}, log: () => {} });
  allocateServiceAddresses(registry, network);
});
afterAll(async () => {
  for (const server of servers) server.close();
  await network.stop();
});

const serviceIP = () => resources.get('services', 'default', 'web')?.spec.clusterIP as string;
async function ask(): Promise<string> {
  const { host, port } = network.dial(serviceIP(), 80);
  try {
    return await (await fetch(`http://${host}:${port}/`)).text();
  } catch (error) {
    return ((error as Error).cause as NodeJS.ErrnoException).code ?? 'failed';
  }
}

describe('a Service', () => {
  test('refuses without endpoints, balances over ready ones, leaves out the others', async () => {
    resources.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    });
    expect(await ask()).toBe('ECONNREFUSED');
    const [a, b, c] = [await backend('a'), await backend('b'), await backend('c')];
    resources.create(
      slice([
        { address: a, ready: true },
        { address: b, ready: true },
        { address: c, ready: false },
      ]),
    );
    await expect.poll(ask).not.toBe('ECONNREFUSED');
    const answers = new Set<string>();
    for (let count = 0; count < 60; count++) answers.add(await ask());
    expect([...answers].sort()).toEqual(['a', 'b']);
    resources.modify('endpointslices.discovery.k8s.io', 'default', 'web-1', draft => {
      draft.endpoints = [];
    });
    await expect.poll(ask).toBe('ECONNREFUSED');
  });

  test('has a name, and a name that does not exist is NXDOMAIN', async () => {
    const resolver = new dns.Resolver({ tries: 1 });
    resolver.setServers([network.forPod(network.plan.nodeAddress, 'default').dns]);
    expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual([serviceIP()]);
    await expect(resolver.resolve4('absent.default.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve4('example.com')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('gets the address that it asks for, once', () => {
    const wanted = serviceIP().replace(/\.\d+$/, '.200');
    expect(network.allocateClusterIP(wanted)).toBe(wanted);
    expect(() => network.allocateClusterIP(wanted)).toThrow('provided IP is already allocated');
    expect(() => network.allocateClusterIP('10.0.0.1')).toThrow('is not in the valid range');
  });
});

test('two sandboxes take different addresses', async () => {
  const other = await startNetwork({
    resources: createRegistry(systemClock),
    clock: systemClock,
    recordEvent: () => {},
    log: () => {},
  });
  expect(other.plan.prefix).not.toBe(network.plan.prefix);
  await other.stop();
});

test('ports that cannot be bound have stand-ins', () => {
  const text = [
    '  sl  local_address rem_address   st',
    '   0: 00000000:1F90 00000000:0000 0A 00000000:00000000',
    '   1: 0100007F:0050 00000000:0000 0A 00000000:00000000',
    '   2: 00000000:1F91 00000000:0000 01 00000000:00000000',
  ].join('\n');
  expect(wildcardListeners(text)).toEqual([8080]);
  const plan = { lowest: 1024, taken: { 8080: 61000 } };
  expect([80, 8080, 8081, 0].map(port => realPort(port, plan))).toEqual([64592, 61000, 8081, 0]);
});
