/**
 * The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for a server, as kubectl reads them.
 * Source: golang.org/x/net/http/httpproxy, which client-go uses when the kubeconfig has no proxy-url.
 */
import { BlockList, isIP } from 'node:net';

/** @returns undefined for a server that is reached directly; never a proxy for this machine itself */
export function proxyFor(server: string, environment: NodeJS.ProcessEnv): string | undefined {
  const url = new URL(server);
  const read = (name: string) => environment[name.toUpperCase()] || environment[name] || undefined;
  const proxy = read(url.protocol === 'https:' ? 'https_proxy' : 'http_proxy');
  if (proxy === undefined) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || isLoopback(host)) return undefined;
  const excepted = (read('no_proxy') ?? '').split(',').map(entry => entry.trim().toLowerCase());
  if (excepted.some(entry => entry !== '' && matches(entry, host, port))) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

const isLoopback = (host: string) => (isIP(host) === 4 && host.startsWith('127.')) || host === '::1';

/** `*`, an address, a range of addresses, a domain with all below it, `.domain` with those below it only; each with or without a port. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isIP(host) !== 0 && inRange(entry, host);
  const withPort = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry);
  if (withPort && withPort[2] !== port) return false;
  const name = (withPort?.[1] ?? entry).replace(/^\[|\]$/g, '');
  if (isIP(name)) return name === host;
  if (name.startsWith('.')) return host.endsWith(name);
  if (name.startsWith('*.')) return host.endsWith(name.slice(1));
  return host === name || host.endsWith(`.${name}`);
}

function inRange(range: string, host: string): boolean {
  const [network = '', prefix = ''] = range.split('/');
  const family = isIP(network);
  if (family === 0 || family !== isIP(host) || !/^\d+$/.test(prefix)) return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  try {
    list.addSubnet(network, Number(prefix), type);
  } catch {
    return false;
  }
  return list.check(host, type);
}
