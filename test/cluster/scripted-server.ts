import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A real HTTP server that answers as a test says; with a kubeconfig for it. */
export async function scriptedServer(answer: (asked: Asked, response: ServerResponse) => void) {
  const asked: Asked[] = [];
  const listen = async (port: number): Promise<Server> => {
    const created = createServer((request, response) => {
      let body = '';
      request.on('data', chunk => {
        body += chunk;
      });
      request.on('end', () => {
        const url = new URL(request.url ?? '/', 'http://server');
        const one = { method: request.method ?? '', path: url.pathname, query: url.searchParams, headers: request.headers, body };
        asked.push(one);
        answer(one, response);
      });
    });
    await new Promise<void>(resolve => created.listen(port, '127.0.0.1', resolve));
    return created;
  };
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    kubeconfigText: kubeconfigFor(`http://127.0.0.1:${port}`),
    stop,
    /** Every connection is cut, nothing listens; then it is there again on the same port. */
    async restart() {
      await stop();
      server = await listen(port);
    },
  };
}

export function kubeconfigFor(server: string, user: Record<string, unknown> = { token: 'test' }): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server } }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'shop' } }],
  });
}

export function configMap(name: string, resourceVersion: number, data: Record<string, string> = {}) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: String(resourceVersion) },
    data,
  };
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function status(code: number, reason: string, message: string) {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message };
}
