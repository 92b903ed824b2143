import { packageFile } from '../../package-file.ts';
import type { Clock } from '../../rehearsal/ports.ts';
import type { ConnectedCluster } from '../connection.ts';
import { readManifests } from '../manifests.ts';
import { settle } from '../settle.ts';
import { clusterJournals } from '../undo-journal.ts';
import { refOf } from '../workloads.ts';
import type { ImageBuild } from './images.ts';

export const DEMO_NAMESPACE = 'shop';

const FIELD_MANAGER = 'rehearse-cluster-up';

/** One image for each of the shop's versions. */
export function demoImages(versions: readonly string[], baseImage: string): ImageBuild[] {
  return versions.map(version => ({
    image: `rehearse/shop:${version}`,
    dockerfile: packageFile('src', 'shop', 'Dockerfile'),
    context: packageFile('dist', 'programs'),
    args: { BASE_IMAGE: baseImage, VERSION: version },
  }));
}

/**
 * Applies the shop's manifests and waits until it is ready. While an undo journal lies in its namespace a drill is at work, or was not
 * restored: then nothing is touched, and the runs are returned.
 */
export async function applyDemoApp(
  cluster: ConnectedCluster,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ leftAlone: string[] }> {
  const { journals: pending } = await clusterJournals(cluster, DEMO_NAMESPACE);
  if (pending.length > 0) return { leftAlone: pending.map(journal => journal.runId) };
  const objects = await readManifests(packageFile('src', 'shop', 'manifests'));
  for (const object of objects) await cluster.patch(refOf(object), object, 'apply', { fieldManager: FIELD_MANAGER });
  const workloads = objects.filter(object => object['spec']?.template !== undefined);
  await Promise.all(workloads.map(workload => settle(cluster, clock, refOf(workload), signal)));
  return { leftAlone: [] };
}

/** `payments 3/3`, for each Deployment of the shop that is there. */
export async function demoAppReadiness(cluster: ConnectedCluster): Promise<{ name: string; ready: number; wanted: number }[]> {
  const { items } = await cluster.list({ apiVersion: 'apps/v1', kind: 'Deployment' }, { namespace: DEMO_NAMESPACE });
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    ready: Number(status?.readyReplicas ?? 0),
    wanted: Number(spec?.replicas ?? 1),
  }));
}
