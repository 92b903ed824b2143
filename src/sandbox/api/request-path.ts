import { badRequest } from '../registry/api-errors.ts';

/** What a resource URL names (apiserver/pkg/endpoints/request/requestinfo.go). */
export interface ResourcePath {
  group: string;
  version: string;
  namespace: string | undefined;
  plural: string;
  name: string | undefined;
  subresource: string | undefined;
  /** What follows `proxy/` in a proxy request, undecoded, with its leading slash. */
  rest: string;
}

/** Subresources of namespaces themselves; anything else after the name is a kind inside the namespace. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest(`invalid URL escape ${JSON.stringify(segment)}`);
  }
}

/** undefined when the path is not one of a resource. @throws StatusError BadRequest. */
export function parseResourcePath(pathname: string): ResourcePath | undefined {
  const segments = pathname.split('/').slice(1);
  let rest: string[];
  let group = '';
  let version: string;
  if (segments[0] === 'api') {
    version = segments[1] ?? '';
    rest = segments.slice(2);
  } else if (segments[0] === 'apis') {
    group = segments[1] ?? '';
    version = segments[2] ?? '';
    rest = segments.slice(3);
  } else return undefined;
  if (rest.at(-1) === '' && rest[2] !== 'proxy' && rest[4] !== 'proxy') rest.pop();
  if (!version || rest.length === 0) return undefined;

  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] as string)) {
    namespace = decoded(rest[1] as string);
    rest = rest.slice(2);
  }
  const [plural, name, subresource, ...remainder] = rest as [string, ...string[]];
  return {
    group,
    version,
    namespace,
    plural,
    name: name === undefined ? undefined : decoded(name),
    subresource,
    rest: remainder.length > 0 ? `/${remainder.join('/')}` : '',
  };
}
