/**
 * Where a JSON text stops being JSON, as an index into it. `JSON.parse` names a position only for some mistakes, and
 * differently in each Node.js; a log line that names the place is worth these few lines.
 * @param text one that `JSON.parse` refused
 */
export function jsonErrorIndex(text: string): number {
  let at = 0;

  /** Takes what matches here, after white space; leaves `at` where a mismatch begins. */
  const take = (pattern: RegExp): boolean => {
    while (' \t\r\n'.includes(text[at] ?? 'x')) at += 1;
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
  const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.])/y;

  const members = (close: RegExp, member: () => boolean): boolean => {
    if (take(close)) return true;
    do {
      if (!member()) return false;
    } while (take(/,/y));
    return take(close);
  };
  const value = (): boolean => {
    if (take(/\{/y)) return members(/\}/y, () => take(STRING) && take(/:/y) && value());
    if (take(/\[/y)) return members(/\]/y, value);
    return take(STRING) || take(SCALAR);
  };

  if (value()) take(/$/y);
  return at;
}
