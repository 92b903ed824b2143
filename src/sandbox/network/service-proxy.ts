import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import type { ControlLoopContext, KubeObject } from '../registry/resources.ts';
import { endpointsOf } from './dns.ts';

interface Backend {
  address: string;
  port: number;
}

interface Listener {
  address: string;
  port: number;
  server: Server;
  backends: Backend[];
  connections: Set<Socket>;
}

type Dial = (address: string, port: number) => { host: string; port: number };

/** The addresses that one port of a service leads to: its ready endpoints, or the serving ones while all are terminating (KEP-1669). */
function backendsOf(slices: readonly KubeObject[], portName: string | undefined, publishNotReady: boolean): Backend[] {
  const ready: Backend[] = [];
  const terminating: Backend[] = [];
  for (const slice of slices) {
    const port = (slice.ports ?? []).find((candidate: { name?: string }) => (candidate.name ?? '') === (portName ?? ''))?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const conditions = endpoint.conditions ?? {};
      const backends = (endpoint.addresses ?? []).map((address: string) => ({ address, port }));
      if (conditions.ready !== false || publishNotReady) ready.push(...backends);
      else if (conditions.serving && conditions.terminating) terminating.push(...backends);
    }
  }
  return ready.length > 0 ? ready : terminating;
}

/**
 * What kube-proxy does with kernel rules, done with sockets: a listener for each port of each Service, on its ClusterIP, that
 * leads every new connection to a random ready endpoint. Without ready endpoints there is no listener, so a connection is
 * refused, as upstream rejects it. Established connections stay where they are when endpoints change.
 */
export class ServiceProxy {
  readonly #context: ControlLoopContext;
  readonly #dial: Dial;
  readonly #ownAddress: (address: string) => boolean;
  readonly #listeners = new Map<string, Listener>();
  readonly #dirty = new Set<string>();
  readonly #stops: (() => void)[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(context: ControlLoopContext, dial: Dial, ownAddress: (address: string) => boolean) {
    this.#context = context;
    this.#dial = dial;
    this.#ownAddress = ownAddress;
    const { resources } = context;
    this.#stops.push(
      resources.watch('services', ({ object }) => this.#touch(object.metadata.namespace as string, object.metadata.name)),
      resources.watch('endpointslices.discovery.k8s.io', ({ object }) => {
        const service = object.metadata.labels?.['kubernetes.io/service-name'];
        if (service) this.#touch(object.metadata.namespace as string, service);
      }),
    );
  }

  #touch(namespace: string, service: string): void {
    this.#dirty.add(`${namespace}/${service}`);
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#stopped) return;
      const keys = [...this.#dirty];
      this.#dirty.clear();
      for (const key of keys) this.#reconcile(key);
    });
  }

  #reconcile(key: string): void {
    const [namespace, name] = key.split('/') as [string, string];
    const service = this.#context.resources.get('services', namespace, name);
    const wanted = new Map<string, { address: string; port: number; backends: Backend[] }>();
    const clusterIP: string | undefined = service?.spec.clusterIP;
    if (service && service.spec.type !== 'ExternalName') {
      const slices = endpointsOf(this.#context.resources, namespace, name);
      for (const port of service.spec.ports ?? []) {
        if ((port.protocol ?? 'TCP') !== 'TCP') continue;
        const backends = backendsOf(slices, port.name, service.spec.publishNotReadyAddresses === true);
        if (backends.length === 0) continue;
        if (clusterIP && clusterIP !== 'None' && this.#ownAddress(clusterIP)) {
          wanted.set(`${key}|${clusterIP}:${port.port}`, { address: clusterIP, port: port.port, backends });
        }
        if (port.nodePort)
          wanted.set(`${key}|127.0.0.1:${port.nodePort}`, { address: '127.0.0.1', port: port.nodePort, backends });
      }
    }
    for (const [id, listener] of this.#listeners) {
      if (id.startsWith(`${key}|`) && !wanted.has(id)) {
        this.#listeners.delete(id);
        listener.server.close();
        // A Service that is gone takes its connections along; one without endpoints lets them end on their own.
        if (!service) for (const socket of listener.connections) socket.destroy();
      }
    }
    for (const [id, { address, port, backends }] of wanted) {
      const existing = this.#listeners.get(id);
      if (existing) existing.backends = backends;
      else if (service) this.#open(id, address, port, backends, service);
    }
  }

  #open(id: string, address: string, port: number, backends: Backend[], service: KubeObject): void {
    const listener: Listener = { address, port, backends, connections: new Set(), server: createServer({ allowHalfOpen: true }) };
    this.#listeners.set(id, listener);
    listener.server.on('connection', client => this.#forward(listener, client));
    listener.server.on('error', error => {
      this.#listeners.delete(id);
      const message = `Cannot listen on ${address}:${port}: ${error.message}`;
      this.#context.log(message, { service: id });
      this.#context.recordEvent(service, 'Warning', 'FailedToListen', message, { component: 'kube-proxy' });
    });
    listener.server.listen(address === '127.0.0.1' ? { host: address, port } : this.#dial(address, port));
    listener.server.unref();
  }

  #forward(listener: Listener, client: Socket): void {
    const backend = listener.backends[Math.floor(Math.random() * listener.backends.length)] as Backend;
    const upstream = netConnect({ ...this.#dial(backend.address, backend.port), allowHalfOpen: true });
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    listener.connections.add(client);
    client.on('close', () => {
      listener.connections.delete(client);
      upstream.destroy();
    });
    // A backend that refuses or resets is passed on as a reset, which is what address translation would show.
    upstream.on('error', () => client.resetAndDestroy());
    client.on('error', () => upstream.resetAndDestroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  }

  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    for (const listener of this.#listeners.values()) {
      listener.server.close();
      for (const socket of listener.connections) socket.destroy();
    }
    this.#listeners.clear();
  }
}
