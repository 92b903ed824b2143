import type { FieldError } from '../kinds/field-error.ts';
import { StatusError } from './status-error.ts';

/** Upstream's standard errors (apimachinery/pkg/api/errors/errors.go), with the messages that kubectl prints. */

interface Named {
  readonly plural: string;
  readonly group: string;
  readonly kind?: string;
}

const qualified = (type: Named) => (type.group ? `${type.plural}.${type.group}` : type.plural);
const details = (type: Named, name: string) => ({ name, ...(type.group ? { group: type.group } : {}), kind: type.plural });

export const notFoundStatus = (type: Named, name: string): StatusError =>
  new StatusError('NotFound', `${qualified(type)} "${name}" not found`, details(type, name));

export const alreadyExists = (type: Named, name: string): StatusError =>
  new StatusError('AlreadyExists', `${qualified(type)} "${name}" already exists`, details(type, name));

const STALE = 'the object has been modified; please apply your changes to the latest version and try again';

export const conflict = (type: Named, name: string, why = STALE): StatusError =>
  new StatusError('Conflict', `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${why}`, details(type, name));

export const badRequest = (message: string): StatusError => new StatusError('BadRequest', message);

/** 422 with every mistake, also as machine-readable causes. */
export function invalidObject(type: Named, name: string, errors: readonly FieldError[]): StatusError {
  const kind = type.kind ?? type.plural;
  const texts = [...new Set(errors.map(error => `${error.field}: ${error.message}`))];
  const summary = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new StatusError('Invalid', `${type.group ? `${kind}.${type.group}` : kind} "${name}" is invalid: ${summary}`, {
    name,
    ...(type.group ? { group: type.group } : {}),
    kind,
    causes: errors.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}
