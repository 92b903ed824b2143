/** zod's issues in our own words: what is wrong, what is allowed, and what was probably meant. */
import * as z from 'zod';
import { type Problem, placeName } from './problem.ts';
import { choiceOf, descriptionOf, fieldsOf, literalsOf, schemaAt, unwrapped, wanted } from './schema-view.ts';
import { nearest, suggestion } from './suggest.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** @param value the whole input that `schema` refused with `issues`. */
export function problemsOf(issues: readonly Issue[], schema: z.ZodType, value: unknown): Problem[] {
  const problems = issues.flatMap(issue => problemsOfIssue(issue, issue.path, schema, value));
  // A field with a typing mistake is one mistake, not an unknown field and a missing one.
  const meant = new Set(
    problems.flatMap(({ path, meant: name }) => (name === undefined ? [] : [keyOf([...path.slice(0, -1), name])])),
  );
  return problems.filter(({ at, path }) => at !== 'missing' || !meant.has(keyOf(path)));
}

const keyOf = (path: Path) => JSON.stringify(path.map(String));

/** `meant`: the field that an unknown one most likely stands for. */
type ZodProblem = Problem & { meant?: string | undefined };

function problemsOfIssue(issue: Issue, path: Path, schema: z.ZodType, value: unknown): ZodProblem[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownKeys(issue, path, schema, value);
    case 'invalid_union':
      if (issue.discriminator !== undefined) return [wrongChoice(path, schema, value)];
      return [wrongValue(path, schema, value)];
    case 'invalid_key': {
      const record = schemaAt(schema, path.slice(0, -1), value);
      const def = record && (record as z.core.$ZodTypes)._zod.def;
      const allowed = def?.type === 'record' ? wanted(def.keyType) : 'another name';
      return [{ path, at: 'key', message: `the name \`${String(path.at(-1))}\` cannot be used: ${allowed}` }];
    }
    case 'custom':
      return [{ path, at: pathExists(value, path) ? 'value' : 'missing', message: issue.message }];
    case 'too_small':
    case 'too_big':
      return [wrongSize(issue, path, schema, value)];
    default:
      return [pathExists(value, path) ? wrongValue(path, schema, value) : missing(path, schema, value)];
  }
}

function unknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, path: Path, schema: z.ZodType, value: unknown): ZodProblem[] {
  const here = schemaAt(schema, path, value);
  const allowed = Object.keys((here && fieldsOf(here)) ?? {});
  const present = valueAt(value, path);
  const used = present !== null && typeof present === 'object' ? Object.keys(present) : [];
  return issue.keys.map(key => {
    // What stands there already was not meant.
    const free = allowed.filter(name => !used.includes(name));
    const near = nearest(key, free);
    const hint = near === undefined ? suggestion(undefined, allowed) : suggestion(near, allowed);
    return { path: [...path, key], at: 'key', message: `unknown field \`${key}\` in ${placeName(path)}`, hint, meant: near };
  });
}

function wrongChoice(path: Path, schema: z.ZodType, value: unknown): Problem {
  const union = schemaAt(schema, path.slice(0, -1), value);
  const choice = union && choiceOf(union);
  const allowed = [...(choice?.options.keys() ?? [])];
  const given = valueAt(value, path);
  if (given === undefined) {
    return { path, at: 'missing', message: `${placeName(path)} is missing`, hint: suggestion(undefined, allowed) };
  }
  return {
    path,
    at: 'value',
    message: `${placeName(path)} cannot be ${shown(given)}`,
    hint: suggestion(typeof given === 'string' ? given : undefined, allowed),
  };
}

function missing(path: Path, schema: z.ZodType, value: unknown): Problem {
  const field = schemaAt(schema, path, value);
  const description = field && descriptionOf(fieldAt(path, schema, value) ?? field);
  const parts = [description?.split('\n')[0], field && `wanted: ${wanted(field)}`];
  return { path, at: 'missing', message: `${placeName(path)} is missing`, hint: parts.filter(Boolean).join(' ') || undefined };
}

/** The field with its wrappers: its description may stand on either. */
function fieldAt(path: Path, schema: z.ZodType, value: unknown): z.core.$ZodType | undefined {
  const parent = schemaAt(schema, path.slice(0, -1), value);
  return (parent && fieldsOf(parent))?.[String(path.at(-1))];
}

function wrongValue(path: Path, schema: z.ZodType, value: unknown): Problem {
  const field = schemaAt(schema, path, value);
  const given = valueAt(value, path);
  if (!field) return { path, at: 'value', message: `${placeName(path)} cannot be ${shown(given)}` };
  const allowed = literalsOf(field);
  const hint =
    allowed.length > 0
      ? typeof given === 'string' && nearest(given, allowed) !== undefined
        ? `did you mean \`${nearest(given, allowed)}\`?`
        : undefined
      : repair(given, field);
  return { path, at: 'value', message: `${placeName(path)} must be ${wanted(field)}, not ${shown(given)}`, hint };
}

function wrongSize(
  issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig,
  path: Path,
  schema: z.ZodType,
  value: unknown,
): Problem {
  if (issue.origin === 'array') {
    const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
    const message = `${placeName(path)} needs at ${issue.code === 'too_small' ? 'least' : 'most'} ${limit} ${limit === 1 ? 'item' : 'items'}`;
    const description = descriptionOf(fieldAt(path, schema, value) ?? z.unknown());
    return { path, at: 'value', message, hint: description?.split('\n')[0] };
  }
  const given = valueAt(value, path);
  if (issue.origin !== 'string' || typeof given !== 'string') return wrongValue(path, schema, value);
  if (given === '') return { path, at: 'value', message: `${placeName(path)} must not be empty` };
  const limit = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  return { path, at: 'value', message: `${placeName(path)} has ${given.length} characters, ${limit} are allowed` };
}

/** What the author probably meant, tried against the schema itself: so a hint is never wrong in its turn. */
function repair(given: unknown, field: z.core.$ZodType): string | undefined {
  const accepts = (value: unknown) => z.safeParse(unwrapped(field), value).success;
  if (typeof given === 'number' || typeof given === 'boolean') {
    const unit = ['s', '%'].find(one => accepts(`${given}${one}`));
    if (unit !== undefined && !accepts(String(given))) return `did you mean \`${given}${unit}\`?`;
    if (accepts(String(given)) && !(typeof given === 'number' && accepts(1))) return `write it in quotes: \`"${given}"\``;
  }
  if (typeof given === 'string') {
    const compact = given.replace(/\s+/g, '');
    const shortUnit = compact
      .replace(/(?<=\d)(milliseconds?|msecs?)$/i, 'ms')
      .replace(/(?<=\d)(seconds?|secs?)$/i, 's')
      .replace(/(?<=\d)(minutes?|mins?)$/i, 'm')
      .replace(/(?<=\d)(hours?|hrs?)$/i, 'h');
    const candidates = [
      compact,
      given.toLowerCase(),
      shortUnit,
      compact.toLowerCase().replaceAll('_', '-'),
      `${compact}s`,
      `${compact}%`,
      `/${given}`,
    ];
    const found = given === '' ? undefined : candidates.find(accepts);
    if (found !== undefined) return `did you mean \`${found}\`?`;
    if (given.trim() !== '' && accepts(Number(given))) return `write it without quotes: \`${Number(given)}\``;
    if (accepts([given])) return 'write it as a list: one `- ` a line';
  }
  const examples = (unwrapped(field) as z.ZodType).meta?.()?.examples;
  return Array.isArray(examples) && examples.length > 0
    ? `for example ${examples.map(one => `\`${String(one)}\``).join(', ')}`
    : undefined;
}

function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const step of path) {
    if (here === null || typeof here !== 'object' || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<PropertyKey, unknown>)[step];
  }
  return here;
}

function pathExists(value: unknown, path: Path): boolean {
  return valueAt(value, path) !== undefined;
}

/** A value as a message shows it: short, and telling numbers from text. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map of fields';
  if (typeof value !== 'string')
    return `the ${typeof value} ${String(value)}`.replace('the boolean ', '').replace('the bigint', 'the number');
  const text = value.length > 60 ? `${value.slice(0, 57)}…` : value;
  return JSON.stringify(text);
}
