import { RehearseError } from '../errors/errors.ts';
import type { CredentialsError } from './credentials-error.ts';

/** Reasons of our own, for what never became an answer of the API server. The others are upstream's `Status.reason`. */
export type TransportReason =
  | 'ConnectionRefused'
  | 'HostNotFound'
  | 'TLS'
  | 'ConnectionLost'
  | 'RequestTimeout'
  /** There is nothing to authenticate with, and that stays so. */
  | 'Credentials'
  /** A credential plugin or identity provider could not give any now. */
  | 'CredentialsUnavailable';

/**
 * What an API server refused, or why it could not be asked.
 * `status` is the HTTP code, 0 when there was no answer; `reason` is machine-readable (`NotFound`, `Conflict`, `ConnectionRefused`, …).
 */
export class KubernetesError extends RehearseError {
  readonly status: number;
  readonly reason: string;
  /** The server's own message, as it was sent. */
  readonly serverMessage: string;
  readonly method: string;
  readonly path: string;
  readonly retryAfterMs: number | undefined;

  constructor(details: {
    status: number;
    reason: string;
    message: string;
    serverMessage?: string;
    method: string;
    path: string;
    hint?: string | undefined;
    retryAfterMs?: number | undefined;
    cause?: unknown;
  }) {
    super(details.message, {
      ...(details.hint === undefined ? {} : { hint: details.hint }),
      ...(details.cause === undefined ? {} : { cause: details.cause }),
    });
    this.name = 'KubernetesError';
    this.status = details.status;
    this.reason = details.reason;
    this.serverMessage = details.serverMessage ?? details.message;
    this.method = details.method;
    this.path = details.path;
    this.retryAfterMs = details.retryAfterMs;
  }
}

interface Status {
  kind?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number };
}

/** Milliseconds of a Retry-After header (seconds; the date form is not used by API servers). */
function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && header.trim() !== '' && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** The error of an answer that is not a success. */
export function errorOfResponse(
  request: { method: string; path: string; server: string },
  response: { status: number; headers: Record<string, string>; body: string },
): KubernetesError {
  let status: Status = {};
  try {
    const parsed: unknown = JSON.parse(response.body);
    if (typeof parsed === 'object' && parsed !== null && (parsed as Status).kind === 'Status') status = parsed as Status;
  } catch {
    // Proxies and load balancers answer in HTML or plain text.
  }
  const serverMessage = status.message || response.body.trim().slice(0, 300) || `HTTP ${response.status}`;
  const reason = status.reason || reasonOfCode(response.status);
  const hint = hintOfCode(response.status, request);
  return new KubernetesError({
    status: response.status,
    reason,
    serverMessage,
    message: `${request.method} ${withoutQuery(request.path)}: ${serverMessage} (${response.status} ${reason})`,
    method: request.method,
    path: request.path,
    hint,
    retryAfterMs:
      retryAfterMs(response.headers['retry-after']) ??
      (status.details?.retryAfterSeconds === undefined ? undefined : status.details.retryAfterSeconds * 1000),
  });
}

/** The error of a request that got no answer: Node's error codes in words, with what to do. */
export function errorOfTransport(request: { method: string; path: string; server: string }, cause: unknown): KubernetesError {
  const { reason, what, hint } = explain(
    (cause as NodeJS.ErrnoException)?.code ?? '',
    (cause as Error)?.message ?? String(cause),
  );
  return new KubernetesError({
    status: 0,
    reason,
    message: `${request.method} ${withoutQuery(request.path)} at ${request.server}: ${what}`,
    method: request.method,
    path: request.path,
    hint,
    cause,
  });
}

/** The error of a request that was not sent, for there was nothing to authenticate it with. */
export function errorOfCredentials(request: { method: string; path: string }, cause: CredentialsError): KubernetesError {
  const reason: TransportReason = cause.passing ? 'CredentialsUnavailable' : 'Credentials';
  const { method, path } = request;
  return new KubernetesError({ status: 0, reason, message: cause.message, method, path, hint: cause.hint, cause });
}

const UNREACHABLE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'EADDRNOTAVAIL']);

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
]);

function explain(code: string, message: string): { reason: TransportReason; what: string; hint: string } {
  if (code === 'ECONNREFUSED')
    return {
      reason: 'ConnectionRefused',
      what: 'connection refused, nothing listens there',
      hint: 'is the cluster running, and is this the right context? `kubectl config get-contexts` lists them',
    };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return {
      reason: 'HostNotFound',
      what: `the server's name cannot be resolved (${code})`,
      hint: 'check the cluster.server of the context in your kubeconfig, and the VPN or network',
    };
  if (UNTRUSTED.has(code))
    return {
      reason: 'TLS',
      what: `the server's certificate is not signed by the CA in the kubeconfig (${code})`,
      hint: 'the cluster may have been made anew: fetch its kubeconfig again (certificate-authority-data)',
    };
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return {
      reason: 'TLS',
      what: `the server's certificate is ${code === 'CERT_HAS_EXPIRED' ? 'expired' : 'not valid yet'}`,
      hint: "renew the cluster's certificates, or check this machine's clock",
    };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      reason: 'TLS',
      what: `the server's certificate is for another name: ${message}`,
      hint: 'use a server address that the certificate names, or set tls-server-name in the kubeconfig',
    };
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code.startsWith('ERR_OSSL'))
    return {
      reason: 'TLS',
      what: `TLS failed (${code}): ${message.split('\n')[0]}`,
      hint: 'check that the server speaks HTTPS on this port and that the client certificate and key of the kubeconfig belong together',
    };
  if (code === 'ETIMEDOUT' || code === 'REQUEST_TIMEOUT')
    return {
      reason: 'RequestTimeout',
      what: code === 'REQUEST_TIMEOUT' ? message : 'the connection timed out',
      hint: 'check the network, the VPN and the load on the API server',
    };
  if (UNREACHABLE.has(code))
    return {
      reason: 'ConnectionLost',
      what: `there is no way to the server from here (${code})`,
      hint: 'check the network and the VPN of this machine',
    };
  // A load balancer, or the engine of kind, takes the connection for a server that is away, and drops it: no request was sent yet.
  if (message.includes('before secure TLS connection was established'))
    return {
      reason: 'ConnectionRefused',
      what: 'the connection was dropped before TLS was set up, nothing answers behind it',
      hint: 'is the API server running? Another try in a few seconds may do',
    };
  return {
    reason: 'ConnectionLost',
    what: `${message || 'the connection was lost'}${code ? ` (${code})` : ''}`,
    hint: 'check the network to the API server',
  };
}

function reasonOfCode(code: number): string {
  const reasons: Record<number, string> = {
    400: 'BadRequest',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    409: 'Conflict',
    410: 'Expired',
    422: 'Invalid',
    429: 'TooManyRequests',
    500: 'InternalError',
    503: 'ServiceUnavailable',
    504: 'Timeout',
  };
  return reasons[code] ?? 'Unknown';
}

function hintOfCode(code: number, request: { method: string; path: string; server: string }): string | undefined {
  if (code === 401)
    return `the credentials in the kubeconfig are missing, expired or not of ${request.server}: log in again, then try \`kubectl auth whoami\``;
  if (code === 403)
    return `this user may not do that: \`kubectl auth can-i --list\` shows what is allowed; ask for the right named in the message`;
  if (code === 429) return 'the API server is overloaded or throttles this user: try again later';
  return undefined;
}

function withoutQuery(path: string): string {
  return path.split('?')[0] as string;
}
