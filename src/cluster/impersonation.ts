/** The headers of `as`, `as-uid`, `as-groups` and `as-user-extra`: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation */

import { EXIT, RehearseError } from '../errors/errors.ts';

/** These settings of a kubeconfig's user. */
export interface Impersonation {
  as?: string | null;
  'as-uid'?: string | null;
  'as-groups'?: string[] | null;
  'as-user-extra'?: Record<string, string[]> | null;
}

/** @throws RehearseError (exit code 2) for groups, a uid or extras without a user to be, which client-go refuses too: they would be dropped. */
export function impersonationHeaders(user: Impersonation, name: string): Record<string, string | string[]> {
  const groups = user['as-groups'] ?? [];
  const extra = Object.entries(user['as-user-extra'] ?? {});
  if (!user.as) {
    if (user['as-uid'] || groups.length > 0 || extra.length > 0)
      throw new RehearseError(
        `user "${name}" of the kubeconfig says with as-uid, as-groups or as-user-extra what to act as, but not who`,
        {
          exitCode: EXIT.usage,
          hint: 'add `as`, the name to act as, or take them out',
        },
      );
    return {};
  }
  return {
    'Impersonate-User': user.as,
    ...(user['as-uid'] ? { 'Impersonate-Uid': user['as-uid'] } : {}),
    ...(groups.length > 0 ? { 'Impersonate-Group': groups } : {}),
    ...Object.fromEntries(extra.map(([key, values]) => [`Impersonate-Extra-${headerKey(key)}`, values])),
  };
}

/** Percent-encodes what a header's name must not have, and the percent sign, as client-go does; the server decodes it. */
function headerKey(key: string): string {
  return [...Buffer.from(key)]
    .map(byte => {
      const char = String.fromCharCode(byte);
      return /[!#$&'*+\-.^_`|~0-9A-Za-z]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
