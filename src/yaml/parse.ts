/** YAML that people write → typed values, or every mistake in it with its place: for scenarios, runbooks and their front matter. */
import type * as z from 'zod';
import { type Diagnostic, InvalidInput } from '../errors/errors.ts';
import { locate, readDocument, type TextProblem } from './document.ts';
import type { Problem } from './problem.ts';
import { type Lines, linesOf } from './text.ts';
import { problemsOf } from './zod-problems.ts';

export interface YamlSource {
  /** As messages shall name it. */
  file: string;
  text: string;
  /** Where the text begins in the file, from 1, for YAML inside of something else; every line of it is indented by `column - 1`. */
  line?: number;
  column?: number;
}

/**
 * Reads one YAML document.
 * @param check finds what a schema cannot: references between fields. It gets the input as it was read, valid or not, so
 *   that all mistakes show at once.
 * @throws InvalidInput with every mistake, in the order of the text
 */
export function parseYaml<T>(source: YamlSource, schema: z.ZodType<T>, check?: (input: unknown) => Problem[]): T {
  // A byte order mark is no mistake; columns are counted without it.
  const text = source.text.replace(/^\ufeff/, '');
  const { document, value, readable, problems } = readDocument(text);
  if (!readable) throw new InvalidInput(diagnosticsOf(problems, source, linesOf(text)));

  const result = schema.safeParse(value);
  const found = [...(result.success ? [] : problemsOf(result.error.issues, schema, value)), ...(check?.(value) ?? [])];
  const placed = found.map(problem => ({ ...locate(document, problem), message: problem.message, hint: problem.hint }));
  const all = [...problems, ...placed];
  if (result.success && all.length === 0) return result.data;
  throw new InvalidInput(diagnosticsOf(all, source, linesOf(text)));
}

/** More mistakes than anybody reads at once: the rest is only counted. */
const MAX_SHOWN = 50;

/** Sorted by place, each once. */
function diagnosticsOf(problems: readonly TextProblem[], source: YamlSource, lines: Lines): Diagnostic[] {
  const indent = (source.column ?? 1) - 1;
  const seen = new Set<string>();
  const all = problems
    .toSorted((a, b) => a.start - b.start)
    .map(({ start, end, message, hint }) => {
      const { line, column } = lines.positionOf(start);
      const text = lines.line(line);
      return {
        file: source.file,
        line: line + (source.line ?? 1) - 1,
        column: column + indent,
        length: Math.max(1, Math.min(end - start, text.length - column + 1)),
        message,
        hint,
        source: ' '.repeat(indent) + text,
      };
    })
    .filter(({ line, column, message }) => {
      const key = `${line}:${column}:${message}`;
      return !seen.has(key) && seen.add(key);
    });
  const last = all[MAX_SHOWN - 1];
  if (!last || all.length === MAX_SHOWN) return all;
  const more = all.length - MAX_SHOWN;
  return [
    ...all.slice(0, MAX_SHOWN - 1),
    { ...last, hint: `${last.hint === undefined ? '' : `${last.hint}; `}${more} more mistakes follow` },
  ];
}
