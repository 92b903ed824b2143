/** Stands between a drill and an API server, and is as bad as networks and servers can be, while it is told to. */
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parse } from 'yaml';
import { kubeconfigFor, status } from '../cluster/scripted-server.ts';

export type Trouble = 'delays' | 'resets' | '410' | '429' | '500' | '503' | 'away';

/** @param kubeconfigText of a server with a client certificate */
export async function unreliableProxy(kubeconfigText: string) {
  const { clusters, users } = parse(kubeconfigText);
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  const { 'client-certificate-data': cert, 'client-key-data': key } = users[0].user;
  const base64 = (text: string) => Buffer.from(text, 'base64').toString();
  const upstream = new URL(server);
  const tls = { ca: base64(ca), cert: base64(cert), key: base64(key) };
  const agent = new Agent({ keepAlive: true, ...tls });
  let trouble: Trouble | undefined;
  let met = 0;

  function forward(request: IncomingMessage, response: ServerResponse): void {
    const { method, url: path, headers } = request;
    const { host: _host, connection: _connection, ...rest } = headers;
    const open = upstream.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = open({ host: upstream.hostname, port: upstream.port, method, path, headers: rest, agent }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    request.pipe(outgoing);
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const watch = request.url?.includes('watch=true') ?? false;
    if (trouble === undefined || (trouble === '410' && !watch)) {
      forward(request, response);
      return;
    }
    met++;
    const say = (code: number, reason: string, headers: Record<string, string> = {}) =>
      response
        .writeHead(code, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(status(code, reason, reason)));
    switch (trouble) {
      case 'delays':
        setTimeout(() => forward(request, response), 700);
        return;
      case 'resets':
        // Half of them after the server has done what it was asked: nobody can tell which from outside.
        if (met % 2 === 0) forward(request, Object.assign(response, { writeHead: () => response.destroy() }));
        else request.socket.destroy();
        return;
      case '410':
        say(410, 'Expired');
        return;
      case '429':
        say(429, 'TooManyRequests', { 'retry-after': '1' });
        return;
      case '500':
        say(500, 'InternalError');
        return;
      case '503':
        say(503, 'ServiceUnavailable', { 'retry-after': '1' });
        return;
      case 'away':
        request.socket.destroy();
    }
  }

  const listen = (port: number) =>
    new Promise<Server>(resolve => {
      const made = createServer(answer).listen(port, '127.0.0.1', () => resolve(made));
    });
  let listener = await listen(0);
  const { port } = listener.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  return {
    url,
    kubeconfigText: kubeconfigFor(url),
    /** How many requests met it. */
    get met() {
      return met;
    },
    async begin(next: Trouble): Promise<void> {
      trouble = next;
      // Whoever watches must notice as well.
      listener.closeAllConnections();
      if (next !== 'away') return;
      met++;
      await new Promise(resolve => listener.close(resolve));
    },
    async end(): Promise<void> {
      const was = trouble;
      trouble = undefined;
      if (was === 'away') listener = await listen(port);
    },
    async stop(): Promise<void> {
      listener.closeAllConnections();
      await new Promise(resolve => listener.close(resolve));
      agent.destroy();
    },
  };
}
