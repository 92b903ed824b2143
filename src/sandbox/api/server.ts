import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Credentials } from '../certificates.ts';
import { serveCustomResources } from '../custom-resources.ts';
import type { Registry } from '../registry/registry.ts';
import type { SandboxClock } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import { KUBERNETES_VERSION } from '../schema/schemas.ts';
import { createDiscovery } from './discovery.ts';
import { type Exchange, sendError, sendJson, sendText, type User } from './exchange.ts';
import { type LogReader, serveLogs } from './logs.ts';
import { createOpenApi } from './openapi.ts';
import { createProxy, type Dial } from './proxy.ts';
import { parseResourcePath } from './request-path.ts';
import { createResourceHandler, methodNotAllowed, noSuchPath } from './resource-handler.ts';
import { viewOf } from './view.ts';

export interface ApiServerOptions {
  registry: Registry;
  clock: SandboxClock;
  credentials: Credentials;
  token: string;
  user: string;
  /** 0 for any free one. */
  port: number;
  log: (message: string, details?: Record<string, unknown>) => void;
  /** Reads containers' logs; the kubelet's. */
  logs?: LogReader | undefined;
  /** Where an address inside the sandbox is really bound. */
  dial: Dial;
}

export interface ApiServer {
  /** `https://127.0.0.1:PORT`. */
  readonly address: string;
  close(): Promise<void>;
}

/** The API over HTTPS on loopback. Whoever shows the client certificate or the token is its administrator; nobody else gets in. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { registry, clock, credentials, log } = options;
  const discovery = createDiscovery(registry.types);
  const openApi = createOpenApi(registry.types);
  const custom = serveCustomResources(registry, () => openApi.invalidate());
  const handleResource = createResourceHandler(registry, clock);
  const proxy = createProxy(registry, options.dial);
  const token = Buffer.from(`Bearer ${options.token}`);
  const user: User = { username: options.user, uid: '', groups: ['system:masters', 'system:authenticated'] };
  let address = '';

  function authenticated(request: IncomingMessage): boolean {
    if ((request.socket as TLSSocket).authorized) return true;
    const given = Buffer.from(request.headers.authorization ?? '');
    return given.length === token.length && timingSafeEqual(given, token);
  }

  async function dispatch(exchange: Exchange): Promise<void> {
    const { pathname } = exchange.url;
    const path = parseResourcePath(pathname);
    if (path) {
      const view = viewOf(registry.types, path.group, path.version, path.plural);
      if (!view) throw noSuchPath();
      if (path.subresource === 'proxy' && (view.type.resource === 'services' || view.type.resource === 'pods')) {
        return proxy.serve(exchange, view.type.resource, path);
      }
      if (path.subresource === 'log' && view.type.resource === 'pods') return serveLogs(exchange, registry, path, options.logs);
      return handleResource(exchange, view, path);
    }
    return document(exchange, pathname.length > 1 ? pathname.replace(/\/$/, '') : pathname);
  }

  function document(exchange: Exchange, pathname: string): void {
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') throw methodNotAllowed();
    const json = (value: unknown) => sendJson(exchange, 200, typeof value === 'string' ? value : JSON.stringify(value));
    const aggregated =
      /as=APIGroupDiscoveryList/.test(exchange.request.headers.accept ?? '') &&
      /v=v2(;|,|$)/.test(exchange.request.headers.accept ?? '');
    const found = (value: unknown) => {
      if (value === undefined) throw noSuchPath();
      json(value);
    };
    if (pathname === '/api' || pathname === '/apis') {
      if (!aggregated) return json(pathname === '/api' ? discovery.apiVersions(new URL(address).host) : discovery.groupList());
      const body = JSON.stringify(discovery.aggregated(pathname === '/api'));
      exchange.response.writeHead(200, {
        'Content-Type': 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
        Vary: 'Accept',
      });
      exchange.response.end(body);
      return;
    }
    const [, first, second, third, ...more] = pathname.split('/');
    if (first === 'api' && second && !third) return found(discovery.resources('', second));
    if (first === 'apis' && second && !third) return found(discovery.group(second));
    if (first === 'apis' && second && third && more.length === 0) return found(discovery.resources(second, third));
    if (first === 'openapi' && second === 'v3') {
      return third ? found(openApi.document([third, ...more].join('/'))) : json(openApi.index());
    }
    if (pathname === '/openapi/v2') return openApiV2(exchange);
    switch (pathname) {
      case '/version':
        return json(VERSION);
      case '/healthz':
      case '/livez':
      case '/readyz':
        if (exchange.query.has('verbose')) return sendText(exchange, 200, `[+]ping ok\n[+]registry ok\n${first} check passed\n`);
        return sendText(exchange, 200, 'ok');
      case '/':
        return json({
          paths: [
            '/api',
            '/api/v1',
            '/apis',
            ...[...registry.types.all()].filter(t => t.group).map(t => `/apis/${t.group}/${t.version}`),
            '/healthz',
            '/livez',
            '/openapi/v3',
            '/readyz',
            '/version',
          ].filter((path, index, all) => all.indexOf(path) === index),
        });
    }
    if (/^\/(healthz|livez|readyz)\//.test(pathname)) return sendText(exchange, 200, 'ok');
    throw noSuchPath();
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const exchange: Exchange = { request, response, url, query: url.searchParams, method: request.method ?? 'GET', user };
    if (!authenticated(request)) {
      sendError(exchange, new StatusError('Unauthorized', 'Unauthorized'), log);
      return;
    }
    dispatch(exchange).catch(error => sendError(exchange, error, log));
  }

  const server: Server = createServer(
    {
      key: credentials.serverKey,
      cert: credentials.serverCertificate,
      ca: credentials.ca,
      requestCert: true,
      // A token does as well, so a connection with no certificate is let in and judged by its header.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      keepAliveTimeout: 120_000,
    },
    onRequest,
  );
  server.requestTimeout = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('upgrade', (request: IncomingMessage, socket: Socket) =>
    proxy.refuseUpgrade(request, socket, authenticated(request)),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    address,
    close: () =>
      new Promise(resolve => {
        custom.stop();
        proxy.close();
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/**
 * The old OpenAPI document, which kubectl asks for a kind that version 3 does not have: one without any kind, in
 * JSON or as the protobuf message openapi.v2.Document (swagger = 1, info = 2 { title = 1, version = 2 }).
 */
function openApiV2(exchange: Exchange): void {
  const info = { title: 'Kubernetes', version: KUBERNETES_VERSION };
  if (!exchange.request.headers.accept?.includes('protobuf')) {
    return sendJson(exchange, 200, JSON.stringify({ swagger: '2.0', info, paths: {}, definitions: {} }));
  }
  const field = (number: number, content: Buffer) => Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const text = (number: number, value: string) => field(number, Buffer.from(value));
  const body = Buffer.concat([text(1, '2.0'), field(2, Buffer.concat([text(1, info.title), text(2, info.version)]))]);
  exchange.response.writeHead(200, { 'Content-Type': 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' });
  exchange.response.end(body);
}

const VERSION = {
  major: '1',
  minor: '34',
  gitVersion: `${KUBERNETES_VERSION}+rehearse-sandbox`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};
