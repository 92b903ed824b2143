/** What a person can blame: every workload and Service of a namespace, with its revisions and what each changed, as the cluster shows them. */
import type { Candidate, Cluster, RawObject } from '../rehearsal/ports.ts';
import { serviceRevision } from './services.ts';
import { templateChanges } from './template-changes.ts';
import { refOf, revisionsOf, WORKLOAD_KINDS } from './workloads.ts';

/** Enough to tell a deploy of today from those before it. */
const REVISIONS_SHOWN = 5;

export async function listCandidates(cluster: Cluster, namespace: string): Promise<Candidate[]> {
  const [services, workloads] = await Promise.all([listServices(cluster, namespace), listWorkloads(cluster, namespace)]);
  // By name, and so always in the same place of a list to choose from.
  const byName = (left: Candidate, right: Candidate) => left.workload.name.localeCompare(right.workload.name);
  return [...workloads.sort(byName), ...services.sort(byName)];
}

/** A Service keeps no history: only what it asks for now can be told, and when its fields were written last. */
async function listServices(cluster: Cluster, namespace: string): Promise<Candidate[]> {
  const { items } = await cluster.list({ apiVersion: 'v1', kind: 'Service' }, { namespace });
  return items.map(service => ({
    workload: refOf(service),
    revisions: [{ revision: serviceRevision(service), change: routing(service), changedAt: writtenAt(service) }],
  }));
}

function routing(service: RawObject): string {
  const { selector = {}, ports = [] } = service['spec'] ?? {};
  const pairs = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
  const numbers = ports.map(
    (port: { port: number; targetPort?: number | string }) => `${port.port} → ${port.targetPort ?? port.port}`,
  );
  return `selects ${pairs.join(',') || 'nothing'}, port ${numbers.join(', ')}`;
}

function writtenAt({ metadata }: RawObject): string {
  const times = ((metadata['managedFields'] ?? []) as { time?: string }[]).flatMap(entry => entry.time ?? []);
  return times.sort().at(-1) ?? metadata.creationTimestamp ?? '';
}

async function listWorkloads(cluster: Cluster, namespace: string): Promise<Candidate[]> {
  const lists = await Promise.all(WORKLOAD_KINDS.map(kind => cluster.list({ apiVersion: 'apps/v1', kind }, { namespace })));
  return Promise.all(
    lists
      .flatMap(list => list.items)
      .map(async (workload): Promise<Candidate> => {
        const revisions = await revisionsOf(cluster, workload);
        return {
          workload: refOf(workload),
          revisions: revisions.slice(0, REVISIONS_SHOWN).map((revision, index) => ({
            revision: String(revision.number),
            change: changeText(revisions[index + 1]?.template, revision.template),
            changedAt: revision.createdAt,
          })),
        };
      }),
  );
}

function changeText(...[before, after]: Parameters<typeof templateChanges>): string {
  if (before === undefined) return 'first revision';
  return (
    templateChanges(before, after)
      .map(change => change.text)
      .join('; ') || 'nothing in the template'
  );
}
