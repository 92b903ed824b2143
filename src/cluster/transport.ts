/** HTTP to one API server: JSON requests on one keep-alive agent, with a deadline and an abort signal for each. */
import { setMaxListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { ApiResponse } from '../rehearsal/ports.ts';
import { deadline } from './deadline.ts';
import type { ConnectionConfig } from './kubeconfig.ts';
import { errorOfTransport, KubernetesError } from './kubernetes-error.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

export interface TransportRequest {
  method: string;
  path: string;
  body?: unknown;
  contentType?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface Transport {
  readonly server: string;
  /** The whole answer. @throws KubernetesError with status 0 when there was none, the signal's reason when aborted. */
  request(request: TransportRequest): Promise<ApiResponse>;
  /** The answer as soon as its headers are there; the deadline is for the headers alone. The signal ends the body too. */
  open(request: TransportRequest): Promise<http.IncomingMessage>;
  /** A transport of the same server and credentials on connections of its own. */
  separate(): Transport;
  close(): void;
}

/**
 * JSON as Go's encoder writes it. The `test` of a JSON patch compares strings byte by byte with the server's own encoding
 * (evanphx/json-patch), in which & < > are escaped: without this, a command with && in it would never be equal to itself.
 */
function goJson(body: unknown): string {
  return JSON.stringify(body).replace(/[&<>\u2028\u2029]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function createTransport(config: ConnectionConfig): Transport {
  const secure = config.server.startsWith('https:');
  const base = new URL(config.server);
  const prefix = base.pathname.replace(/\/+$/, '');
  const agent =
    config.proxyAgent ?? (secure ? new https.Agent({ keepAlive: true, ...config.tls }) : new http.Agent({ keepAlive: true }));
  const client = secure ? https : http;

  async function send(request: TransportRequest, wholeBody: boolean): Promise<{ message: http.IncomingMessage; body: string }> {
    const { signal } = request;
    // One signal ends a whole run: dozens of requests and watches listen to it.
    if (signal) setMaxListeners(0, signal);
    signal?.throwIfAborted();
    const credentials = await config.credentials();
    signal?.throwIfAborted();
    const body = request.body === undefined ? undefined : typeof request.body === 'string' ? request.body : goJson(request.body);
    const where = { method: request.method, path: request.path, server: config.server };
    return new Promise((resolve, reject) => {
      const outgoing = client.request({
        protocol: base.protocol,
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port || (secure ? 443 : 80),
        method: request.method,
        path: prefix + request.path,
        agent,
        ...(credentials.cert && credentials.key ? { cert: credentials.cert, key: credentials.key } : {}),
        headers: {
          Accept: 'application/json',
          'User-Agent': 'rehearse',
          ...(body === undefined
            ? {}
            : { 'Content-Type': request.contentType ?? 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
          ...credentials.headers,
          ...request.headers,
        },
      });
      const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const callOff = deadline(timeoutMs, () => {
        outgoing.destroy(Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: 'REQUEST_TIMEOUT' }));
      });
      const abort = () => {
        outgoing.destroy(Object.assign(new Error('aborted'), { code: 'ABORTED' }));
      };
      signal?.addEventListener('abort', abort, { once: true });
      const finish = () => {
        callOff();
        signal?.removeEventListener('abort', abort);
      };
      const fail = (cause: unknown) => {
        finish();
        reject(
          signal?.aborted
            ? signal.reason
            : Object.assign(errorOfTransport(where, cause), { reusedSocket: outgoing.reusedSocket }),
        );
      };
      outgoing.on('error', fail);
      outgoing.on('response', message => {
        if (!wholeBody) {
          callOff();
          message.once('close', finish);
          // A stream's errors are for its reader; without one they must not end the process.
          message.on('error', () => {});
          resolve({ message, body: '' });
          return;
        }
        const chunks: Buffer[] = [];
        message.on('data', chunk => chunks.push(chunk));
        message.on('error', fail);
        message.on('end', () => {
          finish();
          resolve({ message, body: Buffer.concat(chunks).toString('utf8') });
        });
      });
      outgoing.end(body);
    });
  }

  return {
    server: config.server,
    async request(request) {
      try {
        return answer(await send(request, true));
      } catch (error) {
        // The server closed an idle connection just as we used it: a read is safe to ask again.
        const raced =
          error instanceof KubernetesError &&
          error.reason === 'ConnectionLost' &&
          (error as { reusedSocket?: boolean }).reusedSocket;
        if (!raced || request.method !== 'GET') throw error;
        return answer(await send(request, true));
      }
    },
    async open(request) {
      return (await send(request, false)).message;
    },
    separate: () => createTransport(config),
    close: () => agent.destroy(),
  };
}

function answer({ message, body }: { message: http.IncomingMessage; body: string }): ApiResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { status: message.statusCode ?? 0, headers, body };
}
