/** `$(NAME)` references in env values, command and args, as third_party/forked/golang/expansion: `$$` escapes, unknown names stay. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let result = '';
  for (let index = 0; index < text.length; index++) {
    const character = text[index] as string;
    if (character !== '$' || index + 1 >= text.length) {
      result += character;
      continue;
    }
    const next = text[index + 1] as string;
    if (next === '$') {
      result += '$';
      index++;
    } else if (next === '(') {
      const end = text.indexOf(')', index + 2);
      if (end < 0) {
        result += '$(';
        index++;
        continue;
      }
      const name = text.slice(index + 2, end);
      result += lookup(name) ?? `$(${name})`;
      index = end;
    } else {
      result += `$${next}`;
      index++;
    }
  }
  return result;
}
