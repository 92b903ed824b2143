/** Where things stand in a text: index → line and column, both from 1, in any of the three line endings. */
export interface Lines {
  positionOf(index: number): { line: number; column: number };
  /** A line without its ending; empty when there is none of that number. */
  line(number: number): string;
  readonly count: number;
}

export function linesOf(text: string): Lines {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\n|\r/g)) starts.push(match.index + match[0].length);
  // A text that ends with a line ending has no line after it that an editor could show a mistake on.
  if (starts.length > 1 && starts.at(-1) === text.length) starts.pop();

  return {
    count: starts.length,
    positionOf(index) {
      let low = 0;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((starts[middle] ?? 0) <= index) low = middle;
        else high = middle - 1;
      }
      const line = this.line(low + 1);
      return { line: low + 1, column: Math.min(index - (starts[low] ?? 0), line.length) + 1 };
    },
    line(number) {
      const start = starts[number - 1];
      if (start === undefined) return '';
      return text.slice(start, starts[number] ?? text.length).replace(/[\r\n]+$/, '');
    },
  };
}
