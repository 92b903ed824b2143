/** The objects of the guard: a CronJob with a ServiceAccount of its own that may do what a restore does, in one namespace, and nothing else. */
import type { ObjectRef } from '../../record/events.ts';
import type { RawObject } from '../../rehearsal/ports.ts';
import { type Permission, roleFor } from '../permissions.ts';

export const GUARD_NAME = 'rehearse-guard';

const LABELS = { 'app.kubernetes.io/name': GUARD_NAME, 'app.kubernetes.io/managed-by': 'rehearse' };

const WORKLOADS = ['deployments', 'statefulsets', 'daemonsets'];

/** What `restore` does to whatever a drill may have changed. */
export function guardPermissions(): Permission[] {
  const need = (verbs: readonly string[], group: string, resources: readonly string[], why: string): Permission[] =>
    resources.flatMap(resource => verbs.map(verb => ({ verb, group, resource, why })));
  return [
    ...need(['list', 'delete'], '', ['secrets'], 'undo journals of runs'),
    ...need(['get', 'delete'], 'coordination.k8s.io', ['leases'], 'who still works on the target'),
    ...need(['get', 'list', 'watch', 'update', 'create'], 'apps', WORKLOADS, 'puts workloads back and waits for them'),
    ...need(
      ['list', 'watch', 'delete'],
      'apps',
      ['replicasets', 'controllerrevisions'],
      'takes the bad revision out of the history',
    ),
    ...need(['get', 'update', 'create'], '', ['services'], 'puts Services back'),
    ...need(['get', 'delete'], '', ['configmaps'], 'deletes the copies that a drill made'),
    ...need(['list', 'watch', 'delete'], '', ['pods'], 'frees a StatefulSet that waits for its broken pod'),
  ];
}

/** @param image has the program, as `guardImage` builds it */
export function guardObjects(namespace: string, image: string): RawObject[] {
  const metadata = { name: GUARD_NAME, namespace, labels: LABELS };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false },
    ...roleFor(GUARD_NAME, namespace, guardPermissions(), GUARD_NAME).map(object => ({ ...object, metadata })),
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata,
      spec: {
        schedule: '* * * * *',
        // Two at once would do no harm, and no good.
        concurrencyPolicy: 'Forbid',
        // Without it a CronJob that missed 100 starts is never started again.
        startingDeadlineSeconds: 120,
        successfulJobsHistoryLimit: 1,
        failedJobsHistoryLimit: 1,
        jobTemplate: {
          metadata: { labels: LABELS },
          spec: {
            // The next minute is the next try.
            backoffLimit: 0,
            activeDeadlineSeconds: 420,
            template: { metadata: { labels: LABELS }, spec: podSpec(namespace, image) },
          },
        },
      },
    },
  ];
}

function podSpec(namespace: string, image: string): RawObject['spec'] {
  return {
    serviceAccountName: GUARD_NAME,
    automountServiceAccountToken: true,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 5,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'restore',
        image,
        imagePullPolicy: 'IfNotPresent',
        args: ['restore', '--expired', '--context', 'in-cluster', '--namespace', namespace],
        env: [
          // A user without an entry in passwd has no home.
          { name: 'HOME', value: '/tmp' },
          { name: 'REHEARSE_STATE_DIR', value: '/tmp/rehearse' },
        ],
        resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '256Mi' } },
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      },
    ],
  };
}

/** In the order in which they are deleted. */
export function guardRefs(namespace: string): ObjectRef[] {
  const rbac = 'rbac.authorization.k8s.io/v1';
  return [
    { apiVersion: 'batch/v1', kind: 'CronJob', namespace, name: GUARD_NAME },
    { apiVersion: rbac, kind: 'RoleBinding', namespace, name: GUARD_NAME },
    { apiVersion: rbac, kind: 'Role', namespace, name: GUARD_NAME },
    { apiVersion: 'v1', kind: 'ServiceAccount', namespace, name: GUARD_NAME },
  ];
}
