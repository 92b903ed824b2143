/** What a zod schema allows, in words and by path: for error messages and for the generated reference. */
import * as z from 'zod';

type Def = z.core.$ZodTypes['_zod']['def'];
const defOf = (schema: z.core.$ZodType): Def => (schema as z.core.$ZodTypes)._zod.def;

/** Takes off what only says how a value may be left out, or how it is changed after it was read. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const def = defOf(schema);
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return unwrapped(def.innerType);
    case 'pipe':
      return unwrapped(def.in);
    case 'lazy':
      return unwrapped(def.getter());
    default:
      return schema;
  }
}

export type SchemaFields = Readonly<Record<string, z.core.$ZodType>>;

/** The fields of a map with known keys; undefined for anything else. */
export function fieldsOf(schema: z.core.$ZodType): SchemaFields | undefined {
  const def = defOf(unwrapped(schema));
  return def.type === 'object' ? def.shape : undefined;
}

/** The key that chooses between the options of a union, with the options by its values. */
export function choiceOf(schema: z.core.$ZodType): { key: string; options: Map<string, z.core.$ZodType> } | undefined {
  const def = defOf(unwrapped(schema));
  if (def.type !== 'union' || !('discriminator' in def) || typeof def.discriminator !== 'string') return undefined;
  const key = def.discriminator;
  const options = new Map<string, z.core.$ZodType>();
  for (const option of def.options) {
    const field = fieldsOf(option)?.[key];
    for (const value of field ? literalsOf(field) : []) options.set(value, option);
  }
  return { key, options };
}

/** The texts that a literal or an enum allows; empty for anything else. */
export function literalsOf(schema: z.core.$ZodType): string[] {
  const def = defOf(unwrapped(schema));
  if (def.type === 'literal') return def.values.map(String);
  if (def.type === 'enum') return Object.values(def.entries).map(String);
  return [];
}

/** The schema of what stands at a path. `value` is the whole input: where a union has a discriminator, it chooses. */
export function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): z.core.$ZodType | undefined {
  let here: z.core.$ZodType | undefined = unwrapped(schema);
  let data = value;
  for (const step of path) {
    here = here && chosen(here, data);
    if (!here) return undefined;
    const def = defOf(here);
    if (def.type === 'object') here = Object.hasOwn(def.shape, step) ? def.shape[String(step)] : undefined;
    else if (def.type === 'array') here = def.element;
    else if (def.type === 'record') here = def.valueType;
    else return undefined;
    if (!here) return undefined;
    here = unwrapped(here);
    data =
      data !== null && typeof data === 'object' && Object.hasOwn(data, step)
        ? (data as Record<PropertyKey, unknown>)[step]
        : undefined;
  }
  return here && chosen(here, data, true);
}

/** For a union with a discriminator the option that the data names; the union itself when it names none. */
function chosen(schema: z.core.$ZodType, data: unknown, orItself = false): z.core.$ZodType | undefined {
  const choice = choiceOf(schema);
  if (!choice) return schema;
  const named = data !== null && typeof data === 'object' ? (data as Record<string, unknown>)[choice.key] : undefined;
  return (typeof named === 'string' ? choice.options.get(named) : undefined) ?? (orItself ? schema : undefined);
}

/** What may stand here, as a noun phrase: "a whole number from 1 to 65535", "a duration such as 500ms". */
export function wanted(schema: z.core.$ZodType): string {
  const def = defOf(schema);
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'nonoptional':
    case 'catch':
      return wanted(def.innerType);
    case 'nullable':
      return `${wanted(def.innerType)} or null`;
    case 'pipe':
      return wanted(def.in);
    case 'lazy':
      return wanted(def.getter());
    case 'string':
      return wantedText(schema as z.core.$ZodString);
    case 'number':
      return wantedNumber(schema as z.core.$ZodNumber);
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'literal':
    case 'enum': {
      const values = literalsOf(schema).map(value => `\`${value}\``);
      return values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`;
    }
    case 'array':
      return 'a list';
    case 'object':
    case 'record':
    case 'map':
      return 'a map of fields';
    case 'union':
      if (choiceOf(schema)) return 'a map of fields';
      return [...new Set(def.options.map(option => wanted(option)))].join(' or ');
    default:
      return 'another value';
  }
}

function wantedText(schema: z.core.$ZodString): string {
  for (const check of schema._zod.def.checks ?? []) {
    const def = check._zod.def as z.core.$ZodCheckStringFormatDef & { prefix?: string };
    if (def.check !== 'string_format') continue;
    // Formats of ours carry their own words, a noun phrase; they never look at the issue.
    const words = def.error?.({} as never);
    if (words) return typeof words === 'string' ? words : words.message;
    if (def.format === 'starts_with') return `text that starts with \`${def.prefix}\``;
    if (def.pattern) return `text that matches ${def.pattern}`;
  }
  const { format, minLength = 0, maxLength } = limitsOf(schema);
  if (format === 'uri') return 'a full URL such as https://example.org/path';
  if (maxLength !== undefined) return `text of ${minLength > 0 ? `${minLength} to` : 'at most'} ${maxLength} characters`;
  return minLength > 0 ? 'text that is not empty' : 'text';
}

function wantedNumber(schema: z.core.$ZodNumber): string {
  const { type, minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = limitsOf(schema);
  const noun = type === 'integer' ? 'a whole number' : 'a number';
  const isLow = minimum > Number.MIN_SAFE_INTEGER;
  const isHigh = maximum < Number.MAX_SAFE_INTEGER;
  if (isLow && isHigh) return `${noun} from ${minimum} to ${maximum}`;
  if (isLow) return `${noun}, at least ${minimum}`;
  return isHigh ? `${noun}, at most ${maximum}` : noun;
}

/** Bounds as JSON Schema names them: zod's public way to ask for them. */
function limitsOf(schema: z.core.$ZodType) {
  return z.toJSONSchema(schema, { io: 'input' }) as {
    type?: string;
    format?: string;
    minimum?: number;
    maximum?: number;
    minLength?: number;
    maxLength?: number;
  };
}

/** The `describe` text of a schema, also where it stands inside of what makes it optional. */
export function descriptionOf(schema: z.core.$ZodType): string | undefined {
  const own = (schema as z.ZodType).description;
  if (own !== undefined) return own;
  const def = defOf(schema);
  return 'innerType' in def ? descriptionOf(def.innerType) : undefined;
}
