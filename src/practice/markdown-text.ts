/** Markdown as lines of a terminal: headings, lists, quotes, tables, code, emphasis. Pure. */
import type { BlockContent, DefinitionContent, List, Nodes, Paragraph, PhrasingContent, RootContent } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { harmlessText } from '../record/harmless-text.ts';
import { type Colour, displayWidth, pad, type Style, wrap } from '../reporters/style.ts';
import { foldLine } from './fold-line.ts';

const CODE_INDENT = 4;
const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'shell', 'zsh']);

/**
 * @param width cells of a line; Infinity for lines that are not broken
 * @param hides fences that are not for readers
 */
export function markdownLines(
  markdown: string,
  width: number,
  style: Style,
  hides: (language: string, info: string) => boolean = () => false,
): string[] {
  const source = harmlessText(markdown);
  return new Renderer(source, style, hides).blocks(fromMarkdown(source).children, width);
}

class Renderer {
  readonly #source: string;
  readonly #style: Style;
  readonly #hides: (language: string, info: string) => boolean;

  constructor(source: string, style: Style, hides: (language: string, info: string) => boolean) {
    this.#source = source;
    this.#style = style;
    this.#hides = hides;
  }

  blocks(nodes: readonly (RootContent | BlockContent | DefinitionContent)[], width: number, tight = false): string[] {
    const lines: string[] = [];
    for (const node of nodes) {
      const block = this.#block(node, width);
      if (block.length === 0) continue;
      if (lines.length > 0 && !tight) lines.push('');
      lines.push(...block);
    }
    return lines;
  }

  #block(node: RootContent | BlockContent | DefinitionContent, width: number): string[] {
    const { marks } = this.#style;
    switch (node.type) {
      case 'heading':
        return this.#wrapped(node.children, width, ['bold']);
      case 'paragraph':
        return this.#paragraph(node, width);
      case 'list':
        return this.#list(node, width);
      case 'blockquote':
        return this.blocks(node.children, width - 2).map(line => `${this.#style.paint(marks.quote, 'dim')} ${line}`.trimEnd());
      case 'code':
        if (this.#hides(node.lang ?? '', node.meta ?? '')) return [];
        return this.#code(node.value, node.lang ?? '', width - CODE_INDENT);
      case 'thematicBreak':
        return [this.#style.paint(marks.rule.repeat(Math.min(width, 20)), 'dim')];
      case 'html':
        return node.value.startsWith('<!--') ? [] : wrap(this.#style.plain(node.value.replace(/\s+/g, ' ')), width);
      default:
        return [];
    }
  }

  #code(text: string, language: string, width: number): string[] {
    return this.#style
      .plain(text)
      .split('\n')
      .flatMap(line => {
        const folded = foldLine(line, width - 2);
        // What is copied from the screen has to be the same command.
        const goesOn = SHELLS.has(language) && !/["'#]/.test(line) ? ' \\' : '';
        return folded.map((part, index) => (index < folded.length - 1 ? part + goesOn : part));
      })
      .map(line => (line === '' ? '' : ' '.repeat(CODE_INDENT) + this.#style.paint(line, 'cyan')));
  }

  #paragraph(node: Paragraph, width: number): string[] {
    const written = this.#source.slice(node.position?.start.offset ?? 0, node.position?.end.offset ?? 0).split('\n');
    if (written.length > 1 && written.every(line => line.trimStart().startsWith('|'))) return this.#table(written, width);
    return this.#wrapped(node.children, width, []);
  }

  #list(list: List, width: number): string[] {
    const first = list.start ?? 1;
    const tight = list.spread !== true && list.children.every(item => item.spread !== true);
    const marks = list.children.map((item, index) => {
      const box = item.checked === null || item.checked === undefined ? '' : item.checked ? '[x] ' : '[ ] ';
      return `${list.ordered ? `${first + index}.` : this.#style.marks.bullet} ${box}`;
    });
    const indent = Math.max(...marks.map(mark => mark.length));
    return list.children.flatMap((item, index) => {
      const lines = this.blocks(item.children, width - indent, tight);
      const [head = '', ...more] = lines;
      const gap = !tight && index > 0 ? [''] : [];
      return [
        ...gap,
        `${(marks[index] ?? '').padEnd(indent)}${head}`,
        ...more.map(line => (line === '' ? '' : ' '.repeat(indent) + line)),
      ];
    });
  }

  /** Columns when they fit, else a row as one text: "`Pending` — requests that no node can hold". */
  #table(rows: readonly string[], width: number): string[] {
    const cells = rows
      .filter(row => !/^[\s|:-]+$/.test(row))
      .map(row =>
        row
          .trim()
          .replace(/^\||\|$/g, '')
          .split(/(?<!\\)\|/)
          .map(cell => this.#style.plain(cell.trim().replace(/[`*]/g, '').replaceAll('\\|', '|'))),
      );
    const columns = Math.max(...cells.map(row => row.length));
    const widths = Array.from({ length: columns }, (_, column) => Math.max(...cells.map(row => displayWidth(row[column] ?? ''))));
    const total = widths.reduce((sum, one) => sum + one + 2, -2);
    // Without a width nobody sees columns.
    if (total <= width && Number.isFinite(width)) {
      return cells.map((row, index) => {
        const line = widths
          .map((one, column) => pad(row[column] ?? '', one))
          .join('  ')
          .trimEnd();
        return index === 0 ? this.#style.paint(line, 'bold') : line;
      });
    }
    const [head = [], ...body] = cells;
    const indented = (line: string, index: number) => (index === 0 ? line : `  ${line}`);
    return [head, ...body].flatMap(row => wrap(row.join(`${this.#style.marks.separator}`), width - 2).map(indented));
  }

  #wrapped(nodes: readonly PhrasingContent[], width: number, colours: readonly Colour[]): string[] {
    return nodes
      .map(node => this.#inline(node, colours))
      .join('')
      .split('\n')
      .flatMap(line => wrap(line, width));
  }

  #inline(node: PhrasingContent, colours: readonly Colour[]): string {
    switch (node.type) {
      case 'text':
        return this.#words(node.value, colours);
      case 'strong':
        return this.#all(node.children, [...colours, 'bold']);
      case 'emphasis':
        return this.#all(node.children, [...colours, 'underline']);
      case 'inlineCode':
        // The marks stay where there is no colour to tell it from the text.
        return this.#words(this.#style.paint('x', 'cyan') === 'x' ? `\`${node.value}\`` : node.value, [...colours, 'cyan']);
      case 'break':
        return '\n';
      case 'link': {
        const text = this.#all(node.children, colours);
        const leads = /^https?:/.test(node.url) && !plainText(node).includes(node.url);
        return leads ? `${text} (${this.#style.plain(node.url)})` : text;
      }
      case 'image':
        return this.#words(node.alt ?? '', colours);
      case 'html':
        return /^<br/i.test(node.value) ? '\n' : '';
      default:
        return 'children' in node ? this.#all(node.children, colours) : '';
    }
  }

  #all(nodes: readonly PhrasingContent[], colours: readonly Colour[]): string {
    return nodes.map(node => this.#inline(node, colours)).join('');
  }

  /** Each word is painted by itself, so that a line can be broken between any two. */
  #words(text: string, colours: readonly Colour[]): string {
    const plain = this.#style.plain(text).replace(/\s+/g, ' ');
    if (colours.length === 0) return plain;
    return plain
      .split(' ')
      .map(word => this.#style.paint(word, ...colours))
      .join(' ');
  }
}

function plainText(node: Nodes): string {
  if ('value' in node) return node.value;
  return 'children' in node ? node.children.map(plainText).join('') : '';
}
