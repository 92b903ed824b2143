/** Finds secrets in text, whatever it is: output of commands, YAML, JSON, logs, command lines. By form, and by the names of settings. */
import { isSecretSetting } from './secret-setting.ts';

/** What is shown in place of a secret. */
export type Hide = (secret: string) => string;

/** Credentials whose own form gives them away. A group, where there is one, is the secret; otherwise all of it is. */
const FORMS: readonly RegExp[] = [
  // Authorization headers, and bearer tokens elsewhere; "bearer authentication" is prose.
  /(?<=authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:basic|bearer|token|digest)\s{1,4})[^\s"']+/gi,
  /(?<=\bbearer\s{1,4})(?=\S*\d|\S{20})[A-Za-z0-9+/_.~=-]{8,}/gi,
  /(?<=\bBasic )(?=\S*\d|\S{20})[A-Za-z0-9+/]{8,}={0,2}/g,
  // JSON Web Tokens: service account tokens are those.
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
  // Passwords in URLs, up to the last @ of the host's part.
  /(?<=\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@'"]{0,200}:)[^\s/'"]+(?=@)/gi,
  // AWS, GitHub, GitLab, Slack, Stripe.
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,})/g,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}/g,
  /\b(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}/g,
  // Addresses that are all that is needed to write to somebody's channel.
  /(?<=https:\/\/hooks\.slack\.com\/)[\w/-]+|(?<=https:\/\/(?:\w+\.)?discord(?:app)?\.com\/api\/webhooks\/)[\w/-]+/g,
  // Google, SendGrid, OpenAI and those alike, npm, PyPI, Vault, DigitalOcean, Docker Hub, age.
  /\bAIza[\w-]{35}/g,
  /\bSG\.[\w-]{16,}\.[\w-]{16,}/g,
  /\bsk-(?=[\w-]*\d)[\w-]{20,}/g,
  /\b(?:npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|hvs\.[\w-]{20,}|do[opr]_v1_[a-f0-9]{40,}|dckr_pat_[\w-]{20,}|AGE-SECRET-KEY-[A-Z0-9]{30,})/g,
];

const PEM = /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY( BLOCK)?-----[\s\S]*?(?:-----END \1PRIVATE KEY\2-----|$)/g;
/** The rest of a key whose start was cut off. */
const PEM_REST = /^[\s\S]*?-----END ([A-Z0-9 ]*)PRIVATE KEY( BLOCK)?-----/;

/** A value up to its end: in quotes, in quotes of JSON within a string, or bare, up to what begins the next setting or ends the text. */
const VALUE =
  /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\\"(?:(?!\\")[^\n])*\\"|\$(?:\([\w.-]+\)|\{[^}\s]*\})(?=[\s,;"']|$)|(?:(?![,;&]\\?["']?[\w.-]{1,80}\\?["']?[=:]|[,;)\]}]*(?:\s|$))[^\s"'\\])+/y;

/** Text that ends where the value of a setting begins; its group is the setting's name. */
const HEADS: readonly RegExp[] = [
  // name=value, name: value, "name": "value", --name=value
  /(?<![\w.-])([\w.-]+)\\?["']?[ \t]*[:=][ \t]*/g,
  // An environment variable or a header, in YAML and JSON.
  /(?<![\w.-])name\\?["']?[ \t]*:[ \t]*\\?["']?([\w.-]+)\\?["']?(?:,\s*|\s+)\\?["']?value\\?["']?[ \t]*:[ \t]*/gi,
  // --name value; the same as words of a list in JSON and in YAML
  /(?<![\w.-])(--?[A-Za-z][\w.-]*)(?:[ \t]+|\\?["'],\s*|["']?\n[ \t]*- +)(?!-)/g,
];

/** Programs whose short options take passwords. */
const SHORT_OPTIONS: readonly RegExp[] = [
  /(?<=\b(?:mysql\w*|mariadb[\w-]*|mongo\w*|sshpass|docker login)\b[^\n|;&]{0,300}\s-p ?)(?!\d+\b)[^\s-]\S*/g,
  /(?<=\bredis-cli\b[^\n|;&]{0,300}\s-a )\S+/g,
  /(?<=\bcurl\b[^\n|;&]{0,300}\s(?:-u ?|--user[ =])["']?[^\s:"']{1,100}:)[^\s"']+/g,
];

/** A text without the secrets in it: keys, tokens, passwords in URLs, values of settings and flags with telling names. */
export function hideSecrets(text: string, hide: Hide): string {
  let result = text
    .replace(PEM, (block, kind = '', suffix = '') => `-----BEGIN ${kind}PRIVATE KEY${suffix}----- ${hide(block)}`)
    .replace(PEM_REST, (rest, kind, suffix = '') => `${hide(rest)} -----END ${kind}PRIVATE KEY${suffix}-----`);
  for (const form of FORMS) result = result.replace(form, hide);
  result = hideBlocks(result, hide);
  for (const head of HEADS) result = hideAfter(result, head, hide);
  for (const option of SHORT_OPTIONS)
    result = result.replace(option, secret => (isSecretSetting('password', secret) ? hide(secret) : secret));
  return result.replace(LONG_WORD, word => (looksRandom(word) ? hide(word) : word));
}

function hideAfter(text: string, head: RegExp, hide: Hide): string {
  let result = '';
  let from = 0;
  head.lastIndex = 0;
  for (let found = head.exec(text); found; found = head.exec(text)) {
    const [, name = ''] = found;
    VALUE.lastIndex = head.lastIndex;
    const value = VALUE.exec(text)?.[0];
    // What is no secret may hold another setting: --from-literal=password=x.
    if (value === undefined || isProse(name, found[0], value) || !isSecretSetting(name, value)) continue;
    result += text.slice(from, head.lastIndex) + hide(value);
    from = head.lastIndex += value.length;
  }
  return result + text.slice(from);
}

/** `Authorization: Bearer …`, whose token has a form of its own, and `--- PASS: TestCart` of a test's output. */
function isProse(name: string, head: string, value: string): boolean {
  return /^(bearer|basic|digest|token)$/i.test(value) || (name === 'PASS' && head.includes(':'));
}

/** Values of several lines in YAML, `password: |` and the `value: |` of a variable: their lines go, all of them. */
function hideBlocks(text: string, hide: Hide): string {
  if (!/[|>][-+\d]*[ \t]*\n/.test(text)) return text;
  const kept: string[] = [];
  const lines = text.split('\n');
  let variable = '';
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    kept.push(line);
    variable = /^[ \t-]*name:\s*["']?([\w.-]+)/.exec(line)?.[1] ?? variable;
    const [, indent, key] = /^([ \t-]*)["']?([\w.-]+)["']?:[ \t]*[|>][-+\d]*[ \t]*$/.exec(line) ?? [];
    if (indent === undefined || key === undefined || !isSecretSetting(key === 'value' ? variable : key, 'of several lines'))
      continue;
    const deeper = (next: string) => next.trim() === '' || next.search(/\S/) > indent.length;
    let end = index + 1;
    while (end < lines.length && deeper(lines[end] ?? '')) end++;
    const block = lines.slice(index + 1, end);
    const first = block.find(next => next.trim() !== '');
    if (first === undefined) continue;
    kept.push(`${first.slice(0, first.search(/\S/))}${hide(block.join('\n').trim())}`);
    if (block.at(-1) === '') kept.push('');
    index = end - 1;
  }
  return kept.join('\n');
}

const LONG_WORD = /(?<![\w+/.@-])[\w+/-]{32,512}={0,2}(?![\w+/@-]|\.\w)/g;

/**
 * Upper case, lower case and digits that change about as often as by chance: keys in base64. Hexadecimal digits alone do not count:
 * digests of images and commits are what readers compare.
 */
function looksRandom(word: string): boolean {
  const kinds = [...word].map(sign =>
    /\d/.test(sign) ? 'digit' : /[a-z]/.test(sign) ? 'lower' : /[A-Z]/.test(sign) ? 'upper' : 'other',
  );
  const changes = kinds.filter((kind, index) => index > 0 && kind !== kinds[index - 1]).length;
  const digits = kinds.filter(kind => kind === 'digit').length;
  return (
    kinds.includes('upper') && kinds.includes('lower') && digits >= 2 && changes >= word.length * 0.45 && new Set(word).size >= 16
  );
}
