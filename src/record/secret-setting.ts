/** Which settings hold a secret, by their name. What a name cannot tell, the form of the value does: `secret-text.ts`. */

/** What a name ends with when it says something of a secret, and does not hold one: PASSWORD_MIN_LENGTH, TOKEN_URL, secretName. */
const ATTRIBUTES = new Set(
  `age algorithm alg attempts audience backend bucket budget check checks class color colour config cost count dir directory
  disabled domain duration email enabled encoder encoding endpoint engine error expiration expires expiry field file filename
  folder format grant handler header help hint history host hostname hours interval issuer kind label labels len length level
  lifetime limit location manager method millis minutes mode mount ms name names namespace optional options param parameter path
  pattern period policy port prefix provider rate realm ref reference refs regex region request requests required reset retries
  review rotation rounds schema scheme scope scopes secs seconds server service settings size state status storage store strategy
  strength suffix template threads timeout title ttl type uri url usage user username users validation validator version workers`.split(
    /\s+/,
  ),
);

/** What may follow the word that counts: STRIPE_KEY_LIVE, PASSWORD_V2, client-key-data, credentials.json. */
const AFTERWORD =
  /^(v?\d+|old|new|current|previous|next|primary|secondary|live|prod|staging|dev|test|default|value|data|raw|pem|b64|base64|json|ya?ml|txt|env|properties|conf|ini|toml)$/;

const SECRET_WORD =
  /(password|passwd|passphrase|passcode|secret|credential|token)s?$|^(?!o?ld|c)\w*pwd$|^(password|secret)(key|hash|value|text)$/;
const SECRET_WORDS = new Set(['creds', 'cred', 'dsn', 'jwt', 'mnemonic', 'connstr', 'connectionstring', 'connectionstrings']);
/** As words of their own these say it only at the end: PASS_THROUGH and AUTH_MODE hold nothing. */
const SECRET_ENDINGS =
  /^(auth|oauth|authorization|cookie|salt|pepper|webhook|sas|(db|pg|my|sql|mysql|smtp|mail|redis|user|root|admin|ldap|ftp)?pass)$/;

/** Keys that open nothing: PARTITION_KEY, PUBLIC_KEY, topologyKey. */
const HARMLESS_KEY = new Set(
  `annotation bucket cache composite config dedup env feature field file flag foreign group grouping header hot i18n idempotency
  index join label lookup map message metric natural object order partition primary pub public publishable query range registry
  route routing row setting shortcut site sort sorting surrogate tag topology translation unique`.split(/\s+/),
);
/** Before `key` these make a secret of it wherever it stands: SECRET_KEY_BASE. */
const KEY_OF =
  /^(access|account|aes|api|app|auth|client|decryption|deploy|encrypt|encryption|gpg|hmac|jwt|license|master|pgp|private|rsa|secret|server|service|session|shared|sign|signing|ssh|ssl|storage|stripe|tls|webhook)$/;
const KEY_IN_ONE_WORD =
  /(access|api|auth|encryption|license|master|private|secret|session|shared|signing|ssh|storage|account)keys?$/;

/** `dbPassword`, `DB_PASSWORD`, `--db-password` and `db.password` are the same words. */
function wordsOf(name: string): string[] {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)(?=[A-Z][a-z])/g, '$1 ')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter(word => word !== '');
  while (words.length > 1 && AFTERWORD.test(words.at(-1) ?? '')) words.pop();
  return words.map(word => (word.length > 3 ? word.replace(/\d+$/, '') : word));
}

/** Does a setting of this name hold a secret? Of an environment variable, a flag, a key of a ConfigMap, a field. */
function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  // A webhook's address is all that is needed to call it.
  if (before === 'webhook' && /^(url|uri|endpoint)$/.test(last)) return true;
  if (ATTRIBUTES.has(last)) return false;
  if (last === 'id' && before === 'key' && words.at(-3) !== 'access') return false;
  if (words.some(word => SECRET_WORD.test(word) || SECRET_WORDS.has(word) || KEY_IN_ONE_WORD.test(word))) return true;
  if (words.some((word, index) => /^conn(ection)?$/.test(word) && /^str(ings?)?$/.test(words[index + 1] ?? ''))) return true;
  if (SECRET_ENDINGS.test(last) && before !== 'proxy') return true;
  return words.some((word, index) => /^keys?$/.test(word) && isSecretKey(words, index, name));
}

function isSecretKey(words: readonly string[], index: number, name: string): boolean {
  const of = words[index - 1];
  // A field `key` names an entry of something; a variable KEY has no other meaning.
  if (of === undefined) return words.length === 1 && /^[^a-z]*KEY[^a-z]*$/.test(name);
  if (HARMLESS_KEY.has(of)) return false;
  return KEY_OF.test(of) || (index === words.length - 1 && words[index] === 'key');
}

/** Where a secret is, and not the secret: a file, a variable that Kubernetes, a shell or Helm fills in, what kubectl says of a reference. */
const REFERENCE =
  /^(?:\/(?:app|certs?|data|etc|home|keys?|mnt|opt|run|secrets?|srv|tmp|usr|var|vault)\/[\w./-]+|\$\([\w.-]+\)|\$\{[^}]*\}|\$[A-Z_]{3,}|\{\{.*|<(?:set|none|unset|nil).*)$/;
/** On, off, nothing, or the start of a structure whose fields have names of their own. */
const NOTHING = /^(?:true|false|yes|no|on|off|enabled|disabled|null|nil|none|undefined|~|\{.*|\[|[|>][-+\d]*)$/i;
const REDACTED = /^[([]redacted/;

/** Is the value of a setting a secret, by the setting's name? Not when there is nothing in it to hide: a switch, a path, a reference. */
export function isSecretSetting(name: string, value: string): boolean {
  const text = value.trim().replace(/^\\?(["'])(.*?)\\?\1,?$/s, '$2');
  if (text === '' || NOTHING.test(text) || REFERENCE.test(text) || REDACTED.test(text)) return false;
  if (!isSecretName(name)) return false;
  const words = wordsOf(name);
  // Numbers of them: MAX_TOKENS=4096, `pass: 12`.
  if (/^[\d._]+[kKmM]?$/.test(text) && words.some(word => /^(max|min|num|per)$/.test(word))) return false;
  if (/^\d{1,4}$/.test(text) && /^(pass|tokens|secrets|keys|passwords)$/.test(words.join())) return false;
  // The working directory.
  return !(text.startsWith('/') && words.join() === 'pwd');
}
