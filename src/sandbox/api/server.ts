import { randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Credentials } from '../certificates.ts';
import { serveCustomResources } from '../custom-resources.ts';
import type { Registry } from '../registry/registry.ts';
import type { SandboxClock } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import { attachTarget, CHANNEL_PROTOCOLS, streamAttach } from './attach.ts';
import { createDocuments } from './documents.ts';
import { type Exchange, refuseUpgrade, sendError, type User } from './exchange.ts';
import { type LogReader, serveLogs } from './logs.ts';
import { createProxy, type Dial } from './proxy.ts';
import { parseResourcePath } from './request-path.ts';
import { createResourceHandler, noSuchPath } from './resource-handler.ts';
import { viewOf } from './view.ts';
import { acceptWebSocket, offeredProtocol } from './websocket.ts';

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
  const documents = createDocuments(registry.types);
  const custom = serveCustomResources(registry, documents.invalidate);
  const handleResource = createResourceHandler(registry, clock);
  const proxy = createProxy(registry, options.dial);
  const token = Buffer.from(`Bearer ${options.token}`);
  const user: User = { username: options.user, uid: '', groups: ['system:masters', 'system:authenticated'] };

  function authenticated(request: IncomingMessage): boolean {
    if ((request.socket as TLSSocket).authorized) return true;
    const given = Buffer.from(request.headers.authorization ?? '');
    return given.length === token.length && timingSafeEqual(given, token);
  }

  async function dispatch(exchange: Exchange): Promise<void> {
    const path = parseResourcePath(exchange.url.pathname);
    if (!path) {
      documents.serve(exchange);
      return;
    }
    const view = viewOf(registry.types, path.group, path.version, path.plural);
    if (!view) throw noSuchPath(path.group ? `${path.plural}.${path.group} ${path.version}` : `${path.plural} ${path.version}`);
    const { resource } = view.type;
    if (path.subresource === 'proxy' && (resource === 'services' || resource === 'pods')) {
      await proxy.serve(exchange, resource, path);
    } else if (path.subresource === 'log' && resource === 'pods') await serveLogs(exchange, registry, path, options.logs);
    else await handleResource(exchange, view, path);
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    // The target is a path, not a URL: `//x` names no host here.
    const url = new URL(`https://localhost${request.url?.startsWith('/') ? request.url : '/'}`);
    const exchange: Exchange = { request, response, url, query: url.searchParams, method: request.method ?? 'GET', user };
    // Upstream takes the client's own, when there is one, and tells it in every answer.
    response.setHeader('Audit-Id', request.headers['audit-id'] ?? randomUUID());
    if (!authenticated(request)) {
      sendError(exchange, new StatusError('Unauthorized', 'Unauthorized'), log);
      return;
    }
    dispatch(exchange).catch(error => sendError(exchange, error, log));
  }

  /** attach alone; the output of a container is all there is. @throws StatusError */
  function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (!authenticated(request)) throw new StatusError('Unauthorized', 'Unauthorized');
    const url = new URL(`https://localhost${request.url?.startsWith('/') ? request.url : '/'}`);
    const path = parseResourcePath(url.pathname);
    if (path?.group !== '' || path.plural !== 'pods' || path.subresource !== 'attach' || !options.logs) {
      throw new StatusError('MethodNotAllowed', 'the sandbox serves no exec, cp or port-forward');
    }
    const target = attachTarget(registry, path, url.searchParams.get('container'));
    const protocol = offeredProtocol(request, CHANNEL_PROTOCOLS);
    if (!protocol)
      throw new StatusError('MethodNotAllowed', 'the sandbox serves attach over WebSocket only (kubectl 1.31 or newer)');
    const connection = acceptWebSocket(request, socket, head, protocol);
    streamAttach(connection, target, options.logs, clock).catch(error => {
      log('attach failed', { url: url.pathname, error: String(error) });
      socket.destroy();
    });
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
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    try {
      upgrade(request, socket, head);
    } catch (error) {
      refuseUpgrade(request, socket, error);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;

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
