/** What a runbook's `show` steps print: the state of a namespace as text, the way an engineer would look at it with kubectl. */
import { formatDuration } from '../record/duration.ts';
import type { Clock, Cluster, Probe, RawObject, RunbookActions } from '../rehearsal/ports.ts';

type Evidence = Parameters<RunbookActions['show']>[0];

const LOG_LINES = 12;
const LOG_PODS = 4;
const EVENTS = 15;

export function createEvidence(
  cluster: Cluster,
  clock: Clock,
  namespace: string,
  probes: ReadonlyMap<string, Probe>,
): RunbookActions['show'] {
  const list = async (apiVersion: string, kind: string) => (await cluster.list({ apiVersion, kind }, { namespace })).items;
  const age = (timestamp: string | undefined) =>
    timestamp ? formatDuration(Math.max(0, clock.now().getTime() - new Date(timestamp).getTime())) : '-';

  const show: Record<Evidence, () => Promise<string>> = {
    async changes() {
      const [replicaSets, deployments] = await Promise.all([list('apps/v1', 'ReplicaSet'), list('apps/v1', 'Deployment')]);
      const rows = replicaSets
        .map(set => ({ set, owner: set.metadata.ownerReferences?.find(reference => reference.controller) }))
        .filter(({ owner }) => owner && deployments.some(deployment => deployment.metadata.uid === owner.uid))
        .sort((left, right) => newest(left.set, right.set))
        .map(({ set, owner }) => [
          `deployment/${owner?.name}`,
          set.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? '-',
          age(set.metadata.creationTimestamp),
          String(set['status']?.replicas ?? 0),
          images(set),
          set.metadata.annotations?.['kubernetes.io/change-cause'] ?? '',
        ]);
      return table(['WORKLOAD', 'REVISION', 'AGE', 'PODS', 'IMAGE', 'CHANGE-CAUSE'], rows);
    },

    async pods() {
      const rows = (await list('v1', 'Pod')).sort(newest).map(pod => {
        const statuses = containerStatuses(pod);
        return [
          pod.metadata.name,
          `${statuses.filter(status => status.ready).length}/${pod['spec'].containers.length}`,
          podStatus(pod),
          String(statuses.reduce((sum, status) => sum + (status.restartCount ?? 0), 0)),
          age(pod.metadata.creationTimestamp),
        ];
      });
      return table(['NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE'], rows);
    },

    async events() {
      const when = (event: RawObject): string =>
        event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp ?? '';
      const rows = (await list('v1', 'Event'))
        .sort((left, right) => when(left).localeCompare(when(right)))
        .slice(-EVENTS)
        .map(event => [
          age(when(event)),
          String(event['type'] ?? ''),
          String(event['reason'] ?? ''),
          `${String(event['involvedObject']?.kind).toLowerCase()}/${event['involvedObject']?.name}`,
          String(event['message'] ?? ''),
        ]);
      return table(['AGE', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'], rows);
    },

    async logs() {
      const pods = (await list('v1', 'Pod'))
        .sort((left, right) => trouble(right) - trouble(left) || newest(left, right))
        .slice(0, LOG_PODS);
      const parts = await Promise.all(
        pods.map(async pod => {
          const previous = containerStatuses(pod).some(status => status.state?.waiting && status.lastState?.terminated);
          const query = `tailLines=${LOG_LINES}&container=${encodeURIComponent(pod['spec'].containers[0].name)}${previous ? '&previous=true' : ''}`;
          const { status, body } = await cluster.request(
            'GET',
            `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/log?${query}`,
          );
          return `==> ${pod.metadata.name}${previous ? ' (previous)' : ''}\n${status === 200 ? body.trimEnd() : statusMessage(body)}`;
        }),
      );
      return parts.join('\n\n');
    },

    'service-level': () =>
      Promise.resolve([...probes.values()].map(probe => `${probe.name}: ${probe.level().detail}`).join('\n')),
  };
  return what => show[what]();
}

interface ContainerStatus {
  ready?: boolean;
  restartCount?: number;
  state?: { waiting?: { reason?: string }; terminated?: { reason?: string; exitCode?: number } };
  lastState?: { terminated?: object };
}

const containerStatuses = (pod: RawObject): ContainerStatus[] => pod['status']?.containerStatuses ?? [];

const newest = (left: RawObject, right: RawObject) =>
  (right.metadata.creationTimestamp ?? '').localeCompare(left.metadata.creationTimestamp ?? '');

const images = (set: RawObject): string =>
  set['spec'].template.spec.containers.map((container: { image: string }) => container.image).join(',');

/** As kubectl's STATUS column says it. */
function podStatus(pod: RawObject): string {
  if (pod.metadata.deletionTimestamp) return 'Terminating';
  for (const { state } of containerStatuses(pod)) {
    if (state?.waiting?.reason) return state.waiting.reason;
    if (state?.terminated) return state.terminated.reason ?? `ExitCode:${state.terminated.exitCode}`;
  }
  return pod['status']?.phase ?? 'Unknown';
}

function trouble(pod: RawObject): number {
  const statuses = containerStatuses(pod);
  return statuses.some(status => status.state?.waiting || status.lastState?.terminated)
    ? 2
    : statuses.every(status => status.ready)
      ? 0
      : 1;
}

function statusMessage(body: string): string {
  try {
    return String((JSON.parse(body) as { message?: string }).message);
  } catch {
    return body.slice(0, 200);
  }
}

/** Columns as wide as their widest cell, the last one free. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => (row[column] ?? '').length)));
  return [head, ...rows]
    .map(row =>
      row
        .map((cell, column) => (column === head.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
