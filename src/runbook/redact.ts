/** Keeps secrets out of the record: applied where output is captured, so that no later part ever holds them. */

const REDACTED = '[redacted]';

/** Shorter values would blank out ordinary words. */
const SHORTEST_SECRET = 4;

const PATTERNS: [RegExp, string][] = [
  // Private keys in PEM, also one that the output's end cuts off.
  [
    /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----[\s\S]*?(?:-----END \1PRIVATE KEY-----|$)/g,
    `-----BEGIN $1PRIVATE KEY----- ${REDACTED}`,
  ],
  [/^[\s\S]*?-----END ([A-Z0-9 ]*)PRIVATE KEY-----/g, `${REDACTED} -----END $1PRIVATE KEY-----`],
  // Authorization headers, and bearer tokens elsewhere; "bearer authentication" is prose.
  [/(authorization["']?\s*[:=]\s*["']?(?:basic|bearer|token|digest)\s+)[^\s"']+/gi, `$1${REDACTED}`],
  [/\b(bearer\s+)(?=\S*\d|\S{20})[A-Za-z0-9+/_.~=-]{8,}/gi, `$1${REDACTED}`],
  // JSON Web Tokens: service account tokens are those.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, REDACTED],
  // Passwords in URLs.
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@'"]*):[^\s/@'"]+@/gi, `$1:${REDACTED}@`],
  // Credentials that their own form gives away.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [
    /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{10,})/g,
    REDACTED,
  ],
  // Kubeconfig fields and NAME=value, name: value, "name": "value" whose name says that it is secret.
  [
    /(["']?\b[\w.-]*(?:password|passwd|passphrase|secret[_-]?key|client[_-]?secret|api[_-]?key|access[_-]?key|private[_-]?key|client-key-data|auth[_-]?token|access[_-]?token|refresh[_-]?token|id-token|session[_-]?token|credentials?)["']?\s*[:=]\s*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,;}"']+)/gi,
    `$1${REDACTED}`,
  ],
  [/((?:^|[\s"'{,])(?:token|secret|pwd)["']?\s*[:=]\s*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,;}"'{[]{6,})/gim, `$1${REDACTED}`],
  [/(\s--?(?:password|token|api-key|secret)[= ])\S+/gi, `$1${REDACTED}`],
];

/**
 * A function that blanks secrets out of text: the values given, plain and in base64 as Secrets carry them, and whatever has the
 * form of one: private keys, bearer tokens, passwords in URLs, the data of Secret objects, fields whose name says it.
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
    for (const [pattern, replacement] of PATTERNS) result = result.replace(pattern, replacement);
    return result;
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
