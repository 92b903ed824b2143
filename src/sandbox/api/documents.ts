import type { KindTable } from '../kinds/index.ts';
import { apiVersionOf } from '../kinds/index.ts';
import { KUBERNETES_VERSION } from '../schema/schemas.ts';
import { createDiscovery } from './discovery.ts';
import { type Exchange, sendJson, sendText } from './exchange.ts';
import { createOpenApi } from './openapi.ts';
import { methodNotAllowed, noSuchPath } from './resource-handler.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** What the API says of itself: discovery, OpenAPI, version, health. */
export function createDocuments(types: KindTable) {
  const discovery = createDiscovery(types);
  const openApi = createOpenApi(types);

  /** The JSON at a path; text is JSON already, undefined is nothing. */
  function json(pathname: string, host: string): unknown {
    const [, first, second, third, ...more] = pathname.split('/');
    switch (first) {
      case '':
        return second === undefined ? { paths: paths(types) } : undefined;
      case 'version':
        return second ? undefined : VERSION;
      case 'api':
        if (!second) return discovery.apiVersions(host);
        return third ? undefined : discovery.resources('', second);
      case 'apis':
        if (!second) return discovery.groupList();
        if (!third) return discovery.group(second);
        return more.length > 0 ? undefined : discovery.resources(second, third);
      case 'openapi':
        if (second === 'v2') return OPENAPI_V2;
        if (second !== 'v3') return undefined;
        return third ? openApi.document([third, ...more].join('/')) : openApi.index();
      default:
        return undefined;
    }
  }

  function serve(exchange: Exchange): void {
    const { method, url, request, response } = exchange;
    if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed();
    const pathname = url.pathname.length > 1 ? url.pathname.replace(/\/$/, '') : url.pathname;
    const accept = request.headers.accept ?? '';
    const health = /^\/(healthz|livez|readyz)(\/|$)/.exec(pathname);
    if (health) {
      const verbose = exchange.query.has('verbose');
      sendText(exchange, 200, verbose ? `[+]ping ok\n[+]registry ok\n${health[1]} check passed\n` : 'ok');
    } else if (
      (pathname === '/api' || pathname === '/apis') &&
      accept.includes('as=APIGroupDiscoveryList') &&
      /v=v2(;|,|$)/.test(accept)
    ) {
      response.writeHead(200, { 'Content-Type': AGGREGATED, Vary: 'Accept' });
      response.end(JSON.stringify(discovery.aggregated(pathname === '/api')));
    } else if (pathname === '/openapi/v2' && accept.includes('protobuf')) {
      response.writeHead(200, { 'Content-Type': 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' });
      response.end(openApiV2Protobuf());
    } else {
      const value = json(pathname, request.headers.host ?? '');
      if (value === undefined) throw noSuchPath();
      sendJson(exchange, 200, typeof value === 'string' ? value : JSON.stringify(value));
    }
  }

  return { serve, invalidate: openApi.invalidate };
}

function paths(types: KindTable): string[] {
  const groups = [...types.all()]
    .filter(type => type.group)
    .flatMap(type => [`/apis/${type.group}`, `/apis/${apiVersionOf(type)}`]);
  const fixed = ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'];
  return [...new Set([...fixed, ...groups])].sort();
}

/** kubectl asks the old OpenAPI document for a kind that version 3 does not have: one without any kind. */
const OPENAPI_V2 = { swagger: '2.0', info: { title: 'Kubernetes', version: KUBERNETES_VERSION }, paths: {}, definitions: {} };

/** The same as the message openapi.v2.Document: swagger = 1, info = 2 { title = 1, version = 2 }. */
function openApiV2Protobuf(): Buffer {
  const field = (number: number, content: Buffer) => Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  const text = (number: number, value: string) => field(number, Buffer.from(value));
  const { swagger, info } = OPENAPI_V2;
  return Buffer.concat([text(1, swagger), field(2, Buffer.concat([text(1, info.title), text(2, info.version)]))]);
}

const VERSION = {
  major: '1',
  minor: '34',
  gitVersion: `${KUBERNETES_VERSION}+rehearse-sandbox`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};
