/**
 * What somebody else did to an object while a drill was at it, or after: the live object set against the snapshot and against what the
 * drill itself asked for, field by field, so that putting one back does not undo the other.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ObjectRef } from '../record/events.ts';
import type { RawObject } from '../rehearsal/ports.ts';
import { desiredState } from './desired-state.ts';
import { differences, overlap, pathText, valueAt, withFieldsOf } from './fields.ts';
import { redactObject } from './redact.ts';
import type { UndoEntry } from './undo-journal.ts';
import { shortName } from './workloads.ts';

/** A field that is not as in the snapshot. Undefined is "not there". */
export interface ChangedField {
  path: string[];
  snapshot: unknown;
  /** As the drill left it; that of the snapshot when it did not touch it. */
  drill: unknown;
  live: unknown;
  /** Whose value is live: `both` is a field of the drill that somebody changed again. */
  by: 'drill' | 'somebody' | 'both';
  /** Field manager and time of the live value, as the object tells. */
  who?: string;
}

export interface TheirChange {
  object: ObjectRef;
  /** The object is gone, or has another uid than the one that the drill changed. */
  identity?: 'deleted' | 'deleted and created again';
  fields: ChangedField[];
  /** No field was changed by both: what is the drill's can go back, and what is theirs can stay. */
  mergeable: boolean;
}

/** Every field in which the live object is not as in the snapshot, with whose change it is. */
export function changedFields(entry: UndoEntry, live: RawObject): ChangedField[] {
  const before = entry.before && desiredState(entry.before);
  const drill = entry.drill ?? [];
  const now = desiredState(live);
  return differences(before ?? drill.at(-1)?.value, now).map(({ path, before: snapshot, after }): ChangedField => {
    const touched = drill.filter(field => overlap(field.path, path));
    const own = touched.some(
      field => field.path.length <= path.length && isDeepStrictEqual(field.value, valueAt(now, field.path)),
    );
    const by = entry.drill === undefined || own ? 'drill' : touched.length > 0 ? 'both' : 'somebody';
    const left = touched.findLast(field => field.path.length <= path.length);
    const who = by === 'drill' ? undefined : managerOf(live, path);
    return {
      path,
      snapshot: entry.before ? snapshot : undefined,
      drill: left ? valueAt(left.value, path.slice(left.path.length)) : snapshot,
      live: after,
      by,
      ...(who === undefined ? {} : { who }),
    };
  });
}

/** `live` with every field of the drill as in the snapshot, and theirs as they are. */
export function merged(live: RawObject, before: RawObject, fields: readonly ChangedField[]): RawObject {
  const own = fields.filter(field => field.by === 'drill').map(field => field.path);
  return withFieldsOf(desiredState(live), desiredState(before), own) as unknown as RawObject;
}

/**
 * Whether everything since the snapshot was done with the tools of people's hands: in a practice those are the hands of who practises.
 * What a controller or a pipeline wrote is never theirs.
 */
export function onlyByHand(before: RawObject, live: RawObject): boolean {
  const known = new Set(managersOf(before).map(entry => JSON.stringify(entry)));
  return managersOf(live)
    .filter(entry => entry.subresource !== 'status' && !known.has(JSON.stringify(entry)))
    .every(({ manager = '', subresource }) =>
      manager === 'kube-controller-manager' && subresource === undefined
        ? true
        : /^(kubectl|k9s|Mozilla|node-fetch|dashboard)/.test(manager),
    );
}

interface ManagedFields {
  manager?: string;
  time?: string;
  subresource?: string;
  fieldsV1?: Record<string, unknown>;
}

function managersOf(object: RawObject): ManagedFields[] {
  return (object.metadata['managedFields'] ?? []) as ManagedFields[];
}

/**
 * Who owns a field, by the object's managed fields: `f:NAME` for a key, `k:{…}` for an item of a list by its keys.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
function managerOf(object: RawObject, path: readonly string[]): string | undefined {
  const owners = managersOf(object).filter(({ fieldsV1 }) => {
    let fields = fieldsV1;
    for (const step of path) {
      if (!fields) return false;
      // What is owned as a whole has nothing inside of it.
      if (Object.keys(fields).length === 0) return true;
      const [, key = '', value] = /^\[(\w+)=(.*)\]$/s.exec(step) ?? [];
      const found: string | undefined = key
        ? Object.keys(fields).find(name => name.startsWith('k:') && String(JSON.parse(name.slice(2))[key]) === value)
        : `f:${step}`;
      fields = found === undefined ? undefined : (fields[found] as Record<string, unknown> | undefined);
    }
    return fields !== undefined;
  });
  const newest = owners.sort((left, right) => (right.time ?? '').localeCompare(left.time ?? ''))[0];
  return newest?.manager && `${newest.manager}${newest.time === undefined ? '' : ` at ${newest.time}`}`;
}

/** The three states side by side, by field, for people. Without secrets. */
export function theirChangeText({ object, identity, fields }: TheirChange): string {
  const head = `${shortName(object)} was ${identity ?? 'changed'} by somebody else since the drill began`;
  const whose = { drill: "the drill's", somebody: 'theirs', both: 'of the drill, changed again by somebody' };
  return [
    head,
    ...fields.flatMap(field => [
      `  ${pathText(field.path)}: ${whose[field.by]}${field.who === undefined ? '' : ` (${field.who})`}`,
      `    before the drill ${shownValue(object.kind, field.path, field.snapshot)}`,
      `    by the drill     ${shownValue(object.kind, field.path, field.drill)}`,
      `    now              ${shownValue(object.kind, field.path, field.live)}`,
    ]),
  ].join('\n');
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const LONGEST_SHOWN = 160;

/** A value as it may be shown: secrets are replaced as in every diff. */
export function shownValue(kind: string, path: readonly string[], value: unknown): string {
  if (value === undefined) return '(not there)';
  // It repeats the whole manifest, secrets too, in one string.
  if (path.at(-1) === LAST_APPLIED) return `(a manifest of ${String(value).length} characters)`;
  const object = { apiVersion: '', kind, metadata: { name: '' } };
  const [field = '', key] = path;
  const wrapped = path.length === 2 && key !== undefined ? { ...object, [field]: { [key]: value } } : { ...object, value };
  const redacted = redactObject(wrapped as RawObject);
  const shown =
    JSON.stringify(path.length === 2 && key !== undefined ? redacted[field]?.[key] : redacted['value']) ?? '(not there)';
  return shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}… (${shown.length} characters)` : shown;
}
