/** HTTP to one API server: JSON requests on one keep-alive agent, with a deadline and an abort signal for each. */
import { setMaxListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { ApiResponse } from '../rehearsal/ports.ts';
import type { Credentials } from './credentials.ts';
import { CredentialsError } from './credentials-error.ts';
import { deadline } from './deadline.ts';
import type { ConnectionConfig } from './kubeconfig.ts';
import { errorOfCredentials, errorOfTransport, KubernetesError } from './kubernetes-error.ts';
import { unlessAborted } from './single-flight.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

interface Answer {
  message: http.IncomingMessage;
  /** Empty when it is read as it comes. */
  body: string;
}

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

  async function send(request: TransportRequest, wholeBody: boolean): Promise<Answer> {
    request.signal?.throwIfAborted();
    const limit = limitOf(request);
    let answer: Answer | undefined;
    try {
      const credentials = await authenticate(request, limit);
      answer = await exchange(request, credentials, limit, wholeBody);
      if (wasTurnedAway(request, answer) && config.credentials.turnedAway(credentials)) {
        const others = await authenticate(request, limit);
        if (!isDeepStrictEqual(others, credentials)) {
          // A request that is turned away with 401 was not looked at: whatever it is, it is safe to send again.
          answer.message.resume();
          answer = await exchange(request, others, limit, wholeBody);
        }
      }
      if (wholeBody || answer.message.closed) limit.end();
      else {
        limit.callOff();
        answer.message.once('close', limit.end);
      }
      return answer;
    } catch (error) {
      limit.end();
      // Nobody reads it now, and unread it would keep its connection.
      answer?.message.resume();
      throw request.signal?.aborted ? request.signal.reason : error;
    }
  }

  async function authenticate(request: TransportRequest, limit: Limit): Promise<Credentials> {
    try {
      // The deadline ends the wait only: a plugin that this request has no time for may still serve the next.
      return await unlessAborted(config.credentials.get(request.signal), limit.signal);
    } catch (cause) {
      if (cause instanceof CredentialsError) throw errorOfCredentials(request, cause);
      if (!limit.signal.aborted) throw cause;
      const late = new CredentialsError(`${config.credentials.description} gave nothing within ${limit.ms / 1000} s`, {
        hint: 'run `kubectl version` with this context: it may want you to log in',
        passing: true,
        cause,
      });
      throw errorOfCredentials(request, late);
    }
  }

  function exchange(request: TransportRequest, credentials: Credentials, limit: Limit, wholeBody: boolean): Promise<Answer> {
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
      const destroy = () => void outgoing.destroy(limit.signal.reason);
      limit.signal.addEventListener('abort', destroy, { once: true });
      const done = () => limit.signal.removeEventListener('abort', destroy);
      const fail = (cause: unknown) => {
        done();
        const why = limit.signal.aborted ? limit.signal.reason : cause;
        reject(Object.assign(errorOfTransport(where, why), { reusedSocket: outgoing.reusedSocket }));
      };
      outgoing.on('error', fail);
      if (limit.signal.aborted) destroy();
      outgoing.on('response', message => {
        if (!wholeBody) {
          message.once('close', done);
          // A stream's errors are for its reader; without one they must not end the process.
          message.on('error', () => {});
          resolve({ message, body: '' });
          return;
        }
        const chunks: Buffer[] = [];
        message.on('data', chunk => chunks.push(chunk));
        message.on('error', fail);
        message.on('end', () => {
          done();
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
        return responseOf(await send(request, true));
      } catch (error) {
        // The server closed an idle connection just as we used it: a read is safe to ask again.
        const raced =
          error instanceof KubernetesError &&
          error.reason === 'ConnectionLost' &&
          (error as { reusedSocket?: boolean }).reusedSocket;
        if (!raced || request.method !== 'GET') throw error;
        return responseOf(await send(request, true));
      }
    },
    async open(request) {
      return (await send(request, false)).message;
    },
    separate: () => createTransport(config),
    close: () => agent.destroy(),
  };
}

/** The time and the signal that a request has, whatever it takes: credentials, a second attempt with others, the answer. */
interface Limit {
  ms: number;
  signal: AbortSignal;
  /** The deadline is met; the signal still ends what follows. */
  callOff(): void;
  end(): void;
}

function limitOf({ signal, timeoutMs: ms = DEFAULT_TIMEOUT_MS }: TransportRequest): Limit {
  const over = new AbortController();
  // One signal ends a whole run: dozens of requests and watches listen to it.
  if (signal) setMaxListeners(0, signal);
  const abort = () => over.abort(Object.assign(new Error('aborted'), { code: 'ABORTED' }));
  signal?.addEventListener('abort', abort, { once: true });
  const callOff = deadline(ms, () => {
    over.abort(Object.assign(new Error(`no answer within ${ms / 1000} s`), { code: 'REQUEST_TIMEOUT' }));
  });
  const end = () => {
    callOff();
    signal?.removeEventListener('abort', abort);
  };
  return { ms, signal: over.signal, callOff, end };
}

/** Through the API server's proxy an app may answer 401 too, and has then seen the request. */
function wasTurnedAway({ path }: TransportRequest, { message, body }: Answer): boolean {
  if (message.statusCode !== 401) return false;
  return !/\/proxy(\/|\?|$)/.test(path) || /"kind":\s*"Status"/.test(body);
}

function responseOf({ message, body }: Answer): ApiResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { status: message.statusCode ?? 0, headers, body };
}
