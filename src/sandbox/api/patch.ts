import { parse as parseYaml } from 'yaml';
import { badRequest, conflict, notFoundStatus } from '../registry/api-errors.ts';
import { isObject } from '../registry/json.ts';
import { apply, checkApplied, objectSchema } from '../registry/managed-fields.ts';
import type { Registry } from '../registry/registry.ts';
import type { KubeObject, SandboxClock, WriteOptions } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import { schemaOf } from '../schema/schemas.ts';
import { parseJson } from './body.ts';
import { jsonPatch } from './patch/json-patch.ts';
import { mergePatch } from './patch/merge-patch.ts';
import { strategicMerge } from './patch/strategic-merge.ts';
import type { ResourcePath } from './request-path.ts';
import { scaleOf, withScale } from './scale.ts';
import { checkTypes } from './typed-patch.ts';
import type { View } from './view.ts';

export interface PatchRequest {
  registry: Registry;
  clock: SandboxClock;
  view: View;
  path: ResourcePath;
  body: Buffer;
  contentType: string | undefined;
  query: URLSearchParams;
  options: WriteOptions;
  /** Checks and shapes the patched object. */
  decode: (given: unknown, current: KubeObject | undefined) => KubeObject;
}

const ACCEPTED =
  'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml';

/** PATCH in its four forms. @throws StatusError. */
export function applyPatch(request: PatchRequest): { object: KubeObject; created: boolean } {
  const type = (request.contentType ?? '').split(';')[0]?.trim();
  if (type === 'application/apply-patch+yaml') return serverSideApply(request);
  const { registry, view, path, options } = request;
  const stored = registry.get(view.type.resource, path.namespace, path.name as string);
  if (!stored) throw notFoundStatus({ plural: view.type.plural, group: view.group }, path.name as string);
  const current = path.subresource === 'scale' ? scaleOf(view.type, stored) : view.out(stored);
  const patch = parseJson(request.body, type === 'application/strategic-merge-patch+json' ? '' : 'error decoding patch: ');
  let patched: unknown;
  switch (type) {
    case 'application/json-patch+json':
      patched = jsonPatch(current, patch);
      break;
    case 'application/merge-patch+json':
      if (!isObject(patch))
        throw badRequest('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}');
      patched = mergePatch(current, patch);
      break;
    case 'application/strategic-merge-patch+json': {
      if (view.type.custom)
        throw unsupported('application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml');
      if (!isObject(patch))
        throw badRequest('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}');
      patched = strategicMerge(current, patch, schemaOf(view.group, view.version, view.kind));
      break;
    }
    default:
      throw unsupported(ACCEPTED);
  }
  const given = patched as KubeObject;
  if (given.metadata?.resourceVersion && given.metadata.resourceVersion !== stored.metadata.resourceVersion) {
    throw conflict({ plural: view.type.plural, group: view.group }, path.name as string);
  }
  if (path.subresource === 'scale') {
    return {
      object: registry.update(withScale(view.type, stored, patched), { ...options, subresource: 'scale' }),
      created: false,
    };
  }
  const object = request.decode(structuredClone(patched), stored);
  if (path.subresource === 'status') options.subresource = 'status';
  return { object: registry.update(object, options), created: false };
}

const unsupported = (accepted: string) =>
  new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );

/** application/apply-patch+yaml: creates what is not there. */
function serverSideApply(request: PatchRequest): { object: KubeObject; created: boolean } {
  const { registry, clock, view, path, query, options } = request;
  let given: unknown;
  try {
    given = parseYaml(request.body.toString('utf8'));
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  if (!isObject(given)) throw badRequest('error decoding YAML');
  const manager = query.get('fieldManager');
  if (!manager) {
    throw new StatusError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      {
        group: 'meta.k8s.io',
        kind: 'PatchOptions',
        causes: [{ reason: 'FieldValueRequired', message: 'Required value: is required for apply patch', field: 'fieldManager' }],
      },
    );
  }
  checkApplied(given);
  const name = path.name as string;
  checkTypes(
    given,
    schemaOf(view.group, view.version, view.kind) ?? view.type.schema,
    `(${path.namespace ? `${path.namespace}/` : ''}${name}; ${view.apiVersion}, Kind=${view.kind})`,
  );
  const config = request.decode(given, undefined);
  if (config.kind !== view.kind || config.apiVersion !== view.apiVersion) {
    throw badRequest(
      `the kind of the object (${config.apiVersion}, Kind=${config.kind}) does not match the path (${view.apiVersion}, Kind=${view.kind})`,
    );
  }
  config.metadata.name ||= name;
  if (config.metadata.name !== name) throw badRequest('metadata.name does not match the name on the URL');
  if (path.namespace !== undefined) config.metadata.namespace = path.namespace;
  if (path.subresource !== 'status' && view.type.status) delete config.status;
  const live = registry.get(view.type.resource, path.namespace, name);
  const { resourceVersion } = config.metadata;
  delete config.metadata.resourceVersion;
  if (!live && (path.subresource || resourceVersion)) throw notFoundStatus({ plural: view.type.plural, group: view.group }, name);
  const object = apply({
    live,
    config,
    manager,
    subresource: path.subresource,
    force: query.get('force') === 'true',
    nowMs: clock.now(),
    schema: objectSchema(config, view.type.schema),
  });
  const { fieldManager: _, ...rest } = options;
  if (!live) return { object: registry.create(object, rest), created: true };
  if (resourceVersion && resourceVersion !== live.metadata.resourceVersion)
    throw conflict({ plural: view.type.plural, group: view.group }, name);
  if (path.subresource === 'status') rest.subresource = 'status';
  return { object: registry.update(object, rest), created: false };
}
