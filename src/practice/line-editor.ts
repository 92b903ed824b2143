/** The line that a person types, with its cursor and its history. Knows characters as people do: an emoji or an é is one. */
import { displayWidth } from '../reporters/style.ts';
import type { KeyName } from './keys.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const HISTORY_KEPT = 200;
/** Nobody types more into one line; more than this is not taken. */
const LONGEST = 20_000;

const characters = (text: string): string[] => [...segmenter.segment(text)].map(({ segment }) => segment);

export class LineEditor {
  #characters: string[] = [];
  #cursor = 0;
  readonly #history: string[] = [];
  /** Where in the history; its length is the line that is being written. */
  #place = 0;
  #draft = '';

  get text(): string {
    return this.#characters.join('');
  }

  get beforeCursor(): string {
    return this.#characters.slice(0, this.#cursor).join('');
  }

  set(text: string): void {
    this.#characters = characters(text);
    this.#cursor = this.#characters.length;
  }

  /** Empties the line and remembers it. */
  take(): string {
    const { text } = this;
    this.remember(text);
    this.set('');
    return text;
  }

  remember(text: string): void {
    if (text.trim() !== '' && this.#history.at(-1) !== text) this.#history.push(text);
    if (this.#history.length > HISTORY_KEPT) this.#history.shift();
    this.#place = this.#history.length;
  }

  insert(text: string): void {
    const before = this.beforeCursor + text;
    if (before.length > LONGEST) return;
    // Cut anew: what is inserted may join the character before it, as an accent does.
    const after = this.#characters.slice(this.#cursor).join('');
    this.#cursor = characters(before).length;
    this.#characters = characters(before + after);
  }

  /** False for keys that are not about the line. */
  press(key: KeyName): boolean {
    switch (key) {
      case 'left':
        this.#cursor = Math.max(0, this.#cursor - 1);
        return true;
      case 'right':
        this.#cursor = Math.min(this.#characters.length, this.#cursor + 1);
        return true;
      case 'home':
        this.#cursor = 0;
        return true;
      case 'end':
        this.#cursor = this.#characters.length;
        return true;
      case 'word-left':
        this.#cursor = this.#wordLeft();
        return true;
      case 'word-right':
        this.#cursor = this.#wordRight();
        return true;
      case 'backspace':
        this.#delete(this.#cursor - 1, this.#cursor);
        return true;
      case 'delete':
        this.#delete(this.#cursor, this.#cursor + 1);
        return true;
      case 'delete-word-left':
        this.#delete(this.#wordLeft(), this.#cursor);
        return true;
      case 'delete-word-right':
        this.#delete(this.#cursor, this.#wordRight());
        return true;
      case 'delete-to-start':
        this.#delete(0, this.#cursor);
        return true;
      case 'delete-to-end':
        this.#delete(this.#cursor, this.#characters.length);
        return true;
      case 'up':
        this.#recall(this.#place - 1);
        return true;
      case 'down':
        this.#recall(this.#place + 1);
        return true;
      default:
        return false;
    }
  }

  #delete(from: number, to: number): void {
    const start = Math.max(0, from);
    this.#characters.splice(start, to - start);
    this.#cursor = start;
  }

  #wordLeft(): number {
    let at = this.#cursor;
    while (at > 0 && this.#characters[at - 1] === ' ') at--;
    while (at > 0 && this.#characters[at - 1] !== ' ') at--;
    return at;
  }

  #wordRight(): number {
    let at = this.#cursor;
    while (at < this.#characters.length && this.#characters[at] === ' ') at++;
    while (at < this.#characters.length && this.#characters[at] !== ' ') at++;
    return at;
  }

  #recall(place: number): void {
    if (place < 0 || place > this.#history.length) return;
    if (this.#place === this.#history.length) this.#draft = this.text;
    this.#place = place;
    this.set(this.#history[place] ?? this.#draft);
  }

  /**
   * The part of the line that fits into `width` cells and has the cursor in it, and the cell of the cursor.
   * @param hidden stands where text is left out, one cell
   * @param spell how a character is shown on this screen
   */
  window(width: number, hidden: string, spell: (character: string) => string): { text: string; column: number } {
    const room = Math.max(4, width);
    const shown = this.#characters.map(spell);
    const widths = shown.map(displayWidth);
    const sum = (from: number, to: number) => widths.slice(from, to).reduce((all, one) => all + one, 0);
    // A cell is left for the cursor behind the last character.
    if (sum(0, widths.length) < room) return { text: shown.join(''), column: sum(0, this.#cursor) };
    let from = this.#cursor;
    let used = 2;
    while (from > 0 && used + (widths[from - 1] ?? 0) < room - 1) used += widths[--from] ?? 0;
    let to = this.#cursor;
    while (to < widths.length && used + (widths[to] ?? 0) < room) used += widths[to++] ?? 0;
    const head = from > 0 ? hidden : '';
    const tail = to < widths.length ? hidden : '';
    return {
      text: head + shown.slice(from, to).join('') + tail,
      column: displayWidth(head) + sum(from, this.#cursor),
    };
  }
}
