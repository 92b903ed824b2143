/** Upstream's rules for names (apimachinery/pkg/util/validation/validation.go), with its messages. */

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;

const full = (pattern: string) => new RegExp(`^${pattern}$`);
const labelPattern = full(LABEL);
const subdomainPattern = full(SUBDOMAIN);
const label1035Pattern = full(LABEL_1035);
const qualifiedPattern = full(QUALIFIED);
const labelValuePattern = full(LABEL_VALUE);

const MAX_LABEL = 63;
const MAX_SUBDOMAIN = 253;

const maxLength = (length: number) => `must be no more than ${length} bytes`;

/** "a message (e.g. 'x', regex used for validation is '…')", as upstream puts it (its commas and blanks too). */
function regexProblem(message: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${message} (regex used for validation is '${pattern}')`;
  return `${message} (e.g. ${examples.map(example => `'${example}'`).join(',  or ')}, regex used for validation is '${pattern}')`;
}

export function subdomainProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > MAX_SUBDOMAIN) problems.push(maxLength(MAX_SUBDOMAIN));
  if (!subdomainPattern.test(value)) {
    problems.push(
      regexProblem(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        SUBDOMAIN,
        'example.com',
      ),
    );
  }
  return problems;
}

export function labelProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > MAX_LABEL) problems.push(maxLength(MAX_LABEL));
  if (!labelPattern.test(value)) {
    if (subdomainPattern.test(value)) problems.push('must not contain dots');
    else {
      problems.push(
        regexProblem(
          "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
          LABEL,
          'my-name',
          '123-abc',
        ),
      );
    }
  }
  return problems;
}

function label1035Problems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > MAX_LABEL) problems.push(maxLength(MAX_LABEL));
  if (!label1035Pattern.test(value)) {
    problems.push(
      regexProblem(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        LABEL_1035,
        'my-name',
        'abc-123',
      ),
    );
  }
  return problems;
}

function pathProblems(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter(part => value.includes(part)).map(part => `may not contain '${part}'`);
}

export function nameProblems(rule: 'subdomain' | 'label' | 'label1035' | 'path', value: string): string[] {
  if (rule === 'label') return labelProblems(value);
  if (rule === 'label1035') return label1035Problems(value);
  if (rule === 'path') return pathProblems(value);
  return subdomainProblems(value);
}

/** A label key, a finalizer: an optional DNS prefix and a name. */
export function qualifiedNameProblems(value: string): string[] {
  const parts = value.split('/');
  const problems: string[] = [];
  const name = parts.at(-1) ?? '';
  if (parts.length > 2) {
    return [
      `a qualified name ${regexProblem(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        QUALIFIED,
        'MyName',
        'my.name',
        '123-abc',
      )} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') problems.push('prefix part must be non-empty');
    else problems.push(...subdomainProblems(prefix).map(problem => `prefix part ${problem}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > MAX_LABEL) problems.push(`name part ${maxLength(MAX_LABEL)}`);
  if (!qualifiedPattern.test(name)) {
    problems.push(
      `name part ${regexProblem(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        QUALIFIED,
        'MyName',
        'my.name',
        '123-abc',
      )}`,
    );
  }
  return problems;
}

export const annotationKeyProblems = (value: string): string[] => qualifiedNameProblems(value.toLowerCase());

export function labelValueProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > MAX_LABEL) problems.push(maxLength(MAX_LABEL));
  if (!labelValuePattern.test(value)) {
    problems.push(
      regexProblem(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_VALUE,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return problems;
}

/** Environment variable names, ConfigMap keys. */
export function configKeyProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > MAX_SUBDOMAIN) problems.push(maxLength(MAX_SUBDOMAIN));
  if (!/^[-._a-zA-Z0-9]+$/.test(value)) {
    problems.push(
      regexProblem(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        '[-._a-zA-Z0-9]+',
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  if (value === '.' || value === '..') problems.push(`must not be '${value}'`);
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** Port names. */
export function portNameProblems(value: string): string[] {
  const problems: string[] = [];
  if (value.length > 15) problems.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(value)) problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}
