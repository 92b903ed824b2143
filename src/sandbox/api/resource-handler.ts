import { badRequest, notFoundStatus } from '../registry/api-errors.ts';
import { isObject, type JsonObject } from '../registry/json.ts';
import type { Registry } from '../registry/registry.ts';
import type { DeleteOptions, KubeObject, SandboxClock, WriteOptions } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import { parseBody } from './body.ts';
import { decodeObject, type FieldValidation } from './decode.ts';
import { evict } from './eviction.ts';
import { acceptedBy, type Exchange, readBody, sendJson, warn } from './exchange.ts';
import { listPage, matcher } from './list-query.ts';
import type { Accepted } from './negotiation.ts';
import { itemJson, objectJson } from './object-json.ts';
import { applyPatch } from './patch.ts';
import type { ResourcePath } from './request-path.ts';
import { review } from './reviews.ts';
import { scaleOf, withScale } from './scale.ts';
import { type IncludeObject, partialMetadata, scaleTable, table } from './table-view.ts';
import type { View } from './view.ts';
import { serveWatch } from './watch.ts';

/** create, get, list, watch, update, patch, delete, deletecollection on any kind, and the status and scale subresources. */
export function createResourceHandler(registry: Registry, clock: SandboxClock) {
  const sendObject = (exchange: Exchange, code: number, view: View, object: KubeObject, accepted: Accepted) => {
    const shown = view.out(object);
    let json: string;
    if (accepted.as === 'table') {
      const include = (exchange.query.get('includeObject') ?? 'Metadata') as IncludeObject;
      const { resourceVersion = '' } = object.metadata;
      json = JSON.stringify(table(view.type, [shown], { resourceVersion }, include, clock.now()));
    } else if (accepted.as === 'metadata') json = JSON.stringify(partialMetadata(shown));
    else json = objectJson(shown);
    sendJson(exchange, code, json, accepted.yaml);
  };

  const sendScale = (exchange: Exchange, scale: KubeObject, accepted: Accepted) => {
    const shown = accepted.as === 'table' ? scaleTable(scale, clock.now()) : scale;
    sendJson(exchange, 200, JSON.stringify(shown), accepted.yaml);
  };

  function list(exchange: Exchange, view: View, path: ResourcePath): void {
    const { query } = exchange;
    const accepted = acceptedBy(exchange);
    const matches = matcher(view.type, query, path.namespace, path.name);
    if (query.get('watch') === 'true' || query.get('watch') === '1') {
      serveWatch(exchange, registry, clock, view, matches, accepted);
      return;
    }
    const { items, metadata } = listPage(registry, view.type, query, matches);
    if (accepted.as === 'table') {
      const include = (query.get('includeObject') ?? 'Metadata') as IncludeObject;
      sendJson(
        exchange,
        200,
        JSON.stringify(table(view.type, items.map(view.out), metadata, include, clock.now())),
        accepted.yaml,
      );
      return;
    }
    const meta = JSON.stringify(metadata);
    const json =
      accepted.as === 'metadata'
        ? `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":${meta},"items":[${items.map(item => JSON.stringify(partialMetadata(item))).join(',')}]}`
        : `{"kind":"${view.kind}List","apiVersion":"${view.apiVersion}","metadata":${meta},"items":[${items
            .map(item => (view.type.custom ? objectJson(item) : itemJson(view.out(item))))
            .join(',')}]}`;
    sendJson(exchange, 200, json, accepted.yaml);
  }

  function existing(view: View, path: ResourcePath): KubeObject {
    const found = registry.get(view.type.resource, path.namespace, path.name as string);
    if (!found) throw notFoundStatus({ plural: view.type.plural, group: view.group }, path.name as string);
    return found;
  }

  async function body(exchange: Exchange): Promise<unknown> {
    return parseBody(await readBody(exchange.request), exchange.request.headers['content-type']);
  }

  /** Decodes a body of the kind that the path names. @throws StatusError BadRequest. */
  function decoded(exchange: Exchange, view: View, path: ResourcePath, given: unknown): KubeObject {
    if (isObject(given)) {
      given.apiVersion ??= view.apiVersion;
      given.kind ??= view.kind;
      if (given.kind !== view.kind || given.apiVersion !== view.apiVersion) {
        throw badRequest(
          `${view.kind} in version ${JSON.stringify(view.version)} cannot be handled as a ${view.kind}: the API version in the data (${given.apiVersion}) does not match the expected API version (${view.apiVersion})`,
        );
      }
    }
    const { object, warnings } = decodeObject(given, { ...view, schema: view.type.schema }, fieldValidation(exchange.query));
    warn(exchange.response, warnings);
    const { metadata } = object;
    if (path.namespace !== undefined) {
      if (metadata.namespace && metadata.namespace !== path.namespace) {
        throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
      }
      metadata.namespace = path.namespace;
    }
    if (path.name !== undefined) {
      if (metadata.name && metadata.name !== path.name) {
        throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${path.name})`);
      }
      metadata.name = path.name;
    }
    return view.in(object);
  }

  function warnAbout(exchange: Exchange, view: View, object: KubeObject): void {
    const warnings = view.type.warnings?.(object);
    if (warnings) warn(exchange.response, warnings);
  }

  async function create(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const accepted = acceptedBy(exchange);
    const object = decoded(exchange, view, path, await body(exchange));
    if (view.type.createOnly) {
      sendJson(exchange, 201, JSON.stringify(review(object, exchange.user, registry.types)), accepted.yaml);
      return;
    }
    const options = writeOptions(exchange);
    const stored = registry.create(object, options);
    warnAbout(exchange, view, stored);
    sendObject(exchange, 201, view, stored, accepted);
  }

  async function update(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const accepted = acceptedBy(exchange);
    const given = await body(exchange);
    const options = writeOptions(exchange);
    if (path.subresource === 'scale') {
      const current = existing(view, path);
      const stored = registry.update(withScale(view.type, current, given), { ...options, subresource: 'scale' });
      sendScale(exchange, scaleOf(view.type, stored), accepted);
      return;
    }
    const object = decoded(exchange, view, path, given);
    if (path.subresource === 'status') options.subresource = 'status';
    const stored = registry.update(object, options);
    if (path.subresource === undefined) warnAbout(exchange, view, stored);
    sendObject(exchange, 200, view, stored, accepted);
  }

  async function patch(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const accepted = acceptedBy(exchange);
    const raw = await readBody(exchange.request);
    const outcome = applyPatch({
      registry,
      clock,
      view,
      path,
      body: raw,
      contentType: exchange.request.headers['content-type'],
      query: exchange.query,
      options: writeOptions(exchange),
      decode: (given, current) => {
        const { object, warnings } = decodeObject(given, { ...view, schema: view.type.schema }, fieldValidation(exchange.query));
        warn(exchange.response, warnings);
        if (current && object.metadata.name !== current.metadata.name) {
          throw badRequest(
            `the name of the object (${object.metadata.name}) does not match the name on the URL (${current.metadata.name})`,
          );
        }
        return view.in(object);
      },
    });
    if (path.subresource === undefined) warnAbout(exchange, view, outcome.object);
    if (path.subresource === 'scale') sendScale(exchange, scaleOf(view.type, outcome.object), accepted);
    else sendObject(exchange, outcome.created ? 201 : 200, view, outcome.object, accepted);
  }

  async function deleteOptions(exchange: Exchange): Promise<DeleteOptions> {
    const { query } = exchange;
    const raw = await readBody(exchange.request);
    const given = (raw.length > 0 ? parseBody(raw, exchange.request.headers['content-type']) : {}) as JsonObject;
    if (!isObject(given)) throw badRequest('invalid DeleteOptions');
    const options: DeleteOptions = {};
    const grace = given.gracePeriodSeconds ?? numeric(query.get('gracePeriodSeconds'));
    if (typeof grace === 'number') options.gracePeriodSeconds = grace;
    const policy = given.propagationPolicy ?? query.get('propagationPolicy');
    if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') options.propagationPolicy = policy;
    else if (policy) {
      throw new StatusError(
        'Invalid',
        `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      );
    }
    if (given.orphanDependents === true) options.propagationPolicy = 'Orphan';
    if (isObject(given.preconditions)) options.preconditions = given.preconditions as { uid?: string };
    if (isDryRun(query.get('dryRun') ?? (given.dryRun as string[] | undefined)?.[0])) options.dryRun = true;
    return options;
  }

  async function remove(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const accepted = acceptedBy(exchange);
    const options = await deleteOptions(exchange);
    const before = existing(view, path);
    const deleted = registry.delete(view.type.resource, path.namespace, path.name as string, options) as KubeObject;
    const gone = options.dryRun ? deleted : !registry.get(view.type.resource, path.namespace, path.name as string);
    // Kinds whose strategy returns the object; for the others a Status tells that it is gone.
    if (!gone || options.dryRun || RETURNS_OBJECT.has(view.type.resource)) {
      sendObject(exchange, 200, view, deleted, accepted);
      return;
    }
    const { name, uid } = before.metadata;
    const details = { name, ...(view.group ? { group: view.group } : {}), kind: view.type.plural, uid };
    sendJson(
      exchange,
      200,
      JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }),
      accepted.yaml,
    );
  }

  async function removeCollection(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const accepted = acceptedBy(exchange);
    const options = await deleteOptions(exchange);
    const matches = matcher(view.type, exchange.query, path.namespace, undefined);
    const items = registry.snapshot(view.type.resource).filter(matches);
    const deleted = items.map(
      ({ metadata }) => registry.delete(view.type.resource, metadata.namespace, metadata.name, options) as KubeObject,
    );
    const metadata = JSON.stringify({ resourceVersion: String(registry.version()) });
    sendJson(
      exchange,
      200,
      `{"kind":"${view.kind}List","apiVersion":"${view.apiVersion}","metadata":${metadata},"items":[${deleted.map(item => itemJson(view.out(item))).join(',')}]}`,
      accepted.yaml,
    );
  }

  async function evictPod(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const given = (await body(exchange)) as JsonObject;
    const options: DeleteOptions = {};
    const { gracePeriodSeconds, dryRun } = (
      isObject(given) && isObject(given.deleteOptions) ? given.deleteOptions : {}
    ) as JsonObject;
    if (typeof gracePeriodSeconds === 'number') options.gracePeriodSeconds = gracePeriodSeconds;
    if (isDryRun(exchange.query.get('dryRun') ?? (dryRun as string[] | undefined)?.[0])) options.dryRun = true;
    evict(registry, clock, existing(view, path), options);
    sendJson(exchange, 201, JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }));
  }

  /** pods/binding, as a scheduler of the user's own would post it. */
  async function bind(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const given = (await body(exchange)) as { target?: { name?: string } };
    const pod = existing(view, path);
    if (pod.spec?.nodeName) {
      throw new StatusError(
        'Conflict',
        `Operation cannot be fulfilled on pods/binding ${JSON.stringify(path.name)}: pod ${path.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`,
      );
    }
    registry.modify('pods', path.namespace, path.name as string, draft => {
      draft.spec.nodeName = given.target?.name;
    });
    sendJson(exchange, 201, JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }));
  }

  return async function handle(exchange: Exchange, view: View, path: ResourcePath): Promise<void> {
    const { method } = exchange;
    const { type } = view;
    if (type.resource === 'endpoints') warn(exchange.response, [ENDPOINTS_DEPRECATED]);
    if (path.namespace !== undefined && !type.namespaced) throw noSuchPath();
    if (type.createOnly) {
      if (method !== 'POST' || path.name) throw methodNotAllowed();
      return create(exchange, view, path);
    }
    if (type.alwaysEmpty && method !== 'GET' && method !== 'HEAD' && method !== 'DELETE') {
      throw new StatusError(
        'MethodNotAllowed',
        `nothing in the sandbox acts on objects of kind ${type.kind}: creating one is refused`,
      );
    }
    if (path.subresource) {
      if (path.subresource === 'eviction' && type.resource === 'pods' && method === 'POST') return evictPod(exchange, view, path);
      if (path.subresource === 'binding' && type.resource === 'pods' && method === 'POST') return bind(exchange, view, path);
      if (path.subresource === 'finalize' && type.resource === 'namespaces' && method === 'PUT')
        return update(exchange, view, path);
      const known = (path.subresource === 'status' && type.status) || (path.subresource === 'scale' && type.scale);
      if (!known) throw noSuchPath(`${type.plural}/${path.subresource}`);
      if (method === 'GET') {
        const accepted = acceptedBy(exchange);
        const object = existing(view, path);
        if (path.subresource === 'scale') sendScale(exchange, scaleOf(type, object), accepted);
        else sendObject(exchange, 200, view, object, accepted);
        return;
      }
      if (method === 'PUT') return update(exchange, view, path);
      if (method === 'PATCH') return patch(exchange, view, path);
      throw methodNotAllowed();
    }
    if (path.name === undefined) {
      if (method === 'GET' || method === 'HEAD') return list(exchange, view, path);
      if (method === 'POST' && (path.namespace !== undefined || !type.namespaced)) return create(exchange, view, path);
      if (method === 'DELETE') return removeCollection(exchange, view, path);
      throw methodNotAllowed();
    }
    if (type.namespaced && path.namespace === undefined) throw noSuchPath();
    switch (method) {
      case 'GET':
      case 'HEAD': {
        if (exchange.query.get('watch') === 'true' || exchange.query.get('watch') === '1') return list(exchange, view, path);
        const accepted = acceptedBy(exchange);
        return sendObject(exchange, 200, view, existing(view, path), accepted);
      }
      case 'PUT':
        return update(exchange, view, path);
      case 'PATCH':
        return patch(exchange, view, path);
      case 'DELETE':
        return remove(exchange, view, path);
      default:
        throw methodNotAllowed();
    }
  };
}

const ENDPOINTS_DEPRECATED = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';

const RETURNS_OBJECT = new Set(['pods', 'services', 'serviceaccounts', 'namespaces']);

/** The details are empty, not missing: kubectl reads them unasked (`kubectl debug` crashes without). */
export const noSuchPath = (what?: string) =>
  new StatusError(
    'NotFound',
    `the server could not find the requested resource${what ? `: the sandbox has no ${what}` : ''}`,
    {},
  );
export const methodNotAllowed = () =>
  new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource');

const numeric = (text: string | null) => (text === null || text === '' ? undefined : Number(text));
const isDryRun = (text: string | null | undefined): boolean => {
  if (!text) return false;
  if (text === 'All') return true;
  throw badRequest(`Invalid dryRun value ${JSON.stringify(text)}: supported values: "All"`);
};

function fieldValidation(query: URLSearchParams): FieldValidation {
  const given = query.get('fieldValidation') || 'Warn';
  if (given === 'Ignore' || given === 'Warn' || given === 'Strict') return given;
  throw badRequest(`fieldValidation: Unsupported value: ${JSON.stringify(given)}: supported values: "Ignore", "Strict", "Warn"`);
}

/** Who writes: the fieldManager parameter, else the first word of User-Agent, as upstream. */
function writeOptions({ query, request }: Exchange): WriteOptions {
  const manager = query.get('fieldManager') || (request.headers['user-agent'] ?? '').split('/')[0] || 'unknown';
  const options: WriteOptions = { fieldManager: manager };
  if (isDryRun(query.get('dryRun'))) options.dryRun = true;
  return options;
}
