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
  const { host } = new URL(baseUrl);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 8, scheduling: 'fifo' });

  const attempt = (call: Parameters<Client>, isRetry: boolean): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const [method, path, traceparent, body] = call;
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
        if (timedOut) return fail('timeout', `no answer from ${host} within ${timeoutMs} ms`);
        // Nothing was done yet, or the other side closed an idle connection at that very moment: once more is safe.
        const unsent = error.code === 'ECONNREFUSED' || (outgoing.reusedSocket && error.code === 'ECONNRESET');
        if (unsent && !isRetry) return finish('retried', () => attempt(call, true).then(resolve, reject));
        fail('error', error.code ? `${error.code} ${host}` : error.message, error);
      }
    });
  return (...call) => attempt(call, false);
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
