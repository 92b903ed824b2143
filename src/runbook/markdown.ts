/** Cuts a runbook's Markdown into front matter, sections and fences. Knows Markdown, not what a runbook is. */
import type { Code, Nodes } from 'mdast';
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
}

export interface Fence {
  language: string;
  /** Words after the language. */
  info: string[];
  text: string;
  /** Where the first line of the text stands. */
  line: number;
  column: number;
}

const FRONT_MATTER = /^---[ \t]*\r?\n([\s\S]*?)(?:^|\r?\n)---[ \t]*(?:\r?\n|$)/m;

export function cutMarkdown(source: string): MarkdownParts {
  const text = source.startsWith('\ufeff') ? source.slice(1) : source;
  const match = text.startsWith('---') ? FRONT_MATTER.exec(text) : null;
  const front = match?.index === 0 ? match : undefined;
  // Blank lines in its place keep every position true.
  const body = front ? front[0].replace(/[^\n]/g, '') + text.slice(front[0].length) : text;
  const root = fromMarkdown(body);

  let title: string | undefined;
  const sections: MarkdownSection[] = [];
  const links: MarkdownParts['links'] = [];
  let introductionStart = 0;
  let current: { section: MarkdownSection; start: number } | undefined;
  let introductionEnd: number | undefined;
  const close = (end: number) => {
    if (current) current.section.markdown = body.slice(current.start, end).trim();
    else introductionEnd ??= end;
  };
  for (const node of root.children) {
    const start = node.position?.start.offset ?? 0;
    const end = node.position?.end.offset ?? start;
    if (node.type === 'heading' && node.depth <= 2) {
      const heading = plainText(node);
      if (node.depth === 1 && title === undefined && sections.length === 0) {
        title = heading;
        introductionStart = end;
        continue;
      }
      close(start);
      const section: MarkdownSection = { title: heading, line: node.position?.start.line ?? 1, markdown: '', fences: [] };
      sections.push(section);
      current = { section, start: end };
      continue;
    }
    visit(node, inner => {
      if (inner.type === 'link' || inner.type === 'definition' || inner.type === 'image') {
        links.push({ url: inner.url, line: inner.position?.start.line ?? 1, column: inner.position?.start.column ?? 1 });
      }
      if (inner.type !== 'code' || !isFenced(inner, body)) return;
      // Fences before the first ## belong to a section of their own, named as the document is.
      if (!current) {
        const section: MarkdownSection = { title: title ?? '', line: inner.position?.start.line ?? 1, markdown: '', fences: [] };
        introductionEnd = start;
        sections.push(section);
        current = { section, start };
      }
      current.section.fences.push(fenceOf(inner));
    });
  }
  close(body.length);
  return {
    frontMatter: front ? { text: front[1] ?? '', line: 2 } : undefined,
    title,
    introduction: body.slice(introductionStart, introductionEnd ?? body.length).trim(),
    sections,
    links,
  };
}

function fenceOf(node: Code): Fence {
  const start = node.position?.start;
  return {
    language: (node.lang ?? '').toLowerCase(),
    info: (node.meta ?? '').split(/\s+/).filter(word => word !== ''),
    text: node.value,
    line: (start?.line ?? 1) + 1,
    column: start?.column ?? 1,
  };
}

/** Indented code has the same node type, and nothing marks it as a command. */
function isFenced(node: Code, body: string): boolean {
  return /^(```|~~~)/.test(body.slice(node.position?.start.offset ?? 0));
}

function visit(node: Nodes, onNode: (node: Nodes) => void): void {
  onNode(node);
  if ('children' in node) for (const child of node.children) visit(child, onNode);
}

function plainText(node: Nodes): string {
  if ('value' in node && node.type !== 'html') return node.value;
  if ('alt' in node && typeof node.alt === 'string') return node.alt;
  return 'children' in node ? node.children.map(plainText).join('') : '';
}
