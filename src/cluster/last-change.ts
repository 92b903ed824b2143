/** Who changed an object's desired state last, as far as the object itself and its events tell. */
import type { ObjectRef } from '../record/events.ts';
import type { Cluster, RawObject, TargetObserver } from '../rehearsal/ports.ts';
import { shortName } from './workloads.ts';

interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  time?: string;
  fieldsV1?: Record<string, unknown>;
}

/**
 * Field managers by how people know the tool behind them. kubectl names its commands (`kubectl-edit`, `kubectl-set`), a plain
 * `kubectl` is what `rollout undo` and `patch` leave; others come from the User-Agent up to its first slash, so a browser is `Mozilla`
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers).
 */
const TOOLS: readonly [RegExp, string][] = [
  [/^kubectl-rollout$/, 'kubectl rollout'],
  [/^kubectl-client-side-apply$/, 'kubectl apply'],
  [/^kubectl-([a-z]+)$/, 'kubectl $1'],
  [/^kubectl$/, 'kubectl (as its rollout undo and patch do)'],
  [/^argocd-.*$/, 'an Argo CD sync'],
  [/^(kustomize|helm)-controller$/, 'Flux ($1-controller)'],
  [/^helm$/, 'helm'],
  [/^(Mozilla|dashboard)$/, 'a dashboard in a browser'],
];

/** `how` is one sentence: tool, field manager, time, and the newest event about the object. */
export async function lastChange(cluster: Cluster, ref: ObjectRef): ReturnType<TargetObserver['lastChange']> {
  const object = await cluster.get(ref);
  const entry = newestOfSpec(object);
  if (!entry?.manager) return { manager: 'unknown', how: `the managed fields of ${shortName(ref)} do not tell by whom` };
  const { manager, operation = 'Update', time } = entry;
  const tool = toolOf(manager);
  const event = await newestEvent(cluster, ref);
  const parts = [
    `by ${tool}${tool === manager ? '' : ` (field manager ${manager}, ${operation})`}`,
    ...(time === undefined ? [] : [`at ${time}`]),
  ];
  // Managed fields never name a user: that is only in the API server's audit log.
  return {
    manager,
    ...(time === undefined ? {} : { at: time }),
    how: `${parts.join(' ')}${event ? `; event: ${event}` : ''}`,
  };
}

function toolOf(manager: string): string {
  const known = TOOLS.find(([pattern]) => pattern.test(manager));
  return known ? manager.replace(...known) : manager;
}

function newestOfSpec(object: RawObject | undefined): ManagedFields | undefined {
  const all = (object?.metadata['managedFields'] ?? []) as ManagedFields[];
  return all
    .filter(entry => entry.subresource === undefined && entry.fieldsV1 && 'f:spec' in entry.fieldsV1)
    .sort((left, right) => (right.time ?? '').localeCompare(left.time ?? ''))[0];
}

async function newestEvent(cluster: Cluster, ref: ObjectRef): Promise<string | undefined> {
  const { items } = await cluster
    .list(
      { apiVersion: 'v1', kind: 'Event' },
      {
        ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
        fieldSelector: `involvedObject.kind=${ref.kind},involvedObject.name=${ref.name}`,
      },
    )
    .catch(() => ({ items: [] as RawObject[] }));
  const when = (event: RawObject): string =>
    event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp ?? '';
  const newest = items.sort((left, right) => when(right).localeCompare(when(left)))[0];
  return newest && `${newest['reason']} ${newest['message']}`;
}
