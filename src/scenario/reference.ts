/** The reference of the scenario format in Markdown, from the schema alone: it cannot say anything else than what is checked. */
import * as z from 'zod';
import { choiceOf, descriptionOf, fieldsOf, literalsOf, unwrapped, wanted } from '../yaml/schema-view.ts';
import { scenarioSchema } from './schema.ts';

type Schema = z.core.$ZodType;

export function scenarioReference(): string {
  return [
    '# Scenario reference',
    'A scenario is one YAML file: `scenarios/NAME.yaml`. `rehearse validate FILE` checks it and names every mistake with its place.',
    'With this first line, editors that speak to the YAML language server complete and check while you type:',
    '```yaml\n# yaml-language-server: $schema=./scenario.schema.json\n```',
    'Durations are written `500ms`, `10s`, `1.5m`, `1h`. This page is generated from the schema (`npx tsx scripts/generate-scenario-files.ts`).',
    ...sections('', scenarioSchema),
  ]
    .join('\n\n')
    .concat('\n');
}

/** The section of a map of fields, then those of the maps and lists in it. */
function sections(path: string, schema: Schema): string[] {
  const choice = choiceOf(schema);
  if (choice) {
    return [...choice.options].flatMap(([value, option]) => {
      const { [choice.key]: chooser, ...fields } = fieldsOf(option) ?? {};
      const words = [`### \`${path}\`, \`${choice.key}: ${value}\``, (chooser && descriptionOf(chooser)) ?? ''];
      return [...words.filter(Boolean), ...(Object.keys(fields).length > 0 ? [table(fields)] : []), ...inner(path, fields)];
    });
  }
  const fields = fieldsOf(schema);
  if (!fields) return [];
  const title = path === '' ? [] : [`## \`${path}\``, descriptionOf(schema) ?? ''].filter(Boolean);
  return [...title, table(fields), ...inner(path, fields)];
}

function inner(path: string, fields: Readonly<Record<string, Schema>>): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const element = elementOf(field);
    if (element) {
      const below = sections(`${here}[]`, element);
      const own = descriptionOf(field);
      // A list of choices has a heading of its own; that of a list of maps says it in its section.
      if (choiceOf(element)) return [`## \`${here}[]\``, ...(own ? [own] : []), `Each item is one of these.`, ...below];
      return below.length > 0 && own ? [below[0] ?? '', own, ...below.slice(1)] : below;
    }
    if (choiceOf(field))
      return [`## \`${here}\``, descriptionOf(field) ?? '', 'One of these.', ...sections(here, field)].filter(Boolean);
    const below = sections(here, unwrapped(field));
    const own = descriptionOf(field);
    return below.length > 0 && own && below[1] !== own ? [below[0] ?? '', own, ...below.slice(1)] : below;
  });
}

function table(fields: Readonly<Record<string, Schema>>): string {
  const rows = Object.entries(fields).map(([name, field]) => {
    const cells = [`\`${name}\``, descriptionOf(field) ?? '', allowed(field), defaultOf(field)];
    return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  });
  return ['| field | meaning | allowed | when left out |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function allowed(field: Schema): string {
  const element = elementOf(field);
  if (element)
    return `a list of ${fieldsOf(element) || choiceOf(element) ? 'maps' : wanted(element)}${isNonEmpty(field) ? ', at least one' : ''}`;
  const def = (unwrapped(field) as z.core.$ZodTypes)._zod.def;
  if (def.type === 'record') return `a map: name → ${wanted(def.valueType)}`;
  const choice = choiceOf(field);
  if (choice) return `a map; \`${choice.key}\` is one of ${[...choice.options.keys()].map(value => `\`${value}\``).join(', ')}`;
  if (literalsOf(field).length > 0)
    return literalsOf(field)
      .map(value => `\`${value}\``)
      .join(', ');
  return fieldsOf(field) ? 'a map' : wanted(field);
}

function elementOf(field: Schema): Schema | undefined {
  const def = (unwrapped(field) as z.core.$ZodTypes)._zod.def;
  return def.type === 'array' ? def.element : undefined;
}

function isNonEmpty(field: Schema): boolean {
  return !z.safeParse(unwrapped(field), []).success;
}

/** What a missing field is taken for: asked from the schema itself. */
function defaultOf(field: Schema): string {
  const result = z.safeParse(field, undefined);
  if (!result.success) return '**required**';
  if (result.data === undefined) return '';
  if (Array.isArray(result.data)) return 'none';
  return typeof result.data === 'object'
    ? 'the defaults of its fields'
    : result.data === ''
      ? 'empty'
      : `\`${String(result.data)}\``;
}
