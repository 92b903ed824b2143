/** Calls to the next service: keep-alive, a timeout, one retry where it is safe, and what happened as metrics. */
import { Agent, request } from 'node:http';
import type { Counter, Histogram } from './metrics.ts';

export interface Reply {
  status: number;
  body: unknown;
}

/** The other service gave no usable answer; the message is fit for a log line and for the caller. */
export class DownstreamError extends Error {}

export interface ClientOptions {
  /** Name in metrics and messages. */
  target: string;
  baseUrl: string;
  timeoutMs: number;
  requests: Counter;
  durations: Histogram;
}

export type Client = (method: 'GET' | 'POST', path: string, traceparent: string, body?: unknown) => Promise<Reply>;

export function createClient({ target, baseUrl, timeoutMs, requests, durations }: ClientOptions): Client {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 8, scheduling: 'fifo' });

  const once: Client = (method, path, traceparent, body) =>
    new Promise((resolve, reject) => {
      const started = performance.now();
      const finish = (code: string, settle: () => void) => {
        requests.increment({ target, code });
        durations.observe({ target }, (performance.now() - started) / 1000);
        settle();
      };
      const fail = (code: string, message: string, cause?: unknown) =>
        finish(code, () => reject(new DownstreamError(`${target}: ${message}`, { cause })));

      const text = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = request(new URL(path, baseUrl), {
        method,
        agent,
        headers: {
          traceparent,
          ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      });
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        outgoing.destroy();
      }, timeoutMs);
      outgoing.on('response', response => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          clearTimeout(timer);
          const status = response.statusCode ?? 0;
          finish(String(status), () => resolve({ status, body: jsonOrUndefined(Buffer.concat(chunks).toString()) }));
        });
        response.on('error', onError);
      });
      outgoing.on('error', onError);
      outgoing.end(text);

      let failed = false;
      function onError(error: Error & { code?: string }) {
        if (failed) return;
        failed = true;
        clearTimeout(timer);
        if (timedOut) return fail('timeout', `no answer within ${timeoutMs} ms`);
        // A kept-alive connection that the other side closed at the same moment says nothing about the service.
        if (outgoing.reusedSocket && error.code === 'ECONNRESET')
          return once(method, path, traceparent, body).then(resolve, reject);
        fail('error', error.code ? `${error.code} ${new URL(baseUrl).host}` : error.message, error);
      }
    });
  return once;
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
