/**
 * Prints a pod template as Go's spew does with `%#v` (apimachinery/pkg/util/dump, ForHash): upstream's pod-template-hash is taken over these
 * characters, so ReplicaSets get the names here that they get in a real cluster. The types are generated from k8s.io/api 0.34
 * (scripts/pod-template-types.go).
 */
import { readFileSync } from 'node:fs';
import { packageFile } from '../../package-file.ts';

type Field = [goName: string, jsonName: string, type: number];
type Type = [kind: string, name: string, detail?: number | Field[]];

let table: Type[] | undefined;

function types(): Type[] {
  table ??= JSON.parse(readFileSync(packageFile('src/sandbox/schema/pod-template-types.json'), 'utf8')) as Type[];
  return table;
}

export const printPodTemplate = (template: unknown): string => print(0, template, false);

/** @param bare the type is not printed: the value is an element, a key, or behind a pointer whose type was. */
function print(id: number, value: unknown, bare: boolean): string {
  const [kind, name, detail] = types()[id] ?? ['string', 'string'];
  const prefix = bare ? '' : `(${name})`;
  switch (kind) {
    case 'pointer': {
      if (value === undefined || value === null) return bare ? '<nil>' : `(${name})<nil>`;
      return `${bare ? '<*>' : prefix}${print(detail as number, value, true)}`;
    }
    case 'struct':
      return `${prefix}${printStruct(detail as Field[], (value ?? {}) as Record<string, unknown>)}`;
    case 'slice': {
      // An empty list does not survive the wire as one.
      if (!Array.isArray(value) || value.length === 0) return `${prefix}<nil>`;
      return `${prefix}[${value.map(item => print(detail as number, item, true)).join(' ')}]`;
    }
    case 'map': {
      const entries = Object.entries((value ?? {}) as Record<string, unknown>);
      if (entries.length === 0) return `${prefix}<nil>`;
      const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
      return `${prefix}map[${sorted.map(([key, item]) => `${key}:${print(detail as number, item, true)}`).join(' ')}]`;
    }
    case 'resource.Quantity':
      return `${prefix}${printQuantity(value as string | number | undefined)}`;
    case 'v1.Time':
      return `${prefix}{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}`;
    case 'intstr.IntOrString':
      return `${prefix}${printIntOrString(value as string | number | undefined)}`;
    case 'bool':
      return `${prefix}${value === true}`;
    case 'number':
      return `${prefix}${value ?? 0}`;
    default:
      return `${prefix}${value ?? ''}`;
  }
}

function printStruct(fields: Field[], value: Record<string, unknown>): string {
  // An embedded struct (`VolumeSource`) has no name of its own in JSON.
  return `{${fields.map(([goName, jsonName, type]) => `${goName}:${print(type, jsonName ? value[jsonName] : value, false)}`).join(' ')}}`;
}

function printIntOrString(value: string | number | undefined): string {
  const isText = typeof value === 'string';
  return `{Type:(intstr.Type)${isText ? 1 : 0} IntVal:(int32)${isText ? 0 : (value ?? 0)} StrVal:(string)${isText ? value : ''}}`;
}

const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const DECIMAL: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** The parts of a Quantity as its fast path parses them (apimachinery/pkg/api/resource/quantity.go, ParseQuantity). */
function printQuantity(value: string | number | undefined): string {
  const text = String(value ?? '0');
  const parts = /^([0-9]+)(?:\.([0-9]*))?([a-zA-Z]*)$/.exec(text);
  const [, whole = '0', fraction = '', suffix = ''] = parts ?? [];
  const isBinary = BINARY.includes(suffix);
  const factor = isBinary ? 1024n ** BigInt(BINARY.indexOf(suffix) + 1) : 1n;
  const amount = BigInt(whole + fraction) * factor;
  const scale = (isBinary ? 0 : (DECIMAL[suffix] ?? 0)) - fraction.length;
  const parsed = `i:(resource.int64Amount){value:(int64)${amount} scale:(resource.Scale)${scale}}`;
  const format = isBinary ? 'BinarySI' : 'DecimalSI';
  return `{${parsed} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)${text} Format:(resource.Format)${format}}`;
}
