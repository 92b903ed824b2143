import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { stringify } from 'yaml';
import { StatusError } from '../registry/status-error.ts';
import { type Accepted, negotiate } from './negotiation.ts';

/** Upstream's limit for a request body (3 MiB). */
const BODY_LIMIT = 3 * 1024 * 1024;

/** One request with its answer: what every handler works on. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly query: URLSearchParams;
  readonly method: string;
  readonly user: User;
}

export interface User {
  username: string;
  uid: string;
  groups: string[];
}

/** What the client accepts; asked lazily, because a proxied request accepts what it likes. */
export const acceptedBy = ({ request }: Exchange): Accepted => negotiate(request.headers.accept);

/** @throws StatusError RequestEntityTooLarge. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) {
      throw new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${BODY_LIMIT}`);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** Warnings as kubectl prints them (RFC 7234 code 299). */
export function warn(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  const quoted = warnings.map(text => `299 - "${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  const before = response.getHeader('Warning');
  response.setHeader('Warning', [...(Array.isArray(before) ? before : []), ...quoted]);
}

/** Sends JSON text, as YAML when that was asked for. */
export function sendJson(exchange: Exchange, code: number, json: string, yaml = false): void {
  const { response } = exchange;
  const body = yaml ? stringify(JSON.parse(json)) : json;
  response.writeHead(code, {
    'Content-Type': yaml ? 'application/yaml' : 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-cache, private',
  });
  response.end(exchange.method === 'HEAD' ? undefined : body);
}

export function sendText(exchange: Exchange, code: number, body: string): void {
  exchange.response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' });
  exchange.response.end(body);
}

/** Answers any error: a StatusError as it is, anything else as upstream's InternalError. */
export function sendError(
  exchange: Exchange,
  error: unknown,
  log: (message: string, details?: Record<string, unknown>) => void,
): void {
  const { response } = exchange;
  const status = error instanceof StatusError ? error : internal(error);
  if (!(error instanceof StatusError)) {
    log('API request failed', {
      method: exchange.method,
      url: exchange.url.pathname,
      error: String(error),
      stack: (error as Error)?.stack,
    });
  }
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (status.details?.retryAfterSeconds) response.setHeader('Retry-After', status.details.retryAfterSeconds);
  sendJson(exchange, status.code, JSON.stringify(status.toStatus()));
}

/** Answers a request to switch protocols that is not granted: with a Status, on the bare connection. */
export function refuseUpgrade(request: IncomingMessage, socket: Duplex, why: unknown): void {
  const error = why instanceof StatusError ? why : internal(why);
  const body = JSON.stringify(error.toStatus());
  socket.end(
    `HTTP/1.1 ${error.code} ${error.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  request.resume();
}

const internal = (error: unknown) =>
  new StatusError('InternalError', `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`, {
    causes: [{ message: error instanceof Error ? error.message : String(error) }],
  });
