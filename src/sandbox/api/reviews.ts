import type { KindTable } from '../kinds/index.ts';
import type { KubeObject } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import type { User } from './exchange.ts';

/**
 * The access reviews. Whoever may speak to the sandbox is its administrator (group system:masters), so everything is
 * allowed; nobody else exists.
 */
export function review(object: KubeObject, user: User, types: KindTable): KubeObject {
  const metadata = object.metadata.name ? object.metadata : ({} as KubeObject['metadata']);
  switch (object.kind) {
    case 'SelfSubjectReview':
      return { kind: object.kind, apiVersion: object.apiVersion, metadata, status: { userInfo: user } };
    case 'SelfSubjectRulesReview': {
      const groups = [...new Set([...types.all()].map(type => type.group))];
      return {
        kind: object.kind,
        apiVersion: object.apiVersion,
        metadata,
        spec: {},
        status: {
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
          incomplete: groups.length === 0,
        },
      };
    }
    default: {
      const { resourceAttributes, nonResourceAttributes, user: subject, groups } = object.spec ?? {};
      if (!resourceAttributes === !nonResourceAttributes) {
        throw new StatusError(
          'Invalid',
          `${object.kind}.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`,
        );
      }
      const allowed =
        object.kind === 'SelfSubjectAccessReview' || subject === user.username || (groups ?? []).includes('system:masters');
      return {
        kind: object.kind,
        apiVersion: object.apiVersion,
        metadata,
        spec: object.spec,
        status: { allowed, ...(allowed ? {} : { reason: 'the sandbox knows one user, its administrator' }) },
      };
    }
  }
}
