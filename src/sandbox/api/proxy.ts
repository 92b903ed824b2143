import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { badRequest, notFoundStatus } from '../registry/api-errors.ts';
import type { KubeObject, Resources } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import type { Exchange } from './exchange.ts';
import type { ResourcePath } from './request-path.ts';

/** Where a pod's address and port are really bound (network.ts). */
export type Dial = (address: string, port: number) => { host: string; port: number };

interface Target {
  scheme: 'http' | 'https';
  host: string;
  port: number;
}

/** Headers that belong to one connection (RFC 9110 7.6.1), and those that are the API's, not the pod's. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** `[scheme:]name[:port]` (apimachinery/pkg/util/net, SplitSchemeNamePort). */
function splitName(text: string): { scheme: string; name: string; port: string } {
  const parts = text.split(':');
  if (parts.length === 1) return { scheme: '', name: parts[0] as string, port: '' };
  if (parts.length === 2) return { scheme: '', name: parts[0] as string, port: parts[1] as string };
  if (parts.length === 3 && ['http', 'https', ''].includes(parts[0] as string)) {
    return { scheme: parts[0] as string, name: parts[1] as string, port: parts[2] as string };
  }
  throw badRequest(`invalid service request ${JSON.stringify(text)}`);
}

const unavailable = (message: string) => new StatusError('ServiceUnavailable', message);

/** services/proxy and pods/proxy: any method, streamed both ways, over connections that are kept. */
export function createProxy(resources: Resources, dial: Dial) {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  const httpsAgent = new HttpsAgent({ keepAlive: true, rejectUnauthorized: false });

  /** As upstream's ResourceLocation of services: a random ready endpoint. */
  function serviceTarget(namespace: string | undefined, given: string): Target {
    const { scheme, name, port } = splitName(given);
    const service = resources.get('services', namespace, name);
    if (!service) throw notFoundStatus({ plural: 'services', group: '' }, name);
    const ports: { name?: string; port: number }[] = service.spec?.ports ?? [];
    let portName: string | undefined;
    if (port === '') portName = ports.length === 1 ? (ports[0]?.name ?? '') : '';
    else {
      const found = ports.find(candidate => candidate.name === port || String(candidate.port) === port);
      if (!found)
        throw unavailable(
          `no service port ${/^\d+$/.test(port) ? port : JSON.stringify(port)} found for service ${JSON.stringify(name)}`,
        );
      portName = found.name ?? '';
    }
    const targets: Target[] = [];
    for (const slice of resources.list('endpointslices.discovery.k8s.io', {
      namespace,
      labels: labels => labels['kubernetes.io/service-name'] === name,
    })) {
      const target = (slice.ports ?? []).find((candidate: { name?: string }) => (candidate.name ?? '') === portName);
      if (!target?.port) continue;
      for (const endpoint of slice.endpoints ?? []) {
        if (endpoint.conditions?.ready === false) continue;
        for (const host of endpoint.addresses ?? [])
          targets.push({ scheme: scheme === 'https' ? 'https' : 'http', host, port: target.port });
      }
    }
    const chosen = targets[Math.floor(Math.random() * targets.length)];
    if (!chosen) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
    return chosen;
  }

  function podTarget(namespace: string | undefined, given: string): Target {
    const { scheme, name, port } = splitName(given);
    const pod = resources.get('pods', namespace, name);
    if (!pod) throw notFoundStatus({ plural: 'pods', group: '' }, name);
    const host: string | undefined = pod.status?.podIP;
    if (!host) throw badRequest('address not allowed');
    return { scheme: scheme === 'https' ? 'https' : 'http', host, port: podPort(pod, port) };
  }

  function serve(exchange: Exchange, resource: 'services' | 'pods', path: ResourcePath): Promise<void> {
    const { request, response, url } = exchange;
    const given = path.name as string;
    const { host, port, scheme } =
      resource === 'services' ? serviceTarget(path.namespace, given) : podTarget(path.namespace, given);
    const headers: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(request.headers)) {
      // The API's credentials are not the pod's business.
      if (value !== undefined && !HOP_BY_HOP.has(name) && name !== 'authorization' && name !== 'host') headers[name] = value;
    }
    headers.host = `${host}:${port}`;
    headers['x-forwarded-for'] = '127.0.0.1';
    headers['x-forwarded-host'] = request.headers.host ?? '';
    headers['x-forwarded-proto'] = 'https';
    headers['x-forwarded-uri'] = url.pathname;

    return new Promise((resolve, reject) => {
      let retried = false;
      const send = () => {
        const outgoing = (scheme === 'https' ? httpsRequest : httpRequest)({
          ...dial(host, port),
          method: request.method,
          path: `${path.rest || '/'}${url.search}`,
          headers,
          agent: scheme === 'https' ? httpsAgent : agent,
        });
        outgoing.on('response', (incoming: IncomingMessage) => {
          for (const [name, value] of Object.entries(incoming.headers)) {
            if (value !== undefined && !HOP_BY_HOP.has(name)) response.setHeader(name, value);
          }
          response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage);
          incoming.pipe(response);
          incoming.on('error', () => response.destroy());
          incoming.on('close', () => resolve());
        });
        outgoing.on('error', (error: NodeJS.ErrnoException) => {
          // A kept connection may have been closed by the pod just now: ask once more, where asking twice is harmless.
          if (outgoing.reusedSocket && error.code === 'ECONNRESET' && bodyless && !retried && !response.headersSent) {
            retried = true;
            send();
            return;
          }
          if (response.headersSent) response.destroy();
          reject(dialError(error, host, port));
        });
        response.on('close', () => outgoing.destroy());
        if (bodyless) outgoing.end();
        else request.pipe(outgoing);
      };
      const bodyless = request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined;
      send();
    });
  }

  return {
    serve,
    close() {
      agent.destroy();
      httpsAgent.destroy();
    },
  };
}

function podPort(pod: KubeObject, port: string): number {
  if (port === '') {
    for (const container of pod.spec?.containers ?? []) if (container.ports?.[0]) return container.ports[0].containerPort;
    return 80;
  }
  if (/^\d+$/.test(port)) return Number(port);
  for (const container of pod.spec?.containers ?? []) {
    for (const candidate of container.ports ?? []) if (candidate.name === port) return candidate.containerPort;
  }
  throw unavailable(`no pod port ${JSON.stringify(port)} found`);
}

/** In Go's words, as upstream's error responder sends it. */
function dialError(error: NodeJS.ErrnoException, host: string, port: number): StatusError {
  const where = `${host}:${port}`;
  const reasons: Record<string, string> = {
    ECONNREFUSED: `dial tcp ${where}: connect: connection refused`,
    EHOSTUNREACH: `dial tcp ${where}: connect: no route to host`,
    ETIMEDOUT: `dial tcp ${where}: i/o timeout`,
    ECONNRESET: 'EOF',
  };
  return unavailable(`error trying to reach service: ${reasons[error.code ?? ''] ?? error.message}`);
}
