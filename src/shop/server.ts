/** The HTTP side that every service shares: routes, health, metrics, logs of what went wrong, and an orderly end. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Log } from './log.ts';
import type { Counter, Histogram, Metrics } from './metrics.ts';

/** One healthy request in so many is logged. */
const LOG_ONE_IN = 100;
/**
 * A client's connection ends after so many requests: behind a Service, a connection sticks to the pod that it reached first,
 * and a new pod would else never see the traffic of clients that are already connected.
 */
const REQUESTS_PER_CONNECTION = 20;
const BODY_LIMIT = 64 * 1024;

export interface Answer {
  status: number;
  type: 'application/json' | 'text/html; charset=utf-8' | 'text/plain; version=0.0.4; charset=utf-8';
  body: string;
  /** Why it is not a success, for the log. */
  reason?: string;
}

/** @param traceparent W3C trace context to pass along. */
export type Handler = (call: { body: string; query: URLSearchParams; traceparent: string }) => Promise<Answer> | Answer;
/** "GET /products" → its handler. */
export type Routes = Readonly<Record<string, Handler>>;

export function json(status: number, value: unknown, reason?: string): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n`, ...(reason === undefined ? {} : { reason }) };
}

export interface ServerOptions {
  port: number;
  routes: Routes;
  /** Undefined when ready, otherwise why not. */
  notReady: () => string | undefined;
  metrics: Metrics;
  log: Log;
  /** How long it keeps answering after it stopped being ready, ms: until every Service has noticed. */
  drainMs: number;
}

export interface ShopServer {
  /** Port that it listens on. */
  readonly port: number;
  /** Not ready from now; answers for `drainMs` more, then ends with the last open request. */
  drain(): Promise<void>;
}

/** Resolves when it listens. No host is given: in a pod, every address is the pod's own. */
export async function startServer({ port, routes, notReady, metrics, log, drainMs }: ServerOptions): Promise<ShopServer> {
  const requests = metrics.counter('http_requests_total', 'Requests answered.');
  const durations = metrics.histogram('http_request_duration_seconds', 'Time from request to answer.');
  let draining = false;
  let answered = 0;

  const health: Routes = {
    'GET /healthz': () => json(200, { status: 'ok' }),
    'GET /readyz': () => {
      const why = draining ? 'shutting down' : notReady();
      return why === undefined ? json(200, { status: 'ready' }) : json(503, { status: 'not ready', reason: why });
    },
    'GET /metrics': () => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: metrics.render() }),
  };

  const server = createServer((request, response) => {
    void serve(request, response, { routes, health, requests, durations }).catch(error => {
      log.error('request failed', { error: String(error) });
      response.destroy();
    });
  });
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
  server.keepAliveTimeout = 5000;
  server.requestTimeout = 10_000;

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    on: { routes: Routes; health: Routes; requests: Counter; durations: Histogram },
  ): Promise<void> {
    const started = performance.now();
    const url = new URL(request.url ?? '/', 'http://shop');
    const method = request.method ?? 'GET';
    // HEAD is GET without the body, for a route as for a health check.
    const route = `${method === 'HEAD' ? 'GET' : method} ${url.pathname}`;
    const isHealth = Object.hasOwn(on.health, route);
    const handler = isHealth ? on.health[route] : Object.hasOwn(on.routes, route) ? on.routes[route] : undefined;
    const traceparent = traceparentOf(request);

    const body = await bodyOf(request);
    if (body === undefined && !request.complete) {
      response.destroy();
      return;
    }
    const answer = await (async () => {
      if (!handler) return json(404, { error: `no such path: ${route}` });
      if (body === undefined) return json(413, { error: `body larger than ${BODY_LIMIT} bytes` });
      return handler({ body, query: url.searchParams, traceparent });
    })().catch(error => json(500, { error: 'internal error' }, error instanceof Error ? error.message : String(error)));

    if (draining) response.setHeader('connection', 'close');
    response.writeHead(answer.status, {
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      'cache-control': 'no-store',
    });
    response.end(method === 'HEAD' ? undefined : answer.body);

    const ms = performance.now() - started;
    const labels = { method, route: handler ? url.pathname : 'other', code: String(answer.status) };
    on.requests.increment(labels);
    on.durations.observe({ method, route: labels.route }, ms / 1000);
    if (isHealth) return;
    const fields = { method, path: url.pathname, status: answer.status, ms: Math.round(ms), trace: traceparent.split('-')[1] };
    if (answer.status >= 500) log.error(answer.reason ?? 'request failed', fields);
    else if (answered++ % LOG_ONE_IN === 0) log.info('request (sampled)', fields);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });

  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    async drain() {
      draining = true;
      await new Promise(resolve => setTimeout(resolve, drainMs));
      await new Promise<void>(resolve => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
  };
}

/** The trace context that came in, with a span of our own; a new one when there was none. https://www.w3.org/TR/trace-context/ */
function traceparentOf(request: IncomingMessage): string {
  const given = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/.exec(String(request.headers.traceparent ?? ''));
  const span = randomBytes(8).toString('hex');
  return `00-${given?.[1] ?? randomBytes(16).toString('hex')}-${span}-${given?.[2] ?? '01'}`;
}

/** Undefined when it is too long or the client went away. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= BODY_LIMIT) chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return size > BODY_LIMIT ? undefined : Buffer.concat(chunks).toString();
}
