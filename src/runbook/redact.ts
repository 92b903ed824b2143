/** Keeps secrets out of the record: applied where output is captured, so that no later part ever holds them. */
import { hideSecrets } from '../record/secret-text.ts';

const REDACTED = '[redacted]';

/** Shorter values would blank out ordinary words. */
const SHORTEST_SECRET = 4;

/**
 * A function that blanks secrets out of text: the values given, plain and in base64 as Secrets carry them, and whatever has the
 * form of one: private keys, bearer tokens, passwords in URLs, the data of Secret objects, settings and flags whose name says it.
 *
 * @param values secret values that are known, such as tokens of the kubeconfig
 */
export function redactor(values: Iterable<string> = []): (text: string) => string {
  const known = new Set<string>();
  for (const value of values) {
    const trimmed = value.trim();
    if (trimmed.length < SHORTEST_SECRET) continue;
    known.add(trimmed);
    const base64 = Buffer.from(trimmed).toString('base64');
    known.add(base64);
    known.add(base64.replace(/=+$/, ''));
    known.add(encodeURIComponent(trimmed));
    known.add(JSON.stringify(trimmed).slice(1, -1));
  }
  // Longest first, so that a value that holds another is blanked out whole.
  const sorted = [...known].sort((a, b) => b.length - a.length);
  return text => {
    let result = text;
    for (const value of sorted) result = result.replaceAll(value, REDACTED);
    result = redactSecretObjects(result);
    return hideSecrets(result, () => REDACTED);
  };
}

/** Redacts by form alone. */
export const redact = redactor();

/** The values under `data` and `stringData` of Secret objects in YAML and JSON output. */
function redactSecretObjects(text: string): string {
  if (!/["']?kind["']?:\s*["']?Secret(?:List)?\b/.test(text)) return text;
  const lines = text.split('\n');
  let indent = -1;
  for (const [index, line] of lines.entries()) {
    const depth = line.search(/\S/);
    if (indent >= 0 && depth >= 0) {
      if (depth > indent) {
        lines[index] = line.replace(/^(\s*(?:"[^"]*"|[^\s:]+)\s*:\s*).*?(,?)$/, `$1${REDACTED}$2`);
        // The continued lines of a block value hold no name.
        if (lines[index] === line) lines[index] = `${' '.repeat(depth)}${REDACTED}`;
        continue;
      }
      indent = -1;
    }
    if (/^\s*["']?(?:data|stringData)["']?:\s*\{?\s*$/.test(line)) indent = depth;
  }
  return lines.join('\n').replace(/("(?:data|stringData)":\s*\{)[^{}\n]+(\})/g, `$1${REDACTED}$2`);
}
