/** SVG as text. Attributes only, never inline styles: a strict Content-Security-Policy blocks those. */

export type Attributes = Record<string, string | number | undefined>;

/** For text and attribute values alike. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`);
}

/** One element; children are SVG already. Numbers are written short. */
export function el(name: string, attributes: Attributes, ...children: readonly string[]): string {
  let text = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) text += ` ${key}="${typeof value === 'number' ? short(value) : escapeXml(value)}"`;
  }
  return children.length === 0 ? `${text}/>` : `${text}>${children.join('')}</${name}>`;
}

export function text(content: string, attributes: Attributes): string {
  return el('text', attributes, escapeXml(content));
}

/** At most two decimals, no trailing zeros. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Share 0..1 of the width of the nearest SVG: text keeps its size while the chart grows with the page. */
export function pct(share: number): string {
  return `${short(share * 100)}%`;
}
