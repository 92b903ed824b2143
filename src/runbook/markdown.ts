/** Cuts a runbook's Markdown into front matter, sections and fences. Knows Markdown, not what a runbook is. */
import type { Code, Nodes, RootContent } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';

export interface MarkdownParts {
  frontMatter: { text: string; line: number } | undefined;
  /** The first # heading before any other heading, when there is one. */
  title: string | undefined;
  introduction: string;
  sections: MarkdownSection[];
  links: { url: string; line: number; column: number }[];
}

export interface MarkdownSection {
  title: string;
  line: number;
  markdown: string;
  fences: Fence[];
  /**
   * The same cut finer, at deeper headings or at the items of numbered lists, when at least two of the pieces have a fence.
   * The first piece is what comes before them, without a title of its own; empty when the section cannot be cut.
   */
  pieces: MarkdownSection[];
}

export interface Fence {
  language: string;
  /** What stands after the language, as written, and its words. */
  attributes: string;
  info: string[];
  text: string;
  /** Where the first line of the text stands. */
  line: number;
  column: number;
  /** Indented, not fenced: nothing says what it is. */
  indented: boolean;
}

const FRONT_MATTER = /^---[ \t]*\r?\n([\s\S]*?)(?:^|\r?\n)---[ \t]*(?:\r?\n|$)/m;
/** TOML, as Hugo has it: only its title means anything here. */
const TOML_FRONT_MATTER = /^\+\+\+[ \t]*\r?\n[\s\S]*?\r?\n\+\+\+[ \t]*(?:\r?\n|$)/;
const TOML_TITLE = /^title\s*=\s*["'](.+?)["']\s*$/m;

export function cutMarkdown(source: string): MarkdownParts {
  const text = source.startsWith('\ufeff') ? source.slice(1) : source;
  const match = text.startsWith('---') ? FRONT_MATTER.exec(text) : null;
  // Three dashes also draw a line; only what reads like fields is front matter.
  const front = match?.index === 0 && looksLikeFields(match[1] ?? '') ? match : undefined;
  const toml = front ? undefined : TOML_FRONT_MATTER.exec(text)?.[0];
  const cut = front?.[0] ?? toml ?? '';
  // Blank lines in its place keep every position true.
  const body = cut.replace(/[^\n]/g, '') + text.slice(cut.length);
  const root = fromMarkdown(body);

  let title: string | undefined;
  const sections: MarkdownSection[] = [];
  const links: MarkdownParts['links'] = [];
  let introductionStart = 0;
  let introductionEnd: number | undefined;
  let current: { section: MarkdownSection; start: number; nodes: RootContent[] } | undefined;
  const close = (end: number) => {
    introductionEnd ??= end;
    if (!current) return;
    const { section, start, nodes } = current;
    section.markdown = body.slice(start, end).trim();
    section.fences = fencesOf(nodes, body);
    section.pieces = cutFiner(nodes, body, start, end);
    current = undefined;
  };
  const begin = (sectionTitle: string, line: number, start: number) => {
    const section: MarkdownSection = { title: sectionTitle, line, markdown: '', fences: [], pieces: [] };
    sections.push(section);
    current = { section, start, nodes: [] };
  };
  for (const [index, node] of root.children.entries()) {
    const start = startOf(node);
    visit(node, inner => {
      if (inner.type === 'link' || inner.type === 'definition' || inner.type === 'image')
        links.push({ url: inner.url, line: inner.position?.start.line ?? 1, column: inner.position?.start.column ?? 1 });
    });
    if (node.type === 'heading' && node.depth <= 2) {
      const heading = headingText(node);
      if (node.depth === 1 && title === undefined && sections.length === 0) {
        title = heading;
        introductionStart = endOf(node);
        continue;
      }
      close(start);
      begin(heading, lineOf(node), endOf(node));
      continue;
    }
    // Fences before the first ## belong to a section of their own, named as the document is. Prose before them is the introduction.
    if (!current && startsSection(root.children.slice(index), body)) {
      introductionEnd = start;
      begin(title ?? '', lineOf(node), start);
    }
    current?.nodes.push(node);
  }
  close(body.length);
  return {
    frontMatter: front ? { text: front[1] ?? '', line: 2 } : undefined,
    title: title ?? TOML_TITLE.exec(toml ?? '')?.[1],
    introduction: body.slice(introductionStart, introductionEnd ?? body.length).trim(),
    sections,
    links,
  };
}

/** A fence, or a deeper heading or numbered item that has one below it. */
function startsSection([node, ...after]: RootContent[], body: string): boolean {
  if (!node) return false;
  const fenced = (nodes: RootContent[]) => fencesOf(nodes, body).some(fence => !fence.indented);
  if (fenced([node])) return true;
  if (node.type !== 'heading' && !(node.type === 'list' && node.ordered)) return false;
  const next = after.findIndex(each => each.type === 'heading' && each.depth <= 2);
  return fenced(next < 0 ? after : after.slice(0, next));
}

function looksLikeFields(text: string): boolean {
  const first = text.split(/\r?\n/).find(line => !/^\s*(#.*)?$/.test(line));
  return first === undefined || /^\s*["']?[\w .-]+["']?\s*:(\s|$)/.test(first);
}

/** At headings, the least deep first, then at numbered items. */
function cutFiner(nodes: RootContent[], body: string, from: number, to: number): MarkdownSection[] {
  const depths = new Set(nodes.flatMap(node => (node.type === 'heading' ? [node.depth] : [])));
  const marks = [...depths].sort().map(depth => (node: RootContent): Nodes[] => {
    return node.type === 'heading' && node.depth <= depth ? [node] : [];
  });
  marks.push(node => (node.type === 'list' && node.ordered ? node.children : []));
  for (const mark of marks) {
    const pieces = cutAt(nodes, mark, body, from, to);
    if (pieces.filter(piece => piece.fences.some(fence => !fence.indented)).length >= 2) return pieces;
  }
  return [];
}

function cutAt(
  nodes: RootContent[],
  marks: (node: RootContent) => Nodes[],
  body: string,
  from: number,
  to: number,
): MarkdownSection[] {
  const pieces: { title: string; line: number; start: number; nodes: RootContent[]; dedent: number }[] = [
    { title: '', line: 0, start: from, nodes: [], dedent: 0 },
  ];
  const ends: number[] = [];
  for (const node of nodes) {
    const found = marks(node);
    if (found.length === 0) pieces.at(-1)?.nodes.push(node);
    for (const mark of found) {
      ends.push(startOf(mark));
      if (mark.type === 'heading') {
        pieces.push({ title: headingText(mark), line: lineOf(mark), start: endOf(mark), nodes: [], dedent: 0 });
        continue;
      }
      const [first, ...rest] = 'children' in mark ? (mark.children as RootContent[]) : [];
      // The first paragraph of an item is its title; what it says beyond one line stays readable below.
      const isTitle = first?.type === 'paragraph';
      const written = isTitle ? (body.slice(startOf(first), endOf(first)).split('\n')[0] ?? '') : '';
      const title = isTitle ? titleOf(plainText(first)) : '';
      const start = isTitle ? startOf(first) + (withoutEnd(plainText(first)) === title ? written.length : 0) : startOf(mark);
      const dedent = (first?.position?.start.column ?? 1) - 1;
      pieces.push({ title, line: lineOf(mark), start, nodes: isTitle ? rest : first ? [first, ...rest] : [], dedent });
    }
  }
  ends.push(to);
  return pieces.map(({ title, line, start, nodes: inside, dedent }, index) => ({
    title,
    line,
    markdown: dedented(body.slice(start, ends[index]), dedent),
    fences: fencesOf(inside, body),
    // The items of a list are not cut again: what is in them is one thing to do.
    pieces: dedent === 0 && index > 0 ? cutFiner(inside, body, start, ends[index] ?? to) : [],
  }));
}

/** What stands in a list item is indented by as much as its text is. */
function dedented(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line, index) => (index === 0 ? line : line.slice(Math.min(columns, line.search(/\S|$/)))))
    .join('\n')
    .trim();
}

/** One line that says what to do: the first sentence or line, without the colon that leads to the command. */
function titleOf(text: string): string {
  const line = text.trim().split('\n')[0] ?? '';
  const sentence = /^.{8,}?[.!?:](?=\s|$)/.exec(line)?.[0] ?? line;
  return withoutEnd(sentence).slice(0, 120);
}

function withoutEnd(text: string): string {
  return text.trim().replace(/[\s.:]+$/, '');
}

function fencesOf(nodes: readonly Nodes[], body: string): Fence[] {
  const fences: Fence[] = [];
  for (const node of nodes)
    visit(node, inner => {
      if (inner.type === 'code') fences.push(fenceOf(inner, isIndented(inner, body)));
    });
  return fences;
}

function fenceOf(node: Code, indented: boolean): Fence {
  const start = node.position?.start;
  // ```sh {"name":"x"}, ```sh{name=x} and ```{.sh .numberLines} are one language with attributes.
  const [, language = '', glued = ''] = /^\{?\.?([\w+#-]*)(.*)$/s.exec(node.lang ?? '') ?? [];
  const attributes = `${glued} ${node.meta ?? ''}`.trim();
  return {
    language: language.toLowerCase(),
    attributes,
    info: attributes.split(/\s+/).filter(word => word !== ''),
    text: node.value.replace(/\r\n?/g, '\n'),
    line: (start?.line ?? 1) + (indented ? 0 : 1),
    column: start?.column ?? 1,
    indented,
  };
}

/** Indented code has the same node type, and nothing marks it as a command. */
function isIndented(node: Code, body: string): boolean {
  return !/^(```|~~~)/.test(body.slice(startOf(node)));
}

function visit(node: Nodes, onNode: (node: Nodes) => void): void {
  onNode(node);
  if ('children' in node) for (const child of node.children) visit(child, onNode);
}

/** Without comments, and without the {#anchor} that some site generators read. */
function headingText(node: Nodes): string {
  return plainText(node)
    .replace(/\s*\{[#.:][^}]*\}\s*$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function plainText(node: Nodes): string {
  if ('value' in node && node.type !== 'html') return node.value;
  if ('alt' in node && typeof node.alt === 'string') return node.alt;
  if (node.type === 'break') return '\n';
  return 'children' in node ? node.children.map(plainText).join('') : '';
}

const startOf = (node: Nodes) => node.position?.start.offset ?? 0;
const endOf = (node: Nodes) => node.position?.end.offset ?? startOf(node);
const lineOf = (node: Nodes) => node.position?.start.line ?? 1;
