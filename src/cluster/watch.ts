/**
 * A list and then a watch that never gives up: it resumes through closed connections and torn streams, lists anew after 410 and after a
 * server that was away, and waits as long as the server asks. Objects that changed while nobody looked are told as if they had been seen.
 * Protocol: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */

import type { IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import type { ApiResponse, Clock, RawObject } from '../rehearsal/ports.ts';
import { errorOfResponse, KubernetesError } from './kubernetes-error.ts';
import type { Transport, TransportRequest } from './transport.ts';

/** The server ends a watch by then; resuming costs one request. */
const WATCH_SECONDS = 300;
/** Bookmarks come about once a minute: a stream that is silent for longer than that is taken for dead. */
const SILENCE_MS = 90_000;
const BACKOFF = { firstMs: 100, mostMs: 5000 };

export interface WatchOptions {
  transport: Transport;
  /** For the first list, which nothing makes up for; later ones are tried again anyway. */
  list?: (request: TransportRequest) => Promise<ApiResponse>;
  clock: Clock;
  path: string;
  query: URLSearchParams;
  apiVersion: string;
  kind: string;
  signal: AbortSignal;
  onEvent(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: RawObject): void;
  /** Told of every trouble that it works around. */
  onTrouble?(message: string): void;
}

/** Resolves when the objects of the first list were delivered as ADDED. @throws KubernetesError when that list fails. */
export async function listAndWatch(options: WatchOptions): Promise<void> {
  const watch = new Watch(options);
  await watch.relist(options.list);
  void watch.follow();
}

class Watch {
  readonly #options: WatchOptions;
  readonly #seen = new Map<string, RawObject>();
  #resourceVersion = '';
  #mustRelist = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async relist(ask: WatchOptions['list'] = this.#options.transport.request): Promise<void> {
    const { transport, path, query, signal } = this.#options;
    const listPath = withQuery(path, query);
    const response = await ask({ method: 'GET', path: listPath, signal });
    if (response.status !== 200) throw errorOfResponse({ method: 'GET', path: listPath, server: transport.server }, response);
    const list = JSON.parse(response.body) as { metadata: { resourceVersion: string }; items: RawObject[] | null };
    const present = new Set<string>();
    for (const item of list.items ?? []) {
      const key = keyOf(item);
      present.add(key);
      this.#deliver('ADDED', item);
    }
    for (const [key, object] of this.#seen) if (!present.has(key)) this.#deliver('DELETED', object);
    this.#resourceVersion = list.metadata.resourceVersion;
    this.#mustRelist = false;
  }

  async follow(): Promise<void> {
    const { clock, signal } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      try {
        if (this.#mustRelist) await this.relist();
        await this.#stream();
        // A server that closes every watch at once must not be asked a thousand times a second.
        failures = clock.monotonicMs() - startedMs < 1000 ? failures + 1 : 0;
        if (failures > 1) await this.#pause(failures, undefined);
      } catch (error) {
        if (signal.aborted) return;
        failures = clock.monotonicMs() - startedMs > 10_000 ? 1 : failures + 1;
        const known = error instanceof KubernetesError ? error : undefined;
        // 410: the version is gone. 504, "too large": the server came back with an older store. No connection: it may have.
        if (known?.status === 410 || known?.status === 504 || known?.status === 0) this.#mustRelist = true;
        this.#options.onTrouble?.((error as Error).message);
        if (known?.status === 410 && failures === 1) continue;
        await this.#pause(failures, known?.retryAfterMs);
      }
    }
  }

  async #pause(failures: number, atLeastMs: number | undefined): Promise<void> {
    const backoffMs = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
    await this.#options.clock.sleep(Math.max(backoffMs, atLeastMs ?? 0), this.#options.signal).catch(() => {});
  }

  /** One watch request to its end. Resolves when the server closed it, rejects when it must not simply be resumed. */
  async #stream(): Promise<void> {
    const { transport, path, query, signal } = this.#options;
    const parameters = new URLSearchParams(query);
    parameters.set('watch', 'true');
    parameters.set('allowWatchBookmarks', 'true');
    parameters.set('resourceVersion', this.#resourceVersion);
    parameters.set('timeoutSeconds', String(WATCH_SECONDS));
    const watchPath = withQuery(path, parameters);
    const message = await transport.open({ method: 'GET', path: watchPath, signal });
    if (message.statusCode !== 200) {
      const body = await text(message);
      const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)]));
      throw errorOfResponse(
        { method: 'WATCH', path: watchPath, server: transport.server },
        { status: message.statusCode ?? 0, headers, body },
      );
    }
    message.socket.setKeepAlive(true, 15_000);
    message.socket.setTimeout(SILENCE_MS, () => message.destroy());
    try {
      await eachLine(message, line => this.#line(line, watchPath));
    } finally {
      message.destroy();
    }
  }

  #line(line: string, path: string): void {
    if (this.#options.signal.aborted) return;
    const event = JSON.parse(line) as { type: string; object: RawObject };
    const version = event.object.metadata?.resourceVersion;
    if (event.type === 'ERROR') {
      const code = Number(event.object['code'] ?? 500);
      throw errorOfResponse(
        { method: 'WATCH', path, server: this.#options.transport.server },
        { status: code, headers: {}, body: JSON.stringify(event.object) },
      );
    }
    if (version !== undefined) this.#resourceVersion = version;
    if (event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED') this.#deliver(event.type, event.object);
  }

  /** Tells what is news compared with what was told before, so that a resumed or renewed list repeats nothing. */
  #deliver(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: RawObject): void {
    const key = keyOf(object);
    // Items of a list come without their type.
    const whole: RawObject = {
      ...object,
      apiVersion: object.apiVersion ?? this.#options.apiVersion,
      kind: object.kind ?? this.#options.kind,
    };
    const before = this.#seen.get(key);
    if (type === 'DELETED') {
      if (!before) return;
      this.#seen.delete(key);
      this.#options.onEvent('DELETED', whole);
      return;
    }
    if (before && before.metadata.uid !== object.metadata.uid) {
      this.#options.onEvent('DELETED', before);
      this.#seen.set(key, whole);
      this.#options.onEvent('ADDED', whole);
      return;
    }
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion && before !== undefined) return;
    this.#seen.set(key, whole);
    this.#options.onEvent(before ? 'MODIFIED' : 'ADDED', whole);
  }
}

function keyOf(object: RawObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Calls back for each whole line; a line that was cut off by the end of the stream is dropped. */
async function eachLine(message: IncomingMessage, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let pieces: string[] = [];
  await new Promise<void>((resolve, reject) => {
    message.on('data', (chunk: Buffer) => {
      try {
        const lines = decoder.write(chunk).split('\n');
        for (const [index, line] of lines.entries()) {
          pieces.push(line);
          if (index === lines.length - 1) break;
          const whole = pieces.join('');
          pieces = [];
          if (whole.trim()) onLine(whole);
        }
      } catch (error) {
        reject(error);
      }
    });
    message.on('end', resolve);
    message.on('close', resolve);
    message.on('error', reject);
  });
}

async function text(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
