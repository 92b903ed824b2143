/** nginx' face: a static server on port 80 that serves /usr/share/nginx/html, or the welcome page. */
import { serveFiles } from './busybox/httpd.ts';

const page = (title: string, text: string) =>
  `<!DOCTYPE html>\n<html>\n<head>\n<title>${title}</title>\n</head>\n<body>\n<h1>${title}</h1>\n<p>${text}</p>\n</body>\n</html>\n`;
const version = process.env['NGINX_VERSION'] ?? '1.29.0';

for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, () => process.exit(0));
try {
  await serveFiles({
    port: 80,
    root: '/usr/share/nginx/html',
    index: page('Welcome to nginx!', 'If you see this page, the nginx web server is successfully installed and working.'),
    notFound: page('404 Not Found', `nginx/${version}`),
    serverName: `nginx/${version}`,
    onRequest: line => process.stdout.write(`${line}\n`),
  });
} catch (error) {
  process.stderr.write(`nginx: [emerg] ${(error as Error).message}\n`);
  process.exit(1);
}
