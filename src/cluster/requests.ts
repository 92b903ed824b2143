/** Requests to one API server: writes under an id of their own, and again for what may pass, when that is safe. */
import { randomUUID } from 'node:crypto';
import type { ApiResponse, Clock } from '../rehearsal/ports.ts';
import { errorOfResponse, KubernetesError } from './kubernetes-error.ts';
import { isTransient, pauseMs } from './patience.ts';
import type { Transport, TransportRequest } from './transport.ts';

export const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** A server that answered before is worth waiting for: as long as an API server takes to restart. */
const PATIENCE_MS = 30_000;
/** What fails on the server itself, again and again, does not become better by waiting longer. */
const FAILED_ATTEMPTS = 5;
/** For as long after it was away a server may refuse what is allowed: it answers before it has read who may do what. */
const STARTING_MS = 15_000;
/** Reasons of no answer for which the server has seen nothing. */
const NOT_SENT = new Set(['ConnectionRefused', 'HostNotFound', 'TLS', 'Credentials', 'CredentialsUnavailable']);

/** A request that changed something, as it went over the wire. */
export interface ClusterWrite {
  /** POST, PUT, PATCH, DELETE. */
  verb: string;
  path: string;
  /** 0: the answer was lost, and with it whether it was done. */
  status: number;
  /** The request's uid, as the API server's audit log has it (https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/). */
  auditId?: string;
}

export interface Requests {
  /** Once. @throws KubernetesError when there is no answer */
  send(request: TransportRequest): Promise<ApiResponse>;
  /**
   * The answer, whatever it says; asked for again while it fails for what may pass.
   * @param onRetry before the request is sent again: the one before may have been done although no answer came
   * @throws KubernetesError when there is no answer
   */
  persist(request: TransportRequest, onRetry?: () => void): Promise<ApiResponse>;
}

/** @param tellWrite of every request that changed, or was to change, something */
export function createRequests(transport: Transport, clock: Clock, tellWrite: (write: ClusterWrite) => void): Requests {
  let answered = false;
  let awayMs = Number.NEGATIVE_INFINITY;

  /**
   * A write goes under an id of ours, which the API server takes for its audit log too: so it is known also when the answer is lost
   * (k8s.io/apiserver/pkg/endpoints/filters/audit_init.go).
   */
  async function send(request: TransportRequest): Promise<ApiResponse> {
    const { method, path, headers } = request;
    const auditId = isWrite(method, path) ? randomUUID() : undefined;
    try {
      const response = await transport.request(
        auditId === undefined ? request : { ...request, headers: { ...headers, 'Audit-ID': auditId } },
      );
      answered = true;
      if (auditId !== undefined)
        tellWrite({ verb: method, path, status: response.status, auditId: response.headers['audit-id'] ?? auditId });
      return response;
    } catch (error) {
      const known = error instanceof KubernetesError ? error : undefined;
      if (known) awayMs = clock.monotonicMs();
      // What never arrived changed nothing.
      if (auditId !== undefined && !NOT_SENT.has(known?.reason ?? '')) tellWrite({ verb: method, path, status: 0, auditId });
      throw error;
    }
  }

  async function once(
    request: TransportRequest,
  ): Promise<{ response: ApiResponse; error?: undefined } | { response?: ApiResponse; error: KubernetesError }> {
    try {
      const response = await send(request);
      return response.status < 400
        ? { response }
        : { response, error: errorOfResponse({ ...request, server: transport.server }, response) };
    } catch (error) {
      if (error instanceof KubernetesError) return { error };
      throw error;
    }
  }

  function isWorthAnother(request: TransportRequest, error: KubernetesError, attempt: number): boolean {
    // Turned away before it was looked at, by a server that does not know its users again yet.
    if (error.status === 403 || error.status === 401) return clock.monotonicMs() - awayMs < STARTING_MS;
    if (!isTransient(error) || !mayRepeat(request, error)) return false;
    if (error.status === 0) return answered;
    return error.status === 429 || error.status === 503 || attempt < FAILED_ATTEMPTS;
  }

  return {
    send,
    async persist(request, onRetry = () => {}) {
      const untilMs = clock.monotonicMs() + PATIENCE_MS;
      for (let attempt = 1; ; attempt++) {
        const { response, error } = await once(request);
        if (error === undefined) return response;
        if (!isWorthAnother(request, error, attempt) || clock.monotonicMs() >= untilMs) {
          if (response) return response;
          throw error;
        }
        await clock.sleep(pauseMs(error, attempt), request.signal);
        onRetry();
      }
    },
  };
}

/**
 * Whether a request that failed for what may pass is sent again. Anything when it never arrived, or was turned away before it was looked at
 * (429, and 5xx with Retry-After, as client-go has it); otherwise only what has the same effect when it is done twice.
 */
function mayRepeat({ method, path, contentType, body }: TransportRequest, error: KubernetesError): boolean {
  if (NOT_SENT.has(error.reason) || error.status === 429 || error.retryAfterMs !== undefined) return true;
  if (onlyAsks(method, path)) return true;
  if (method === 'POST') return false;
  if (method !== 'PATCH' || contentType !== PATCH_TYPES.json) return true;
  const operations = body as { op: string; path: string }[];
  return operations.every(({ op, path: field }) => (op === 'replace' || op === 'add') && !/\/(\d+|-)$/.test(field));
}

/** Reads, dry runs, and questions that are asked by POST (access reviews). */
function onlyAsks(method: string, path: string): boolean {
  return method === 'GET' || method === 'HEAD' || /[?&]dryRun=/.test(path) || path.startsWith('/apis/authorization.k8s.io/');
}

/** Requests that leave something on the server; what goes through a proxy to somebody's own app leaves it there. */
function isWrite(method: string, path: string): boolean {
  return !onlyAsks(method, path) && !/\/proxy(\/|\?|$)/.test(path);
}
