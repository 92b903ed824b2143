/** YAML text → a document whose every part knows where it stands, or the mistakes in its syntax. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLError,
} from 'yaml';
import type { Problem } from './problem.ts';

/** Files that people write are a few KB; what is larger is a mistake, and yaml takes quadratic time for some texts. */
export const MAX_BYTES = 128 * 1024;
const MAX_DEPTH = 64;
const MAX_ALIASES = 50;

/** A mistake and the part of the text that it is about, as indexes from 0. */
export interface TextProblem {
  start: number;
  end: number;
  message: string;
  hint?: string | undefined;
}

export interface ReadDocument {
  document: Document;
  /** As plain JavaScript; undefined when the syntax is too broken to tell. */
  value: unknown;
  /** False when the text cannot be understood any further than its syntax. */
  readable: boolean;
  problems: TextProblem[];
}

/** Never throws: whatever the text is, it is a document or problems. */
export function readDocument(text: string): ReadDocument {
  const nothing = parseAllDocuments('')[0] as Document | undefined;
  const refuse = (problem: TextProblem): ReadDocument => ({
    document: nothing as Document,
    value: undefined,
    readable: false,
    problems: [problem],
  });

  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) {
    return refuse({ start: 0, end: 1, message: `the file has ${bytes} bytes; more than ${MAX_BYTES} are not read` });
  }
  const binary = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd\ufffe\uffff]/.exec(text);
  if (binary) {
    const code = binary[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    const message = binary[0] === '\ufffd' ? 'not UTF-8 text' : `not a text file: it holds the character U+${code}`;
    return refuse({ start: binary.index, end: binary.index + 1, message, hint: 'save the file as UTF-8 text' });
  }
  const deep = depthProblem(text);
  if (deep) return refuse(deep);

  let documents: Document[];
  try {
    const parsed = parseAllDocuments(text, {
      prettyErrors: false,
      uniqueKeys: false,
      logLevel: 'silent',
    });
    documents = Array.isArray(parsed) ? (parsed as Document[]) : [];
  } catch (error) {
    return refuse({ start: 0, end: 1, message: `not readable as YAML: ${firstLine(error)}` });
  }
  const document = documents[0];
  if (!document || (document.contents === null && document.errors.length === 0 && documents.length === 1)) {
    return refuse({ start: 0, end: 1, message: 'the file is empty' });
  }

  const syntax = documents.flatMap(one => [...one.errors, ...one.warnings]).map(error => syntaxProblem(error, text));
  const second = documents[1];
  if (second && syntax.length === 0) {
    const start = second.contents?.range?.[0] ?? second.range?.[0] ?? 0;
    syntax.push({
      start,
      end: start + 3,
      message: 'a second document begins here, one a file is allowed',
      hint: 'remove the `---`, or make it a file of its own',
    });
  }
  if (syntax.length > 0) return { document, value: undefined, readable: false, problems: syntax };
  // Two fields of one name leave the rest readable.
  const repeated = repeatedKeys(document);
  const dangling = danglingAliases(document);
  if (dangling.length > 0) return { document, value: undefined, readable: false, problems: [...repeated, ...dangling] };

  try {
    return { document, value: document.toJS({ maxAliasCount: MAX_ALIASES }), readable: true, problems: repeated };
  } catch (error) {
    const [start, end] = firstAlias(document);
    const excessive = /alias count/i.test(firstLine(error));
    const message = excessive ? 'aliases here unfold to too much data' : `this alias cannot be resolved: ${firstLine(error)}`;
    return {
      document,
      value: undefined,
      readable: false,
      problems: [...repeated, { start, end, message, hint: 'write the values out' }],
    };
  }
}

/** yaml composes by recursion: what nests deeper than any honest file is refused before it can exhaust the stack. */
function depthProblem(text: string): TextProblem | undefined {
  const refuse = (start: number): TextProblem => ({ start, end: start + 1, message: `nested deeper than ${MAX_DEPTH} levels` });
  let brackets = 0;
  for (const match of text.matchAll(/[[{\]}]/g)) {
    brackets = Math.max(0, brackets + ('[{'.includes(match[0]) ? 1 : -1));
    if (brackets > MAX_DEPTH) return refuse(match.index);
  }
  // "- - - - x" nests on one line, as does "? ? ? x".
  const markers = new RegExp(`^[ ]*(?:[-?:][ ]+){${MAX_DEPTH}}`, 'm').exec(text);
  if (markers) return refuse(markers.index);
  const indents: number[] = [];
  for (const match of text.matchAll(/^( *)[^\s#]/gm)) {
    const indent = match[1]?.length ?? 0;
    while ((indents.at(-1) ?? -1) >= indent) indents.pop();
    indents.push(indent);
    if (indents.length > MAX_DEPTH) return refuse(match.index + indent);
  }
  return undefined;
}

function danglingAliases(document: Document): TextProblem[] {
  const problems: TextProblem[] = [];
  const anchors = new Set<string>();
  visit(document, {
    Node(_, node) {
      if (!isAlias(node)) {
        if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
      } else if (!anchors.has(node.source)) {
        const [start, end] = node.range ?? [0, 1];
        problems.push({ start, end, message: `the alias \`*${node.source}\` names no anchor above it` });
      }
    },
  });
  return problems;
}

/** Found here and not by yaml, which compares every key with every other one. */
function repeatedKeys(document: Document): TextProblem[] {
  const problems: TextProblem[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key) || !key.range) continue;
        const name = String(key.value);
        const [start, end] = key.range;
        if (seen.has(name)) {
          problems.push({ start, end, message: `the field \`${name}\` stands here a second time`, hint: 'keep one of the two' });
        }
        seen.add(name);
      }
    },
  });
  return problems;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

function syntaxProblem(error: YAMLError, text: string): TextProblem {
  const [start, end] = error.pos;
  const at = { start: Math.min(start, text.length), end: Math.min(Math.max(end, start + 1), text.length) };
  const found = text.slice(at.start, at.end).split('\n')[0] ?? '';
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { ...at, message: 'a tab cannot indent in YAML', hint: 'use spaces' };
    case 'BAD_INDENT':
      if (/^Flow/.test(error.message)) {
        return { ...at, message: `a ${/sequence/.test(error.message) ? '`[`' : '`{`'} before this is not closed` };
      }
      return { ...at, message: 'the indentation fits no line above', hint: 'fields of one map stand in one column' };
    case 'TAG_RESOLVE_FAILED':
      return { ...at, message: `the tag \`${found}\` is not known`, hint: 'leave the tag out' };
    case 'BLOCK_AS_IMPLICIT_KEY': {
      const colon = /: /.exec(text.slice(at.start).split('\n')[0] ?? '');
      const hint = colon ? 'text with a colon and a space in it goes in quotes' : undefined;
      return { ...at, message: `not valid YAML: ${lowerFirst(firstLine(error))}`, hint };
    }
    default:
      return { ...at, message: `not valid YAML: ${lowerFirst(firstLine(error))}` };
  }
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

function firstAlias(document: Document): [number, number] {
  let found: [number, number] = [0, 1];
  visit(document, {
    Alias(_, alias) {
      if (alias.range) found = [alias.range[0], alias.range[1]];
      return visit.BREAK;
    },
  });
  return found;
}

/** Where a problem in the data stands in the text. */
export function locate(document: Document, problem: Problem): { start: number; end: number } {
  let node: Node | null = document.contents as Node | null;
  let pair: Pair | undefined;
  for (const [depth, step] of problem.path.entries()) {
    if (isAlias(node)) node = (node.resolve(document) as Node | undefined) ?? null;
    const next: Pair | Node | undefined = isMap(node)
      ? node.items.findLast(
          item => String(isScalar(item.key) ? item.value !== undefined && item.key.value : item.key) === String(step),
        )
      : isSeq(node)
        ? (node.items[Number(step)] as Node | undefined)
        : undefined;
    if (isPair(next)) {
      pair = next;
      if (problem.at === 'key' && depth === problem.path.length - 1) return rangeOf(pair.key) ?? rangeOfNode(node, pair);
      if (!isNode(next.value) && depth === problem.path.length - 1) return rangeOf(pair.key) ?? rangeOfNode(node, pair);
      node = isNode(next.value) ? next.value : null;
    } else if (isNode(next)) {
      pair = undefined;
      node = next;
    } else {
      // Not in the text: the map that lacks it is shown by its own key, or by its first field.
      return rangeOfNode(node, pair);
    }
  }
  return rangeOfNode(node, pair, problem.at === 'value');
}

/** A whole map or list is shown by the key in front of it; a scalar by itself. */
function rangeOfNode(node: Node | null, pair: Pair | undefined, value = false): { start: number; end: number } {
  if (value && (isScalar(node) || isAlias(node)) && (node.range?.[1] ?? 0) > (node.range?.[0] ?? 0))
    return rangeOf(node) ?? { start: 0, end: 1 };
  const key = pair && rangeOf(pair.key);
  if (key) return key;
  if (isMap(node)) return rangeOf(node.items[0]?.key) ?? rangeOf(node) ?? { start: 0, end: 1 };
  return rangeOf(node) ?? { start: 0, end: 1 };
}

function rangeOf(node: unknown): { start: number; end: number } | undefined {
  return isNode(node) && node.range ? { start: node.range[0], end: node.range[1] } : undefined;
}
