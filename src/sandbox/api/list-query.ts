import type { ResourceType } from '../kinds/resource-type.ts';
import { badRequest } from '../registry/api-errors.ts';
import type { Registry } from '../registry/registry.ts';
import type { KubeObject } from '../registry/resources.ts';
import { labelMatcher, parseFieldSelector } from '../registry/selectors.ts';
import { StatusError } from '../registry/status-error.ts';
import { goJsonError } from './body.ts';

/** Which objects a list, a watch or a deletecollection is about. */
export type Matcher = (object: KubeObject) => boolean;

/** @throws StatusError BadRequest for a selector that cannot be parsed or a field that cannot be selected by. */
export function matcher(
  type: ResourceType,
  query: URLSearchParams,
  namespace: string | undefined,
  name: string | undefined,
): Matcher {
  const tests: Matcher[] = [];
  if (namespace !== undefined) tests.push(object => object.metadata.namespace === namespace);
  if (name !== undefined) tests.push(object => object.metadata.name === name);
  const labels = labelMatcher(query.get('labelSelector') ?? undefined);
  if (labels) tests.push(object => labels(object.metadata.labels ?? {}));
  const fields = query.get('fieldSelector');
  if (fields) {
    for (const { field, equal, value } of parseFieldSelector(fields)) {
      const read = selectable(type, field);
      tests.push(object => (read(object) === value) === equal);
    }
  }
  return object => tests.every(test => test(object));
}

function selectable(type: ResourceType, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return object => object.metadata.name;
  if (field === 'metadata.namespace' && type.namespaced) return object => object.metadata.namespace ?? '';
  const read = type.fields[field];
  if (read) return read;
  if (type.resource === 'jobs.batch') throw badRequest(`field label ${JSON.stringify(field)} not supported for Job`);
  if (Object.keys(type.fields).length > 0) throw badRequest(`field label not supported: ${field}`);
  throw badRequest(
    `${JSON.stringify(field)} is not a known field selector: only "metadata.name"${type.namespaced ? ', "metadata.namespace"' : ''}`,
  );
}

/** A version asked for, as a number. @throws StatusError BadRequest, or Timeout for a version that is still to come. */
export function requestedVersion(registry: Registry, text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^\d+$/.test(text)) {
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  const version = Number(text);
  if (version > registry.version()) {
    throw new StatusError('Timeout', `Timeout: Too large resource version: ${version}, current: ${registry.version()}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
  return version;
}

interface ContinueToken {
  v: 'meta.k8s.io/v1';
  rv: number;
  start: string;
}

const listKey = (object: KubeObject) =>
  object.metadata.namespace ? `${object.metadata.namespace}/${object.metadata.name}` : object.metadata.name;

export interface Page {
  items: KubeObject[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

/** Upstream's list: newest, exact (resourceVersionMatch=Exact) or a further page of the same snapshot. */
export function listPage(registry: Registry, type: ResourceType, query: URLSearchParams, matches: Matcher): Page {
  const limitText = query.get('limit') || '0';
  if (!/^-?\d+$/.test(limitText)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(limitText)}: invalid syntax`);
  const limit = Number(limitText);
  const token = query.get('continue');
  const match = query.get('resourceVersionMatch');
  const asked = query.get('resourceVersion');
  checkMatch(match, asked, token);

  let version = registry.version();
  let after: string | undefined;
  if (token) {
    const decoded = decodeToken(token);
    after = decoded.start;
    // A version of -1 means: go on from the newest state, after an Expired answer.
    if (decoded.rv > 0) version = decoded.rv;
  } else {
    const requested = requestedVersion(registry, asked);
    if (match === 'Exact' && requested !== undefined) version = requested;
  }
  let objects: readonly KubeObject[];
  try {
    objects = registry.snapshot(type.resource, version);
  } catch (error) {
    if (token === null) throw error;
    throw expiredToken(after as string);
  }
  const found = objects.filter(object => matches(object) && (after === undefined || listKey(object) >= after));
  const metadata: Page['metadata'] = { resourceVersion: String(version) };
  if (limit > 0 && found.length > limit) {
    const next = found[limit] as KubeObject;
    metadata.continue = encodeToken({ v: 'meta.k8s.io/v1', rv: version, start: listKey(next) });
    // Upstream counts only when no selector hides items.
    if (!query.get('labelSelector') && !query.get('fieldSelector')) metadata.remainingItemCount = found.length - limit;
    return { items: found.slice(0, limit), metadata };
  }
  return { items: found, metadata };
}

function checkMatch(match: string | null, version: string | null, token: string | null): void {
  const invalid = (why: string) => {
    throw new StatusError('Invalid', `ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: ${why}`, {
      group: 'meta.k8s.io',
      kind: 'ListOptions',
      causes: [{ reason: 'FieldValueForbidden', message: why, field: 'resourceVersionMatch' }],
    });
  };
  if (!match) return;
  if (token) invalid('Forbidden: resourceVersionMatch is forbidden when continue is provided');
  if (!version) invalid('Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    invalid(`Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan", ""`);
  }
  if (match === 'Exact' && version === '0') {
    invalid('Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

const encodeToken = (token: ContinueToken) => Buffer.from(JSON.stringify(token)).toString('base64url');

function decodeToken(text: string): ContinueToken {
  const decoded = Buffer.from(text, 'base64url').toString();
  let token: ContinueToken;
  try {
    token = JSON.parse(decoded) as ContinueToken;
  } catch (error) {
    throw badRequest(`invalid continue token: continue key is not valid: ${goJsonError(decoded, error as Error)}`);
  }
  if (token.v === 'meta.k8s.io/v1' && typeof token.start === 'string') return token;
  throw badRequest('invalid continue token: continue key is not valid: server does not recognize this encoded version');
}

/** 410, with a token that goes on inconsistently from the newest state, as upstream offers. */
function expiredToken(start: string): StatusError {
  const error = new StatusError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  const status = error.toStatus.bind(error);
  error.toStatus = () => ({ ...status(), metadata: { continue: encodeToken({ v: 'meta.k8s.io/v1', rv: -1, start }) } });
  return error;
}
