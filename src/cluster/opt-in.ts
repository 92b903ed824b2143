/**
 * Adds an opt-in to rehearse.yaml as text, where an entry goes: comments and layout of what a person wrote stay as they are. Each edit is
 * parsed again before it is written; where the result is not exactly the old content and the entry, nothing is written.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, isSeq, type Pair, parseDocument, stringify, type YAMLMap } from 'yaml';

/** Marks entries that a program wrote and may change again. */
const WRITTEN_BY = 'written by rehearse cluster up';

interface Entry {
  context: string;
  server: string;
  namespaces: [string];
}

interface Edit {
  done: 'there' | 'added' | 'updated' | 'by-hand';
  /** by-hand: what a person has to write, and where. */
  advice?: string;
}

/** @param path of rehearse.yaml, which is made when there is none */
export async function writeOptIn(path: string, entry: Entry): Promise<Edit> {
  const text = await readFile(path, 'utf8').catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  const edited = addOptIn(text, entry);
  if (edited.text !== undefined) await writeFile(path, edited.text);
  return edited.edit;
}

/** The edited text, or undefined when it stays as it is. */
export function addOptIn(text: string, entry: Entry): { edit: Edit; text?: string } {
  if (text.trim() === '') {
    return {
      edit: { done: 'added' },
      text: `# Where drills may run. Everything that is not named here is refused.\napiVersion: rehearse.dev/v1\nkind: Config\nstaging:\n${lines(entry, 2)}`,
    };
  }
  const document = parseDocument(text);
  const before = document.errors.length === 0 ? document.toJS() : undefined;
  if (!isMap(document.contents) || before === undefined) return byHand(entry, 'under staging');
  const map = document.contents;
  const staging = map.items.find(pair => isScalar(pair.key) && pair.key.value === 'staging') as Pair | undefined;
  const existing = (before.staging ?? []).findIndex((one: { context?: unknown } | null) => one?.context === entry.context);
  if (existing >= 0) return update(text, map, existing, before, entry);
  const after = { ...before, staging: [...(before.staging ?? []), entry] };

  if (staging === undefined)
    return checked(`${text}${text.endsWith('\n') ? '' : '\n'}staging:\n${lines(entry, 2)}`, after, entry);
  const { value } = staging;
  const range = (value as { range?: [number, number, number] } | null)?.range;
  if (range && isSeq(value) && value.items.length === 0) {
    const newline = text.indexOf('\n', range[1]);
    const end = newline < 0 ? text.length : newline;
    const head = `${text.slice(0, range[0]).trimEnd()}${text.slice(range[1], end)}`;
    return checked(`${head}\n${lines(entry, 2)}${text.slice(end + 1)}`, after, entry);
  }
  if (range && isSeq(value) && !value.flow) {
    const lineStart = text.lastIndexOf('\n', range[0] - 1) + 1;
    const dash = text.indexOf('-', lineStart);
    const at = range[1] < text.length && text[range[1] - 1] !== '\n' ? text.indexOf('\n', range[1]) + 1 || text.length : range[1];
    const head = text.slice(0, at);
    return checked(`${head}${head.endsWith('\n') ? '' : '\n'}${lines(entry, dash - lineStart)}${text.slice(at)}`, after, entry);
  }
  return byHand(entry, 'under staging');
}

/** Of an entry of ours the server is brought up to date: a cluster that is made again listens on another port. */
function update(text: string, map: YAMLMap, index: number, before: Fields, entry: Entry): { edit: Edit; text?: string } {
  const old = before['staging'][index];
  const covers = (old.namespaces ?? []).includes(entry.namespaces[0]);
  if (covers && old.server === entry.server) return { edit: { done: 'there' } };
  const item = map.getIn(['staging', index]);
  const context = isMap(item) ? item.get('context', true) : undefined;
  const server = isMap(item) ? item.get('server', true) : undefined;
  const ours = isScalar(context) && context.comment?.trim() === WRITTEN_BY;
  if (!ours || !covers || !isScalar(server) || !server.range)
    return byHand(entry, `in place of what the entry of ${entry.context} says`);
  const staging = before['staging'].map((one: Fields, at: number) => (at === index ? { ...one, server: entry.server } : one));
  const [start, end] = server.range;
  const result = checked(`${text.slice(0, start)}${entry.server}${text.slice(end)}`, { ...before, staging }, entry);
  return result.text === undefined ? result : { ...result, edit: { done: 'updated' } };
}

// biome-ignore lint/suspicious/noExplicitAny: somebody's YAML
type Fields = Record<string, any>;

function checked(text: string, wanted: unknown, entry: Entry): { edit: Edit; text?: string } {
  const document = parseDocument(text);
  if (document.errors.length > 0 || !isDeepStrictEqual(document.toJS(), wanted)) return byHand(entry, 'under staging');
  return { edit: { done: 'added' }, text };
}

function byHand(entry: Entry, where: string): { edit: Edit } {
  return { edit: { done: 'by-hand', advice: `${where}:\n${lines(entry, 2)}` } };
}

function lines(entry: Entry, indent: number): string {
  const pad = ' '.repeat(indent);
  return [
    `${pad}- context: ${stringify(entry.context).trim()} # ${WRITTEN_BY}`,
    `${pad}  server: ${entry.server}`,
    `${pad}  namespaces: [${entry.namespaces[0]}]`,
    '',
  ].join('\n');
}
