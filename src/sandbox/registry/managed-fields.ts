import { type Schema, schemaOf } from '../schema/schemas.ts';
import {
  compare,
  type FieldPath,
  type FieldSet,
  fieldsOf,
  fromFieldsV1,
  isBelow,
  merge,
  printPath,
  toFieldsV1,
  without,
} from './field-paths.ts';
import { equal, isObject } from './json.ts';
import type { KubeObject } from './resources.ts';
import { StatusError } from './status-error.ts';

/** One writer's fields, in metadata.managedFields. */
export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time: string;
  fieldsType: 'FieldsV1';
  fieldsV1: unknown;
  subresource?: string;
}

interface Writer {
  manager: string;
  operation: 'Apply' | 'Update';
  subresource: string | undefined;
}

/** Fields that the server sets, and that nobody owns. */
const UNOWNED = new Set(
  [
    ['apiVersion'],
    ['kind'],
    ['metadata'],
    ...['name', 'namespace', 'creationTimestamp', 'uid', 'generation', 'managedFields', 'resourceVersion', 'generateName'].map(
      name => ['metadata', name],
    ),
    ...['deletionTimestamp', 'deletionGracePeriodSeconds'].map(name => ['metadata', name]),
  ].map(path => path.map(name => `f:${name}`).join('\0')),
);

const seconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Structs that upstream's types always have, so that nobody adds them: compare what is created with this. */
const EMPTY = { metadata: {}, spec: { strategy: {}, updateStrategy: {}, template: { metadata: {}, spec: {} } }, status: {} };

export function objectSchema(object: KubeObject, custom?: Schema): Schema | undefined {
  const [group, version] = object.apiVersion.includes('/')
    ? (object.apiVersion.split('/') as [string, string])
    : ['', object.apiVersion];
  return custom ?? schemaOf(group, version, object.kind);
}

const owned = (set: FieldSet): FieldSet => {
  const result: FieldSet = new Set();
  for (const path of set) {
    if (!UNOWNED.has(path) && !path.startsWith('f:metadata\0f:managedFields\0')) result.add(path);
  }
  return result;
};

const entriesOf = (object: KubeObject | undefined): ManagedFieldsEntry[] =>
  ((object?.metadata.managedFields ?? []) as ManagedFieldsEntry[]).filter(entry => entry.manager !== undefined);

const isWriter = (entry: ManagedFieldsEntry, writer: Writer, apiVersion: string) =>
  entry.manager === writer.manager &&
  entry.operation === writer.operation &&
  (entry.subresource ?? '') === (writer.subresource ?? '') &&
  (writer.operation === 'Apply' || entry.apiVersion === apiVersion);

const withoutAll = (set: FieldSet, gone: Iterable<FieldPath>): FieldSet => {
  const result = new Set(set);
  for (const path of gone) result.delete(path);
  return result;
};

/** Apply before Update, then by time and name, as upstream sorts. */
function sortEntries(entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const rank = (entry: ManagedFieldsEntry) =>
    `${entry.operation === 'Apply' ? 0 : 1} ${entry.time} ${entry.manager} ${entry.subresource ?? ''}`;
  return entries.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

function entry(object: KubeObject, writer: Writer, set: FieldSet, nowMs: number): ManagedFieldsEntry {
  return {
    manager: writer.manager,
    operation: writer.operation,
    apiVersion: object.apiVersion,
    time: seconds(nowMs),
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(set),
    ...(writer.subresource ? { subresource: writer.subresource } : {}),
  };
}

/** Lets `entries` keep what did not change hands; returns them without what others now own. */
function handOver(entries: ManagedFieldsEntry[], lost: readonly FieldSet[]): ManagedFieldsEntry[] {
  const kept: ManagedFieldsEntry[] = [];
  for (const given of entries) {
    const set = fromFieldsV1(given.fieldsV1);
    const rest = withoutAll(
      set,
      lost.flatMap(paths => [...paths].filter(path => set.has(path))),
    );
    if (rest.size === set.size) kept.push(given);
    else if (rest.size > 0) kept.push({ ...given, fieldsV1: toFieldsV1(rest) });
  }
  return kept;
}

/** Writes metadata.managedFields of `object` for a create, update or patch by `manager` (structured-merge-diff, Updater.Update). */
export function trackUpdate(
  object: KubeObject,
  old: KubeObject | undefined,
  manager: string,
  subresource: string | undefined,
  nowMs: number,
  schema: Schema | undefined,
): void {
  const { added, modified, removed } = compare(old ?? EMPTY, object, schema);
  const changed = owned(new Set([...added, ...modified]));
  const gone = owned(removed);
  if (old && changed.size === 0 && gone.size === 0) return;
  // The empty structs that a new object was compared with are not there to be removed.
  if (!old) gone.clear();
  const writer: Writer = { manager, operation: 'Update', subresource };
  const entries = entriesOf(object);
  const mine = entries.find(candidate => isWriter(candidate, writer, object.apiVersion));
  const others = handOver(
    entries.filter(candidate => candidate !== mine),
    [changed, gone],
  );
  const set = withoutAll(mine ? fromFieldsV1(mine.fieldsV1) : new Set(), gone);
  for (const path of changed) set.add(path);
  if (set.size > 0) others.push(entry(object, writer, set, nowMs));
  object.metadata.managedFields = sortEntries(others);
}

export interface ApplyRequest {
  live: KubeObject | undefined;
  config: KubeObject;
  manager: string;
  subresource: string | undefined;
  force: boolean;
  nowMs: number;
  schema: Schema | undefined;
}

/**
 * Server-side apply (structured-merge-diff, Updater.Apply): the live object with the configuration laid over it, without
 * what this manager applied before and nobody owns now, and with managedFields to match.
 * @throws StatusError Conflict when another manager owns a field that would change, unless forced.
 */
export function apply(request: ApplyRequest): KubeObject {
  const { live, config, manager, subresource, force, nowMs, schema } = request;
  const writer: Writer = { manager, operation: 'Apply', subresource };
  const entries = entriesOf(live);
  const mine = entries.find(candidate => isWriter(candidate, writer, config.apiVersion));
  let others = entries.filter(candidate => candidate !== mine);
  const set = owned(fieldsOf(config, schema));
  let result = (live ? merge(live, config, schema) : config) as KubeObject;

  if (mine) {
    const inUse = [set, ...others.map(other => fromFieldsV1(other.fieldsV1))];
    const gone: FieldSet = new Set();
    for (const path of fromFieldsV1(mine.fieldsV1)) {
      const used = inUse.some(paths => paths.has(path) || [...paths].some(other => isBelow(other, path)));
      if (!used) gone.add(path);
    }
    if (gone.size > 0) result = without(result, schema, gone) as KubeObject;
  }

  if (live) {
    const { added, modified, removed } = compare(live, result, schema);
    const changed = owned(new Set([...added, ...modified]));
    if (!force) refuseConflicts(others, changed);
    others = handOver(others, [changed, owned(removed)]);
  }
  const unchanged = mine && equal(mine.fieldsV1, toFieldsV1(set)) && mine.apiVersion === config.apiVersion;
  result = { ...result, metadata: { ...result.metadata } };
  result.metadata.managedFields = sortEntries([...others, unchanged ? mine : entry(config, writer, set, nowMs)]);
  return result;
}

function printManager({ manager, subresource, operation, apiVersion }: ManagedFieldsEntry): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

function refuseConflicts(others: readonly ManagedFieldsEntry[], changed: FieldSet): void {
  const conflicts: { manager: string; path: string }[] = [];
  for (const other of others) {
    const set = fromFieldsV1(other.fieldsV1);
    for (const path of [...changed].sort())
      if (set.has(path)) conflicts.push({ manager: printManager(other), path: printPath(path) });
  }
  if (conflicts.length === 0) return;
  let text: string;
  if (conflicts.length === 1) {
    text = `Apply failed with 1 conflict: conflict with ${conflicts[0]?.manager}: ${conflicts[0]?.path}`;
  } else {
    const managers = [...new Set(conflicts.map(conflict => conflict.manager))].sort();
    const lines = managers.flatMap(manager => [
      `conflicts with ${manager}:`,
      ...conflicts.filter(conflict => conflict.manager === manager).map(conflict => `- ${conflict.path}`),
    ]);
    text = `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
  }
  throw new StatusError('Conflict', text, {
    causes: conflicts.map(({ manager, path }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${manager}`,
      field: path,
    })),
  });
}

/** What a client may not send in a configuration that it applies. @throws StatusError BadRequest. */
export function checkApplied(config: unknown): void {
  if (!isObject(config) || !isObject(config.metadata)) return;
  if (Array.isArray(config.metadata.managedFields) && config.metadata.managedFields.length > 0) {
    throw new StatusError('BadRequest', 'metadata.managedFields must be nil');
  }
}
