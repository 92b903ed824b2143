/** What a drill may do in a namespace: asked of the API server, and written down as a Role. */
import type { CheckResult } from '../record/events.ts';
import type { Cluster, RawObject } from '../rehearsal/ports.ts';
import { KubernetesError } from './kubernetes-error.ts';

export interface Permission {
  verb: string;
  /** API group, empty for the core. */
  group: string;
  /** `pods`, `pods/log`. */
  resource: string;
  /** Only this object. */
  name?: string;
  /** What it is needed for. */
  why: string;
  /** Not asked for, and nobody's loss, where the group is not served: VPA and KEDA. */
  ifServed?: boolean;
}

export interface ReviewedPermission extends Permission {
  allowed: boolean;
  /** The authorizer's words. */
  reason?: string;
}

const AT_ONCE = 8;

/** `patch deployments.apps/payments`, as kubectl auth can-i reads it. */
export function permissionText({ verb, group, resource, name }: Permission): string {
  return `${verb} ${resource}${group ? `.${group}` : ''}${name ? `/${name}` : ''}`;
}

/**
 * Whether the user has each of them, by SelfSubjectAccessReviews: the server keeps nothing of these, but they are requests
 * of another kind than reads, so none may be sent to a cluster that the guard refused.
 * @throws KubernetesError when the server cannot be asked.
 */
export async function reviewPermissions(
  cluster: Cluster,
  namespace: string,
  permissions: readonly Permission[],
): Promise<ReviewedPermission[]> {
  const groups = [...new Set(permissions.filter(permission => permission.ifServed).map(({ group }) => group))];
  const absent = new Set<string>();
  for (const group of groups)
    if ((await cluster.request('GET', `/apis/${group}`, { patient: true })).status === 404) absent.add(group);
  const wanted = permissions.filter(({ group, ifServed }) => !(ifServed && absent.has(group)));
  const reviewed: ReviewedPermission[] = [];
  for (let start = 0; start < wanted.length; start += AT_ONCE) {
    const batch = wanted.slice(start, start + AT_ONCE);
    reviewed.push(...(await Promise.all(batch.map(permission => review(cluster, namespace, permission)))));
  }
  return reviewed;
}

async function review(cluster: Cluster, namespace: string, permission: Permission): Promise<ReviewedPermission> {
  const [resource = '', subresource] = permission.resource.split('/');
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const response = await cluster.request('POST', path, {
    patient: true,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: {
        resourceAttributes: {
          namespace,
          verb: permission.verb,
          group: permission.group,
          resource,
          ...(subresource === undefined ? {} : { subresource }),
          ...(permission.name === undefined ? {} : { name: permission.name }),
        },
      },
    },
  });
  if (response.status >= 400)
    throw new KubernetesError({
      status: response.status,
      reason: 'AccessReview',
      message: `the permissions cannot be asked for: HTTP ${response.status} for ${path}`,
      method: 'POST',
      path,
    });
  const { allowed, reason } = JSON.parse(response.body).status as { allowed?: boolean; reason?: string };
  return { ...permission, allowed: allowed === true, ...(reason ? { reason } : {}) };
}

/** All of them as one check. */
export function permissionCheck(reviewed: readonly ReviewedPermission[]): CheckResult {
  const missing = reviewed.filter(permission => !permission.allowed);
  const name = 'permissions';
  if (missing.length === 0) return { name, ok: true, detail: `all ${reviewed.length} that the drill needs are there` };
  return {
    name,
    ok: false,
    detail: `${missing.length} of ${reviewed.length} missing: ${missing.map(permission => `${permissionText(permission)} (${permission.why})`).join('; ')}`,
    remedy: '`rehearse plan --role` prints the Role that grants them; an admin of the namespace applies it',
  };
}

/** What `kubectl apply -f -` takes: the Role with these permissions and nothing else, and who gets it. */
export function roleFor(
  roleName: string,
  namespace: string,
  permissions: readonly Permission[],
  serviceAccount = 'rehearse',
): RawObject[] {
  const metadata = { name: roleName, namespace };
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules: rulesFor(permissions) },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: roleName },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace }],
    },
  ];
}

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** One rule for all resources of a group that may be used in the same way. */
function rulesFor(permissions: readonly Permission[]): Rule[] {
  const general = new Set(permissions.filter(({ name }) => name === undefined).map(permissionText));
  const byObject = new Map<string, { group: string; resource: string; name: string | undefined; verbs: Set<string> }>();
  for (const permission of permissions) {
    const { verb, group, resource, name } = permission;
    if (name !== undefined && general.has(permissionText({ verb, group, resource, why: '' }))) continue;
    const key = `${group} ${resource} ${name ?? ''}`;
    const known = byObject.get(key) ?? { group, resource, name, verbs: new Set<string>() };
    known.verbs.add(verb);
    byObject.set(key, known);
  }
  const rules = new Map<string, Rule>();
  for (const { group, resource, name, verbs } of byObject.values()) {
    const sorted = [...verbs].sort();
    const key = [group, name ?? '', ...sorted, name === undefined ? '' : resource].join(' ');
    const rule = rules.get(key);
    if (rule) rule.resources.push(resource);
    else
      rules.set(key, {
        apiGroups: [group],
        resources: [resource],
        ...(name === undefined ? {} : { resourceNames: [name] }),
        verbs: sorted,
      });
  }
  return [...rules.values()];
}
