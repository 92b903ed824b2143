import { readFileSync } from 'node:fs';
import { packageFile } from '../../package-file.ts';
import { badRequest } from '../registry/api-errors.ts';
import type { JsonObject } from '../registry/json.ts';
import { StatusError } from '../registry/status-error.ts';

/**
 * Reads Kubernetes' protobuf (kubectl's typed commands send it): the magic `k8s\0`, a runtime.Unknown that names the
 * kind, and the message. Field numbers come from upstream's generated.proto files (schema/protobuf.json,
 * made by scripts/generate-schema.mjs). Wire format: https://protobuf.dev/programming-guides/encoding/
 */
type Field = [name: string, type: string, shape?: 'list' | 'map', key?: string];
type Messages = Record<string, Record<string, Field>>;

let loaded: Messages | undefined;
const messages = (): Messages => {
  loaded ??= JSON.parse(readFileSync(packageFile('src', 'sandbox', 'schema', 'protobuf.json'), 'utf8')) as Messages;
  return loaded;
};

const MAGIC = Buffer.from('k8s\0', 'latin1');

const unsupported = () =>
  new StatusError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );

/** @throws StatusError UnsupportedMediaType for a message that we do not know, BadRequest for a broken one. */
export function decodeProtobuf(body: Buffer): unknown {
  if (!body.subarray(0, 4).equals(MAGIC))
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  const unknown = readMessage(new Reader(body.subarray(4)), 'm.runtime.Unknown');
  const { apiVersion = '', kind = '' } = (unknown.typeMeta ?? {}) as { apiVersion?: string; kind?: string };
  const name = messageName(apiVersion, kind);
  if (!messages()[name]) throw unsupported();
  const object = readMessage(new Reader((unknown.raw as Buffer) ?? Buffer.alloc(0)), name);
  return { apiVersion, kind, ...plain(object) };
}

function messageName(apiVersion: string, kind: string): string {
  if (kind === 'DeleteOptions') return 'm.apis.meta.v1.DeleteOptions';
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  return `a.${(group as string).split('.')[0]}.${version}.${kind}`;
}

class Reader {
  private readonly buffer: Buffer;
  position = 0;
  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }
  get done(): boolean {
    return this.position >= this.buffer.length;
  }
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buffer[this.position++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw badRequest('proto: unexpected EOF');
  }
  bytes(): Buffer {
    const length = Number(this.varint());
    const start = this.position;
    if (start + length > this.buffer.length) throw badRequest('unexpected EOF');
    this.position += length;
    return this.buffer.subarray(start, this.position);
  }
  fixed(size: 4 | 8): Buffer {
    const start = this.position;
    this.position += size;
    if (this.position > this.buffer.length) throw badRequest('unexpected EOF');
    return this.buffer.subarray(start, this.position);
  }
}

function readMessage(reader: Reader, name: string): JsonObject {
  const fields = messages()[name] ?? {};
  const result: JsonObject = {};
  while (!reader.done) {
    const tag = Number(reader.varint());
    const wire = tag & 7;
    const field = fields[tag >>> 3];
    const raw =
      wire === 0
        ? reader.varint()
        : wire === 2
          ? reader.bytes()
          : wire === 1
            ? reader.fixed(8)
            : wire === 5
              ? reader.fixed(4)
              : undefined;
    if (raw === undefined) throw badRequest(`proto: illegal wireType ${wire}`);
    if (!field) continue;
    const [key, type, shape, keyType] = field;
    if (shape === 'map') {
      const entry = readEntry(new Reader(raw as Buffer), keyType as string, type);
      result[key] ??= {};
      (result[key] as JsonObject)[entry.key] = entry.value;
    } else if (shape === 'list') {
      result[key] ??= [];
      const list = result[key] as unknown[];
      // Packed numbers.
      if (wire === 2 && isVarint(type)) {
        const packed = new Reader(raw as Buffer);
        while (!packed.done) list.push(scalar(packed.varint(), type));
      } else list.push(scalar(raw, type));
    } else result[key] = scalar(raw, type);
  }
  return result;
}

function readEntry(reader: Reader, keyType: string, valueType: string): { key: string; value: unknown } {
  let key = '';
  let value: unknown = valueType === 'string' ? '' : {};
  while (!reader.done) {
    const tag = Number(reader.varint());
    const raw = (tag & 7) === 0 ? reader.varint() : reader.bytes();
    if (tag >>> 3 === 1) key = String(scalar(raw, keyType));
    else value = scalar(raw, valueType);
  }
  return { key, value };
}

const isVarint = (type: string) => /^(u?int(32|64)|bool)$/.test(type);

function scalar(raw: bigint | Buffer, type: string): unknown {
  if (typeof raw === 'bigint') {
    if (type === 'bool') return raw !== 0n;
    return Number(BigInt.asIntN(64, raw));
  }
  switch (type) {
    case 'string':
      return raw.toString('utf8');
    case 'bytes':
      return raw;
    case 'double':
      return raw.readDoubleLE();
  }
  const message = readMessage(new Reader(raw), type);
  // Types with a JSON form of their own.
  switch (type) {
    case 'm.apis.meta.v1.Time':
    case 'm.apis.meta.v1.MicroTime':
      return time(message, type.endsWith('MicroTime'));
    case 'm.apis.meta.v1.Duration':
      return `${Number(message.duration ?? 0) / 1e9}s`;
    case 'm.api.resource.Quantity':
      return message.string ?? '0';
    case 'm.util.intstr.IntOrString':
      return message.type === 1 ? (message.strVal ?? '') : (message.intVal ?? 0);
    case 'm.runtime.RawExtension':
      return message.raw ? JSON.parse((message.raw as Buffer).toString('utf8')) : null;
    case 'm.apis.meta.v1.FieldsV1':
      return message.Raw ? JSON.parse((message.Raw as Buffer).toString('utf8')) : {};
    case 'm.apis.meta.v1.Verbs':
      return message.items ?? [];
    case 'a.core.v1.Volume':
      return flattened(message, 'volumeSource');
    case 'a.core.v1.Probe':
    case 'a.core.v1.LifecycleHandler':
      return flattened(message, 'handler');
    case 'a.core.v1.EnvFromSource':
    case 'a.core.v1.ConfigMapKeySelector':
    case 'a.core.v1.SecretKeySelector':
    case 'a.core.v1.ConfigMapEnvSource':
    case 'a.core.v1.SecretEnvSource':
    case 'a.core.v1.ConfigMapVolumeSource':
    case 'a.core.v1.ConfigMapProjection':
    case 'a.core.v1.SecretProjection':
      return flattened(message, 'localObjectReference');
    case 'a.core.v1.EphemeralContainer':
      return flattened(message, 'ephemeralContainerCommon');
  }
  return message;
}

/** Structs that Go embeds are messages of their own on the wire and none in JSON. */
function flattened(message: JsonObject, field: string): JsonObject {
  const { [field]: embedded, ...rest } = message;
  return { ...rest, ...((embedded as JsonObject | undefined) ?? {}) };
}

function time(message: JsonObject, micro: boolean): string | null {
  const seconds = Number(message.seconds ?? 0);
  // Go's zero time.
  if (seconds <= -62135596800 || message.seconds === undefined) return null;
  const iso = new Date(seconds * 1000).toISOString().slice(0, 19);
  return micro ? `${iso}.${String(Math.floor(Number(message.nanos ?? 0) / 1000)).padStart(6, '0')}Z` : `${iso}Z`;
}

/**
 * The JSON that Go would have written: bytes as base64, and what `omitempty` leaves out is absent.
 * Go's protobuf writes a zero for every scalar that is no pointer, which JSON leaves out.
 */
function plain(value: unknown): JsonObject {
  return plainValue(value) as JsonObject;
}

function plainValue(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== 'object' || value === null) return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === '' || item === null) continue;
    if (item === 0 && key === 'generation') continue;
    result[key] = plainValue(item);
  }
  return result;
}
