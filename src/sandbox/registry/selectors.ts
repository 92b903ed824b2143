import { badRequest } from './api-errors.ts';

/** Upstream's label and field selectors as the query string carries them (apimachinery/pkg/labels, pkg/fields). */

export type Labels = Readonly<Record<string, string>>;

interface Requirement {
  key: string;
  operator: 'in' | 'notin' | 'exists' | 'missing' | 'gt' | 'lt';
  values: readonly string[];
}

const bad = (why: string) => badRequest(`unable to parse requirement: ${why}`);
/** Between requirements upstream's parser has no such prefix. */
const unexpected = (why: string) => badRequest(why);

/** Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`. @throws StatusError BadRequest. */
function parseLabelSelector(text: string): Requirement[] {
  const tokens = text.match(/\(|\)|,|!=|==|=|!|<|>|[^\s(),=!<>]+/g) ?? [];
  const requirements: Requirement[] = [];
  let position = 0;
  const next = () => tokens[position++];
  const peek = () => tokens[position];
  while (position < tokens.length) {
    let token = next() as string;
    if (token === '!') {
      token = next() ?? '';
      requirements.push({ key: word(token), operator: 'missing', values: [] });
    } else requirements.push(requirement(word(token)));
    const separator = next();
    if (separator === undefined) break;
    if (separator !== ',') throw unexpected(`found '${separator}', expected: ',' or 'end of string'`);
    if (peek() === undefined) throw unexpected("found '', expected: identifier after ','");
  }
  return requirements;

  function word(token: string): string {
    if (!/^[A-Za-z0-9]/.test(token)) throw unexpected(`found '${token}', expected: !, identifier, or 'end of string'`);
    return token;
  }

  function requirement(key: string): Requirement {
    const operator = peek();
    if (operator === undefined || operator === ',') return { key, operator: 'exists', values: [] };
    position++;
    if (operator === '=' || operator === '==' || operator === '!=') {
      const following = peek();
      const value = following === undefined || following === ',' ? '' : (next() as string);
      return { key, operator: operator === '!=' ? 'notin' : 'in', values: [value] };
    }
    if (operator === '>' || operator === '<') return { key, operator: operator === '>' ? 'gt' : 'lt', values: [next() ?? ''] };
    if (operator !== 'in' && operator !== 'notin') {
      throw bad(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
    if (next() !== '(') throw bad(`found '${tokens[position - 1] ?? ''}' expected: '('`);
    const values: string[] = [];
    let expectValue = true;
    for (;;) {
      const token = next();
      if (token === undefined) throw bad("found '', expected: ',', or ')'");
      if (token === ')') {
        if (expectValue) values.push('');
        return { key, operator, values };
      }
      if (token === ',') {
        if (expectValue) values.push('');
        expectValue = true;
      } else {
        values.push(token);
        expectValue = false;
      }
    }
  }
}

function matchesRequirement({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case 'missing':
      return value === undefined;
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'lt':
      return value !== undefined && Number(value) < Number(values[0]);
  }
}

/** A predicate for a selector's text; undefined when it selects everything. */
export function labelMatcher(text: string | undefined): ((labels: Labels) => boolean) | undefined {
  if (!text) return undefined;
  const requirements = parseLabelSelector(text);
  return labels => requirements.every(requirement => matchesRequirement(requirement, labels));
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

const OPERATORS: Record<string, Requirement['operator']> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: 'missing',
};

/** A predicate for meta/v1 LabelSelector: none selects nothing, an empty one everything. */
export function selectorMatcher(selector: LabelSelector | undefined): (labels: Labels | undefined) => boolean {
  if (!selector) return () => false;
  const requirements = selectorRequirements(selector);
  return labels => requirements.every(requirement => matchesRequirement(requirement, labels ?? {}));
}

function selectorRequirements(selector: LabelSelector): Requirement[] {
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: 'in',
    values: [value],
  }));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    requirements.push({ key, operator: OPERATORS[operator] ?? 'in', values: values ?? [] });
  }
  return requirements;
}

/** As `kubectl get -o wide` and the scale subresource show a selector: sorted by key. */
export function formatSelector(selector: LabelSelector | undefined): string {
  if (!selector) return '<none>';
  const parts = selectorRequirements(selector)
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, operator, values }) => {
      const fromLabels = operator === 'in' && values.length === 1 && selector.matchLabels?.[key] === values[0];
      if (fromLabels) return `${key}=${values[0]}`;
      if (operator === 'exists') return key;
      if (operator === 'missing') return `!${key}`;
      return `${key} ${operator} (${[...values].sort().join(',')})`;
    });
  return parts.length > 0 ? parts.join(',') : '<none>';
}

export interface FieldRequirement {
  field: string;
  equal: boolean;
  value: string;
}

/** Parses `a=b,c!=d`. @throws StatusError BadRequest. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(',')
    .filter(part => part !== '')
    .map(part => {
      const match = /^(.*?)(!=|==|=)(.*)$/.exec(part);
      if (!match) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
      return { field: (match[1] ?? '').trim(), equal: match[2] !== '!=', value: (match[3] ?? '').trim() };
    });
}
