import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { Container, KeyToPath, Volume } from 'kubernetes-types/core/v1.js';
import type { Mount } from '../programs/container/container-config.ts';
import type { KubeObject, Resources } from '../registry/resources.ts';
import { fieldValue, resourceFieldValue } from './downward-api.ts';
import type { NodeFacts } from './environment.ts';

/** A volume that cannot be made; `message` is upstream's FailedMount text. */
export class MountError extends Error {}

/** Files of a volume: path relative to its root → content. */
type Payload = Map<string, Buffer>;

interface Sources {
  pod: KubeObject;
  podIP: string;
  resources: Resources;
  node: NodeFacts;
}

function fromObject(
  kind: 'configmap' | 'secret',
  name: string,
  items: readonly KeyToPath[] | undefined,
  optional: boolean,
  { pod, resources }: Sources,
): Payload {
  const namespace = pod.metadata.namespace as string;
  const object = resources.get(`${kind}s`, namespace, name);
  const payload: Payload = new Map();
  if (!object) {
    if (optional) return payload;
    throw new MountError(`${kind} "${name}" not found`);
  }
  const encoding = kind === 'secret' ? 'base64' : 'utf8';
  for (const [key, value] of Object.entries<string>(object.data ?? {})) payload.set(key, Buffer.from(value, encoding));
  for (const [key, value] of Object.entries<string>(object.binaryData ?? {})) payload.set(key, Buffer.from(value, 'base64'));
  if (!items?.length) return payload;
  const chosen: Payload = new Map();
  for (const { key, path } of items) {
    const content = payload.get(key);
    if (content !== undefined) chosen.set(path, content);
    else if (!optional)
      throw new MountError(
        `${kind === 'secret' ? 'references non-existent secret key' : 'references non-existent config key'}: ${key}`,
      );
  }
  return chosen;
}

type DownwardItem = {
  path: string;
  fieldRef?: { fieldPath: string };
  resourceFieldRef?: { containerName?: string; resource: string };
};

function fromDownwardApi(items: readonly DownwardItem[] | undefined, { pod, podIP, node }: Sources): Payload {
  const payload: Payload = new Map();
  for (const { path, fieldRef, resourceFieldRef } of items ?? []) {
    const value = fieldRef
      ? fieldValue(fieldRef.fieldPath, pod, podIP, node)
      : resourceFieldRef
        ? resourceFieldValue(resourceFieldRef, pod, pod.spec.containers[0], node)
        : '';
    payload.set(path, Buffer.from(value));
  }
  return payload;
}

/** A token that says who it is for and opens nothing: pods of the sandbox have no business with its API. */
function placeholderToken({ pod }: Sources): Buffer {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const account = pod.spec.serviceAccountName ?? 'default';
  return Buffer.from(
    `${encode({ alg: 'none' })}.${encode({ sub: `system:serviceaccount:${pod.metadata.namespace}:${account}` })}.`,
  );
}

/** The content of a volume that is made of API objects; undefined for one that is a plain directory. */
function payloadOf(volume: Volume, sources: Sources): Payload | undefined {
  if (volume.configMap)
    return fromObject(
      'configmap',
      volume.configMap.name ?? '',
      volume.configMap.items,
      volume.configMap.optional ?? false,
      sources,
    );
  if (volume.secret)
    return fromObject('secret', volume.secret.secretName ?? '', volume.secret.items, volume.secret.optional ?? false, sources);
  if (volume.downwardAPI) return fromDownwardApi(volume.downwardAPI.items as DownwardItem[], sources);
  if (volume.projected) {
    const payload: Payload = new Map();
    for (const source of volume.projected.sources ?? []) {
      const { configMap, secret, downwardAPI, serviceAccountToken } = source;
      const part = configMap
        ? fromObject('configmap', configMap.name ?? '', configMap.items, configMap.optional ?? false, sources)
        : secret
          ? fromObject('secret', secret.name ?? '', secret.items, secret.optional ?? false, sources)
          : downwardAPI
            ? fromDownwardApi(downwardAPI.items as DownwardItem[], sources)
            : new Map([[serviceAccountToken?.path ?? 'token', placeholderToken(sources)]]);
      for (const [path, content] of part) payload.set(path, content);
    }
    return payload;
  }
  return undefined;
}

function readPayload(directory: string): Map<string, Buffer> {
  const found: Payload = new Map();
  const walk = (relative: string) => {
    for (const entry of readdirSync(join(directory, relative), { withFileTypes: true })) {
      const path = posix.join(relative, entry.name);
      if (entry.isDirectory()) walk(path);
      else found.set(path, readFileSync(join(directory, path)));
    }
  };
  walk('');
  return found;
}

const same = (a: Payload, b: Payload) => a.size === b.size && [...a].every(([path, content]) => b.get(path)?.equals(content));

/**
 * Writes a payload as upstream's AtomicWriter: files lie in a time-stamped directory, `..data` is a link to it that is replaced in one
 * step, and each file is a link through `..data`. Returns whether anything changed.
 */
function writeAtomically(directory: string, payload: Payload, now: number): boolean {
  mkdirSync(directory, { recursive: true });
  const dataLink = join(directory, '..data');
  let current: string | undefined;
  try {
    current = readlinkSync(dataLink);
  } catch {
    // Written for the first time.
  }
  if (current !== undefined && same(readPayload(join(directory, current)), payload)) return false;
  let version = `..${new Date(now).toISOString().slice(0, 19).replace('T', '_').replaceAll(/[-:]/g, '_')}.${String(Math.floor(Math.random() * 1e9)).padStart(9, '0')}`;
  if (version === current) version += '1';
  mkdirSync(join(directory, version));
  const tops = new Set<string>();
  for (const [path, content] of payload) {
    // An item's path may name directories but never leaves the volume.
    const safe = posix.normalize(`/${path}`).slice(1);
    mkdirSync(dirname(join(directory, version, safe)), { recursive: true });
    writeFileSync(join(directory, version, safe), content, { mode: 0o644 });
    tops.add(safe.split('/')[0] as string);
  }
  const temporary = join(directory, '..data_tmp');
  rmSync(temporary, { force: true });
  symlinkSync(version, temporary);
  renameSync(temporary, dataLink);
  for (const entry of readdirSync(directory)) {
    if (entry.startsWith('..')) continue;
    if (!tops.has(entry)) rmSync(join(directory, entry), { force: true });
    tops.delete(entry);
  }
  for (const top of tops) symlinkSync(join('..data', top), join(directory, top));
  if (current !== undefined) rmSync(join(directory, current), { recursive: true, force: true });
  return true;
}

/** A name of the API as the name of a file: validation leaves only such names anyway, but no name may lead out of a directory. */
export const fileName = (name: string): string => name.replaceAll(/[^A-Za-z0-9-]/g, '_');

/** The volumes of one pod, as directories below the pod's own. */
export class PodVolumes {
  readonly #directory: string;

  constructor(podDirectory: string) {
    this.#directory = join(podDirectory, 'volumes');
  }

  path(volume: string): string {
    return join(this.#directory, fileName(volume));
  }

  /**
   * Makes or refreshes one volume. Returns whether its content changed.
   * @throws MountError.
   */
  setUp(volume: Volume, sources: Sources, now: number): boolean {
    const payload = payloadOf(volume, sources);
    if (payload) return writeAtomically(this.path(volume.name), payload, now);
    const { name, ...source } = volume;
    const kind = Object.keys(source)[0] ?? 'emptyDir';
    if (kind !== 'emptyDir' && kind !== 'ephemeral') {
      throw new MountError(
        `the sandbox has no volumes of type ${kind}: it mounts configMap, secret, emptyDir, downwardAPI and projected ones`,
      );
    }
    mkdirSync(this.path(name), { recursive: true });
    return false;
  }

  /** A container's mounts. A `subPath` of a volume that is not there is made, as upstream does. */
  mounts(container: Container, volumes: readonly Volume[]): Mount[] {
    return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, readOnly }) => {
      const volume = volumes.find(candidate => candidate.name === name);
      const isContent =
        volume !== undefined && (volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected) !== undefined;
      const relative = posix.normalize(`/${subPath ?? ''}`);
      const source = join(this.path(name), relative);
      if (subPath && !isContent) mkdirSync(source, { recursive: true });
      return { mountPath, source: source.replace(/\/$/, ''), readOnly: readOnly === true || isContent };
    });
  }
}
