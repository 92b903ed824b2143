/** What a person can blame: every workload of a namespace with its revisions and what each changed, as the cluster shows them. */
import type { Candidate, Cluster } from '../rehearsal/ports.ts';
import { templateChanges } from './template-changes.ts';
import { refOf, revisionsOf, WORKLOAD_KINDS } from './workloads.ts';

/** Enough to tell a deploy of today from those before it. */
const REVISIONS_SHOWN = 5;

export async function listCandidates(cluster: Cluster, namespace: string): Promise<Candidate[]> {
  const lists = await Promise.all(WORKLOAD_KINDS.map(kind => cluster.list({ apiVersion: 'apps/v1', kind }, { namespace })));
  const candidates = await Promise.all(
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
  // By name, and so always in the same place of a list to choose from.
  return candidates.sort((left, right) => left.workload.name.localeCompare(right.workload.name));
}

function changeText(...[before, after]: Parameters<typeof templateChanges>): string {
  if (before === undefined) return 'first revision';
  return (
    templateChanges(before, after)
      .map(change => change.text)
      .join('; ') || 'nothing in the template'
  );
}
