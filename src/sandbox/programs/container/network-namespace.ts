import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import { realPort } from '../../network/ports.ts';
import type { ContainerNetwork } from './container-config.ts';

const WILDCARDS = new Set(['', '0.0.0.0', '::', '*']);
const LOOPBACK = /^(localhost|127\.0\.0\.\d+|::1|ip6-localhost)$/i;
/** resolv.conf's `ndots` in a pod: names with fewer dots are tried with the search domains first. */
const NDOTS = 5;
const DNS_TIMEOUT_MS = 2000;

function lookupError(code: string, hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), {
    code,
    errno: code === 'ENOTFOUND' ? -3008 : -3001,
    syscall: 'getaddrinfo',
    hostname,
  });
}

/** Resolves as the C library in a pod would: address literals, localhost, the pod's own name, search domains, then the name itself. */
async function resolveName(hostname: string, network: ContainerNetwork, ownName: string): Promise<string[]> {
  if (net.isIPv4(hostname)) return [hostname];
  if (LOOPBACK.test(hostname)) return [network.loopback, network.address];
  if (hostname === ownName) return [network.address];
  const plain = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  const searched = hostname.endsWith('.') ? [] : network.search.map(domain => `${plain}.${domain}`);
  const names = plain.split('.').length - 1 < NDOTS ? [...searched, plain] : [plain, ...searched];
  let failure = 'ENOTFOUND';
  for (const name of names) {
    const resolver = new dns.promises.Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
    resolver.setServers([network.dns]);
    try {
      return await resolver.resolve4(name);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTFOUND' && code !== 'ENODATA') failure = 'EAI_AGAIN';
    }
  }
  throw lookupError(failure, hostname);
}

type LookupCallback = (error: Error | null, address?: string | { address: string; family: number }[], family?: number) => void;

function replaceLookup(network: ContainerNetwork, ownName: string): void {
  const lookup = (hostname: string, options: unknown, callback?: LookupCallback): void => {
    const done = (typeof options === 'function' ? options : callback) as LookupCallback;
    const all = typeof options === 'object' && options !== null && (options as { all?: boolean }).all === true;
    resolveName(hostname, network, ownName).then(
      addresses =>
        all
          ? done(
              null,
              addresses.map(address => ({ address, family: 4 })),
            )
          : done(null, addresses[0], 4),
      error => done(error),
    );
  };
  (dns as { lookup: unknown }).lookup = lookup;
  (dns.promises as { lookup: unknown }).lookup = async (hostname: string, options?: { all?: boolean }) => {
    const found = (await resolveName(hostname, network, ownName)).map(address => ({ address, family: 4 }));
    return options?.all ? found : found[0];
  };
}

interface ListenOptions {
  port?: number | string;
  host?: string;
  path?: string;
  [option: string]: unknown;
}

/** Gives net.Server.listen's several forms one shape; undefined for pipes and handles. */
function listenOptions(args: unknown[]): { options: ListenOptions; rest: unknown[] } | undefined {
  const [first] = args;
  if (typeof first === 'object' && first !== null && 'port' in first)
    return { options: { ...(first as ListenOptions) }, rest: args.slice(1) };
  if (typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))) {
    const options: ListenOptions = { port: Number(first) };
    const rest = args.slice(1);
    if (typeof rest[0] === 'string' || rest[0] === undefined) {
      const host = rest.shift();
      if (typeof host === 'string') options.host = host;
    }
    if (typeof rest[0] === 'number') options.backlog = rest.shift();
    return { options, rest: rest.filter(argument => argument !== undefined) };
  }
  return undefined;
}

function replaceListen(network: ContainerNetwork, onListening: (port: number) => void): void {
  const original = net.Server.prototype.listen as (...args: unknown[]) => net.Server;
  net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
    const form = listenOptions(args);
    if (!form) return original.apply(this, args);
    const { options, rest } = form;
    const port = Number(options.port ?? 0);
    const host = options.host ?? '';
    if (WILDCARDS.has(host)) options.host = network.address;
    else if (LOOPBACK.test(host)) options.host = network.loopback;
    options.port = realPort(port, network.ports);
    this.once('listening', () => onListening(port || (this.address() as net.AddressInfo).port));
    this.prependOnceListener('error', error => {
      // Messages show the port that the program asked for.
      error.message = error.message.replace(`:${options.port}`, `:${port}`);
    });
    return original.call(this, options, ...rest);
  } as typeof net.Server.prototype.listen;
}

function replaceConnect(network: ContainerNetwork): void {
  const original = net.Socket.prototype.connect as (...args: unknown[]) => net.Socket;
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
    // net.connect passes its normalised arguments on as one array.
    const list = (Array.isArray(args[0]) ? args[0] : args) as unknown[];
    const callback = list.find(argument => typeof argument === 'function') as (() => void) | undefined;
    const [first] = list;
    const options: Record<string, unknown> =
      typeof first === 'object' && first !== null
        ? { ...first }
        : { port: Number(first), ...(typeof list[1] === 'string' ? { host: list[1] } : {}) };
    if (options.port === undefined || Number.isNaN(Number(options.port))) {
      process.nextTick(() =>
        this.destroy(
          Object.assign(new Error('connect ENOENT: a container has no local sockets'), { code: 'ENOENT', syscall: 'connect' }),
        ),
      );
      return this;
    }
    const port = Number(options.port);
    let host = String(options.host ?? 'localhost');
    if (LOOPBACK.test(host)) host = 'localhost';
    if (net.isIP(host) !== 0 && !host.startsWith(network.prefix)) {
      const error = Object.assign(new Error(`connect ENETUNREACH ${host}:${port}`), {
        code: 'ENETUNREACH',
        errno: -101,
        syscall: 'connect',
        address: host,
        port,
      });
      process.nextTick(() => this.destroy(error));
      return this;
    }
    options.host = host;
    options.port = realPort(port, network.ports);
    options.localAddress = network.address;
    options.lookup = dns.lookup;
    if (options.port !== port) {
      this.prependListener('error', (error: NodeJS.ErrnoException & { port?: number }) => {
        if (error.port === options.port) error.port = port;
        error.message = error.message.replace(`:${options.port}`, `:${port}`);
      });
    }
    return callback ? original.call(this, options, callback) : original.call(this, options);
  } as typeof net.Socket.prototype.connect;
}

/** Makes this process see the pod's network and nothing else. `onListening` gets the port that the program asked for. */
export function virtualizeNetwork(network: ContainerNetwork, hostname: string, onListening: (port: number) => void): void {
  replaceLookup(network, hostname);
  replaceListen(network, onListening);
  replaceConnect(network);
  (os as { hostname: unknown }).hostname = () => hostname;
  syncBuiltinESMExports();
}
