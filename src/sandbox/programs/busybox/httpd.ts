import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, posix } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.txt': 'text/plain',
  '.json': 'application/json',
  '.css': 'text/css',
  '.js': 'application/javascript',
};

/** A static file server; never resolves. */
export function serveFiles(options: {
  port: number;
  root: string;
  notFound: string;
  index?: string;
  serverName?: string;
  onRequest?: (line: string) => void;
}): Promise<number> {
  const server = createServer((request, response) => {
    const path = posix.normalize(`/${decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/')}`);
    let file = posix.join(options.root, path);
    if (existsSync(file) && statSync(file).isDirectory()) file = posix.join(file, 'index.html');
    const found = existsSync(file);
    const fallback = path === '/' ? options.index : undefined;
    const code = found || fallback !== undefined ? 200 : 404;
    options.onRequest?.(
      `${request.socket.remoteAddress} - - [${new Date().toUTCString()}] "${request.method} ${request.url} HTTP/${request.httpVersion}" ${code}`,
    );
    if (options.serverName) response.setHeader('Server', options.serverName);
    response.setHeader('Content-Type', found ? (TYPES[extname(file)] ?? 'application/octet-stream') : 'text/html');
    response.writeHead(code);
    if (found && request.method !== 'HEAD') createReadStream(file).pipe(response);
    else response.end(request.method === 'HEAD' ? undefined : (fallback ?? options.notFound));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port);
    void resolve;
  });
}

const NOT_FOUND =
  '<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>\n<BODY><H1>404 Not Found</H1>\nThe requested URL was not found\n</BODY></HTML>\n';

/** `httpd [-f] [-p PORT] [-h HOME]`. */
export function httpd(args: readonly string[]): Promise<number> {
  let port = 80;
  let root = process.cwd();
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? '';
    const value = () => argument.slice(2) || args[++index] || '';
    if (argument.startsWith('-p')) port = Number(value().split(':').at(-1));
    else if (argument.startsWith('-h')) root = value();
  }
  return serveFiles({ port, root, notFound: NOT_FOUND });
}
