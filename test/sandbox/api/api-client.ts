import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { startApiServer } from '../../../src/sandbox/api/server.ts';
import { createCredentials } from '../../../src/sandbox/certificates.ts';
import { systemClock } from '../../../src/sandbox/clock.ts';
import { createRegistry } from '../../../src/sandbox/registry/registry.ts';

export interface Answer {
  code: number;
  headers: IncomingMessage['headers'];
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any kind
  json: any;
}

export interface CallOptions {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** The API server alone, over its real HTTPS, with nothing behind it. */
export async function startApi() {
  const registry = createRegistry(systemClock);
  const credentials = createCredentials('tester', Date.now());
  const token = 'secret-token';
  const server = await startApiServer({
    registry,
    clock: systemClock,
    credentials,
    token,
    user: 'tester',
    port: 0,
    log: () => {},
    dial: (host, port) => ({ host, port }),
  });
  registry.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } });
  const agent = new Agent({ keepAlive: true, ca: credentials.ca });

  function open(
    path: string,
    options: CallOptions,
    onResponse: (response: IncomingMessage) => void,
    fail: (error: Error) => void,
  ) {
    const body =
      options.body === undefined ? undefined : typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
    const outgoing = request(
      server.address + path,
      {
        method: options.method ?? 'GET',
        agent,
        headers: {
          Authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...options.headers,
        },
      },
      onResponse,
    );
    outgoing.on('error', fail);
    outgoing.end(body);
    return outgoing;
  }

  const call = (path: string, options: CallOptions = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      open(
        path,
        options,
        response => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk;
          });
          response.on('end', () => {
            const isJson = text !== '' && response.headers['content-type']?.startsWith('application/json');
            const lines = isJson && !text.trimEnd().includes('\n{');
            resolve({
              code: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: lines ? JSON.parse(text) : undefined,
            });
          });
        },
        reject,
      );
    });

  /** Reads events of a watch until there are `count`. */
  const watch = (
    path: string,
    count: number,
    whileOpen: () => void = () => {},
    headers: Record<string, string> = {},
  ): Promise<Answer['json'][]> =>
    new Promise((resolve, reject) => {
      const outgoing = open(
        path,
        { headers },
        response => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk;
            const lines = text.split('\n').slice(0, -1);
            if (lines.length < count) return;
            outgoing.destroy();
            resolve(lines.map(line => JSON.parse(line)));
          });
          whileOpen();
        },
        reject,
      );
    });

  return {
    registry,
    server,
    call,
    watch,
    agent,
    async close() {
      agent.destroy();
      await server.close();
    },
  };
}
