import type { KubeObject, ResourceName } from '../registry/resources.ts';
import { formatSelector } from '../registry/selectors.ts';
import { humanDuration, since } from './duration.ts';
import { podSummary, restartsCell } from './pod-columns.ts';
import type { Column } from './table.ts';

/** Upstream's table columns, by kind (pkg/printers/internalversion/printers.go). */

type Value = Column['value'];

const column = (name: string, value: Value, more: Partial<Column> = {}): Column => ({ name, type: 'string', value, ...more });
const count = (name: string, value: Value): Column => column(name, value, { type: 'integer' });
const wide = (name: string, value: Value): Column => column(name, value, { priority: 1 });

const NAME = column('Name', ({ metadata }) => metadata.name, {
  format: 'name',
  description: 'Name must be unique within a namespace. Is required when creating resources.',
});
const AGE = column('Age', ({ metadata }, nowMs) => since(metadata.creationTimestamp, nowMs));
const CREATED = column('Created At', ({ metadata }) => metadata.creationTimestamp ?? '', { type: 'date' });

const containers = (object: KubeObject): { name: string; image?: string }[] => object.spec?.template?.spec?.containers ?? [];
const CONTAINERS = wide('Containers', object =>
  containers(object)
    .map(container => container.name)
    .join(','),
);
const IMAGES = wide('Images', object =>
  containers(object)
    .map(container => container.image ?? '')
    .join(','),
);
const SELECTOR = wide('Selector', ({ spec }) => formatSelector(spec?.selector));

const labelsText = (labels: Record<string, string> | undefined) =>
  labels && Object.keys(labels).length > 0
    ? Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => `${key}=${value}`)
        .join(',')
    : '<none>';

/** At most three, then how many more. */
function shortList(items: readonly string[], none = '<unset>'): string {
  if (items.length === 0) return none;
  return items.length > 3 ? `${items.slice(0, 3).join(',')} + ${items.length - 3} more...` : items.join(',');
}

const condition = (object: KubeObject, type: string): boolean =>
  (object.status?.conditions ?? []).some((c: { type: string; status: string }) => c.type === type && c.status === 'True');

function jobStatus(job: KubeObject): string {
  for (const [type, word] of [
    ['Complete', 'Complete'],
    ['Failed', 'Failed'],
  ] as const) {
    if (condition(job, type)) return word;
  }
  if (job.metadata.deletionTimestamp) return 'Terminating';
  for (const type of ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']) if (condition(job, type)) return type;
  return 'Running';
}

function jobCompletions({ spec = {}, status = {} }: KubeObject): string {
  const succeeded = status.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  return (spec.parallelism ?? 0) > 1 ? `${succeeded}/1 of ${spec.parallelism}` : `${succeeded}/1`;
}

function externalIP({ spec = {}, status = {} }: KubeObject): string {
  const external: string[] = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type === 'LoadBalancer') {
    const ingress: string[] = (status.loadBalancer?.ingress ?? []).map(
      (entry: { ip?: string; hostname?: string }) => entry.ip || entry.hostname,
    );
    return [...ingress, ...external].join(',') || '<pending>';
  }
  return external.join(',') || '<none>';
}

const servicePorts = ({ spec }: KubeObject): string =>
  (spec?.ports ?? [])
    .map(({ port, nodePort, protocol }: { port: number; nodePort?: number; protocol: string }) =>
      nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    )
    .join(',') || '<none>';

function endpointsText({ subsets = [] }: KubeObject): string {
  const list: string[] = [];
  for (const { ports = [], addresses = [] } of subsets) {
    const hosts: string[] = addresses.map((address: { ip: string }) => address.ip);
    if (ports.length === 0) list.push(...hosts);
    for (const { port } of ports) list.push(...hosts.map(host => `${host}:${port}`));
  }
  return subsets.length === 0 ? '<none>' : shortList(list, '');
}

function nodeStatus(node: KubeObject): string {
  const found = (node.status?.conditions ?? []).find((c: { type: string }) => c.type === 'Ready');
  const words = [found ? (found.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'];
  if (node.spec?.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

const ROLE_LABEL = 'node-role.kubernetes.io/';
const nodeRoles = ({ metadata }: KubeObject): string =>
  Object.keys(metadata.labels ?? {})
    .filter(key => key.startsWith(ROLE_LABEL))
    .map(key => key.slice(ROLE_LABEL.length))
    .sort()
    .join(',') || '<none>';
const nodeAddress = (type: string) => (node: KubeObject) =>
  (node.status?.addresses ?? []).find((address: { type: string }) => address.type === type)?.address ?? '<none>';

const lastSeen = (event: KubeObject, nowMs: number) =>
  event.series
    ? since(event.series.lastObservedTime, nowMs)
    : (event.lastTimestamp ?? event.deprecatedLastTimestamp)
      ? since(event.lastTimestamp ?? event.deprecatedLastTimestamp, nowMs)
      : firstSeen(event, nowMs);
const firstSeen = (event: KubeObject, nowMs: number) =>
  since(event.firstTimestamp ?? event.deprecatedFirstTimestamp ?? event.eventTime, nowMs);
const eventTarget = ({ involvedObject, regarding }: KubeObject) => {
  const { kind = '', name } = involvedObject ?? regarding ?? {};
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase();
};
const eventSource = (event: KubeObject) => {
  const source = event.source ?? event.deprecatedSource ?? {};
  const component = source.component || event.reportingComponent || event.reportingController || '';
  const host = source.host || event.reportingInstance || '';
  return host ? `${component}, ${host}` : component;
};

const podIP = ({ status }: KubeObject) => status?.podIPs?.[0]?.ip || status?.podIP || '<none>';

function readinessGates({ spec, status }: KubeObject): string {
  const gates: { conditionType: string }[] = spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter(gate =>
    (status?.conditions ?? []).some(
      (c: { type: string; status: string }) => c.type === gate.conditionType && c.status === 'True',
    ),
  );
  return `${met.length}/${gates.length}`;
}

const subjects = (kind: string) => (binding: KubeObject) =>
  (binding.subjects ?? [])
    .filter((subject: { kind: string }) => subject.kind === kind)
    .map((subject: { name: string; namespace?: string }) =>
      kind === 'ServiceAccount' ? `${subject.namespace}/${subject.name}` : subject.name,
    )
    .join(', ');
const bindingColumns = [
  NAME,
  column('Role', ({ roleRef }) => `${roleRef?.kind}/${roleRef?.name}`),
  AGE,
  wide('Users', subjects('User')),
  wide('Groups', subjects('Group')),
  wide('ServiceAccounts', subjects('ServiceAccount')),
];

const dataCount = ({ data, binaryData }: KubeObject) =>
  String(Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length);

const byResource: Record<ResourceName, readonly Column[]> = {
  pods: [
    NAME,
    column('Ready', pod => {
      const { ready, total } = podSummary(pod);
      return `${ready}/${total}`;
    }),
    column('Status', pod => podSummary(pod).reason),
    column('Restarts', (pod, nowMs) => restartsCell(podSummary(pod), nowMs)),
    AGE,
    wide('IP', podIP),
    wide('Node', ({ spec }) => spec?.nodeName || '<none>'),
    wide('Nominated Node', ({ status }) => status?.nominatedNodeName || '<none>'),
    wide('Readiness Gates', readinessGates),
  ],
  'deployments.apps': [
    NAME,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    count('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
    count('Available', ({ status }) => status?.availableReplicas ?? 0),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  'replicasets.apps': [
    NAME,
    count('Desired', ({ spec }) => spec?.replicas ?? 0),
    count('Current', ({ status }) => status?.replicas ?? 0),
    count('Ready', ({ status }) => status?.readyReplicas ?? 0),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  'statefulsets.apps': [
    NAME,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    AGE,
    CONTAINERS,
    IMAGES,
  ],
  'daemonsets.apps': [
    NAME,
    count('Desired', ({ status }) => status?.desiredNumberScheduled ?? 0),
    count('Current', ({ status }) => status?.currentNumberScheduled ?? 0),
    count('Ready', ({ status }) => status?.numberReady ?? 0),
    count('Up-to-date', ({ status }) => status?.updatedNumberScheduled ?? 0),
    count('Available', ({ status }) => status?.numberAvailable ?? 0),
    column('Node Selector', ({ spec }) => labelsText(spec?.template?.spec?.nodeSelector)),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  'controllerrevisions.apps': [
    NAME,
    column('Controller', ({ metadata }) => {
      const owner = metadata.ownerReferences?.find(reference => reference.controller);
      if (!owner) return '<none>';
      const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
      return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
    }),
    count('Revision', ({ revision }) => revision ?? 0),
    AGE,
  ],
  'jobs.batch': [
    NAME,
    column('Status', jobStatus),
    column('Completions', jobCompletions),
    column('Duration', ({ status }, nowMs) => {
      if (!status?.startTime) return '';
      const end = status.completionTime ? Date.parse(status.completionTime) : nowMs;
      return humanDuration(end - Date.parse(status.startTime));
    }),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  services: [
    NAME,
    column('Type', ({ spec }) => spec?.type ?? ''),
    column('Cluster-IP', ({ spec }) => spec?.clusterIPs?.[0] ?? (spec?.clusterIP || '<none>')),
    column('External-IP', externalIP),
    column('Port(s)', servicePorts),
    AGE,
    wide('Selector', ({ spec }) => labelsText(spec?.selector)),
  ],
  endpoints: [NAME, column('Endpoints', endpointsText), AGE],
  'endpointslices.discovery.k8s.io': [
    NAME,
    column('AddressType', ({ addressType }) => addressType ?? ''),
    column('Ports', ({ ports }) =>
      shortList((ports ?? []).map(({ port, name }: { port?: number; name?: string }) => String(port ?? name ?? '*'))),
    ),
    column('Endpoints', ({ endpoints }) =>
      shortList((endpoints ?? []).flatMap((endpoint: { addresses: string[] }) => endpoint.addresses)),
    ),
    AGE,
  ],
  nodes: [
    NAME,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    AGE,
    column('Version', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
    wide('Internal-IP', nodeAddress('InternalIP')),
    wide('External-IP', nodeAddress('ExternalIP')),
    wide('OS-Image', ({ status }) => status?.nodeInfo?.osImage || '<unknown>'),
    wide('Kernel-Version', ({ status }) => status?.nodeInfo?.kernelVersion || '<unknown>'),
    wide('Container-Runtime', ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>'),
  ],
  events: [
    column('Last Seen', lastSeen),
    column('Type', ({ type }) => type ?? ''),
    column('Reason', ({ reason }) => reason ?? ''),
    column('Object', eventTarget),
    wide('Subobject', ({ involvedObject, regarding }) => (involvedObject ?? regarding)?.fieldPath ?? ''),
    wide('Source', eventSource),
    column('Message', ({ message, note }) => (message ?? note ?? '').trim()),
    wide('First Seen', firstSeen),
    wide('Count', ({ series, count: times, deprecatedCount }) => String(series?.count ?? (times || deprecatedCount || 1))),
    column('Name', ({ metadata }) => metadata.name, { priority: 1, format: 'name' }),
  ],
  'scales.autoscaling': [
    NAME,
    count('Desired', ({ spec }) => spec?.replicas ?? 0),
    count('Available', ({ status }) => status?.replicas ?? 0),
    AGE,
  ],
  namespaces: [NAME, column('Status', ({ status }) => status?.phase ?? ''), AGE],
  secrets: [NAME, column('Type', ({ type }) => type ?? ''), column('Data', dataCount), AGE],
  configmaps: [NAME, column('Data', dataCount), AGE],
  serviceaccounts: [NAME, column('Secrets', ({ secrets }) => String((secrets ?? []).length)), AGE],
  'leases.coordination.k8s.io': [NAME, column('Holder', ({ spec }) => spec?.holderIdentity ?? ''), AGE],
  'poddisruptionbudgets.policy': [
    NAME,
    column('Min Available', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
    column('Max Unavailable', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
    count('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0),
    AGE,
  ],
  'rolebindings.rbac.authorization.k8s.io': bindingColumns,
  'clusterrolebindings.rbac.authorization.k8s.io': bindingColumns,
  'roles.rbac.authorization.k8s.io': [NAME, CREATED],
  'clusterroles.rbac.authorization.k8s.io': [NAME, CREATED],
  'customresourcedefinitions.apiextensions.k8s.io': [NAME, CREATED],
};

/** The columns of a kind; a name and an age where upstream has no others. */
export const columnsOf = (resource: ResourceName): readonly Column[] => byResource[resource] ?? [NAME, AGE];
