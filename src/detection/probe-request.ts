/** One request of a probe: through the API server's service proxy, or to a URL. Tells the app's failures from those of the way to it. */
import http from 'node:http';
import https from 'node:https';
import { deadline } from '../cluster/deadline.ts';
import { errorOfResponse, KubernetesError } from '../cluster/kubernetes-error.ts';
import type { ApiResponse, Cluster, RoleContext } from '../rehearsal/ports.ts';
import type { ProbeSpec } from '../scenario/schema.ts';

export type ProbeAnswer =
  | { kind: 'answered'; ok: boolean; status?: number; error?: string }
  /** The API server, not the app, could not be reached or refused. */
  | { kind: 'unreachable'; error: KubernetesError };

export type Requester = (timeoutMs: number) => Promise<ProbeAnswer>;

/** Requests on connections of their own, closed with the signal. Never throws. */
export function createRequester(spec: ProbeSpec, context: RoleContext, signal: AbortSignal): Requester {
  return spec.url === undefined ? throughProxy(spec, context, signal) : toUrl(spec, spec.url, signal);
}

function throughProxy(spec: ProbeSpec, context: RoleContext, signal: AbortSignal): Requester {
  // Not behind the engine's own requests: they would add to the latency that users are said to have.
  const separable = context.cluster as Cluster & { separate?: () => Cluster & { close(): void } };
  const own = separable.separate?.();
  signal.addEventListener('abort', () => own?.close(), { once: true });
  const cluster = own ?? context.cluster;
  const path = `/api/v1/namespaces/${context.namespace}/services/${spec.service}:${spec.port}/proxy${spec.path}`;
  return async timeoutMs => {
    try {
      const response = await cluster.request(spec.method, path, {
        ...(spec.body === undefined ? {} : { body: spec.body }),
        headers: { Accept: '*/*' },
        signal,
        timeoutMs,
      });
      const status = apiServerStatus(response);
      if (!status) return judged(response.status, spec.expectStatus);
      // The proxy itself tells that the app has nobody to answer, or does not answer: that is what users get.
      if (response.status === 503 || response.status === 502 || response.status === 504)
        return { kind: 'answered', ok: false, status: response.status, error: status };
      return { kind: 'unreachable', error: errorOfResponse({ method: spec.method, path, server: cluster.server }, response) };
    } catch (error) {
      if (!(error instanceof KubernetesError))
        return { kind: 'answered', ok: false, error: (error as Error)?.message ?? 'aborted' };
      if (error.reason === 'RequestTimeout') return { kind: 'answered', ok: false, error: `timed out after ${spec.timeout}` };
      return { kind: 'unreachable', error };
    }
  };
}

/** The message of a Status that the API server made itself; the app's own answers pass through the proxy as they are. */
function apiServerStatus(response: ApiResponse): string | undefined {
  if (response.status < 400 || !response.body.startsWith('{')) return undefined;
  try {
    const body = JSON.parse(response.body);
    return body.kind === 'Status' && body.apiVersion === 'v1' ? String(body.message) : undefined;
  } catch {
    return undefined;
  }
}

function judged(status: number, expected: number): ProbeAnswer {
  return status === expected
    ? { kind: 'answered', ok: true, status }
    : { kind: 'answered', ok: false, status, error: `HTTP ${status}` };
}

function toUrl(spec: ProbeSpec, base: string, signal: AbortSignal): Requester {
  const url = spec.path === '/' ? new URL(base) : new URL(spec.path, base);
  const secure = url.protocol === 'https:';
  const agent = secure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
  signal.addEventListener('abort', () => agent.destroy(), { once: true });
  const client = secure ? https : http;
  return timeoutMs =>
    new Promise(resolve => {
      const fail = (error: string) => resolve({ kind: 'answered', ok: false, error });
      const request = client.request(url, {
        method: spec.method,
        agent,
        headers: { 'User-Agent': 'rehearse', ...(spec.body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      });
      const callOff = deadline(timeoutMs, () => {
        fail(`timed out after ${spec.timeout}`);
        request.destroy();
      });
      request.on('error', error => {
        callOff();
        fail((error as NodeJS.ErrnoException).code ?? error.message);
      });
      request.on('response', response => {
        response.on('error', error => fail(error.message));
        response.on('end', () => {
          callOff();
          resolve(judged(response.statusCode ?? 0, spec.expectStatus));
        });
        response.resume();
      });
      request.end(spec.body);
    });
}
