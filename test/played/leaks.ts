/** Looks for words in everything that a run writes or exposes while it goes on, as somebody would who wants to know what was drawn. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../src/cluster/connection.ts';
import type { Cluster, RawObject } from '../../src/rehearsal/ports.ts';

export interface Exposed {
  /** `run folder`, `state`, `temporary`, `pod`, `process`, `terminal`, `cluster: Secret`, … */
  place: string;
  name: string;
  text: string;
}

const KINDS = [
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'ServiceAccount' },
  { apiVersion: 'v1', kind: 'Node' },
  { apiVersion: 'v1', kind: 'Event' },
  { apiVersion: 'v1', kind: 'Pod' },
  { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
];

/** Every file below a folder; what pods write and mount is theirs, as on a node of any cluster. Files may go while we look. */
export function exposedFiles(place: string, folder: string): Exposed[] {
  const entries = attempt(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry): Exposed[] => {
    const path = join(folder, entry.name);
    const where = entry.name === 'pods' ? 'pod' : place;
    const below = entry.isDirectory() ? exposedFiles(where, path) : [];
    const content = entry.isFile() ? attempt(() => readFileSync(path, 'latin1')) : undefined;
    return [{ place: where, name: path, text: `${path}\n${content ?? ''}` }, ...below];
  });
}

/** Title, arguments, environment, working directory and open files of a process and of all that it started. */
export function exposedProcesses(pid: number): Exposed[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter(one => /^\d+$/.test(one))) {
    const stat = attempt(() => readFileSync(`/proc/${name}/stat`, 'latin1'));
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(stat ?? '')?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const below = (one: number): boolean => one === pid || (parents.has(one) && below(parents.get(one) as number));
  return [...parents.keys()].filter(below).map(one => {
    const files = attempt(() => readdirSync(`/proc/${one}/fd`)) ?? [];
    const parts = [
      ...['cmdline', 'environ', 'comm'].map(file => attempt(() => readFileSync(`/proc/${one}/${file}`, 'latin1'))),
      attempt(() => readlinkSync(`/proc/${one}/cwd`)),
      ...files.map(file => attempt(() => readlinkSync(`/proc/${one}/fd/${file}`))),
    ];
    return { place: 'process', name: String(one), text: parts.filter(Boolean).join('\n').replaceAll('\0', '\n') };
  });
}

/** Whatever can be read with kubectl, what is in base64 opened. */
export async function exposedObjects(kubeconfig: string): Promise<Exposed[]> {
  const cluster: Cluster & { close(): void } = await connect({ kubeconfig });
  try {
    const lists = await Promise.all(KINDS.map(async kind => ({ kind, items: (await cluster.list(kind)).items })));
    return lists.flatMap(({ kind, items }) =>
      items.map(item => ({ place: `cluster: ${kind.kind}`, name: item.metadata.name, text: objectText(kind.kind, item) })),
    );
  } finally {
    cluster.close();
  }
}

function objectText(kind: string, object: RawObject): string {
  const opened =
    kind === 'Secret'
      ? Object.values((object['data'] ?? {}) as Record<string, string>).map(text =>
          Buffer.from(text, 'base64').toString('latin1'),
        )
      : [];
  return [JSON.stringify(object), ...opened].join('\n');
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
