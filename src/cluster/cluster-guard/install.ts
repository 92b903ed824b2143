/** Puts the guard into a namespace, takes it out again, and tells how it is. */
import { EXIT, RehearseError } from '../../errors/errors.ts';
import type { ObjectRef } from '../../record/events.ts';
import type { Clock, Cluster, RawObject } from '../../rehearsal/ports.ts';
import { podTroubles } from '../pod-trouble.ts';
import { refOf } from '../workloads.ts';
import { GUARD_NAME, guardObjects, guardRefs } from './manifests.ts';

const FIELD_MANAGER = 'rehearse-cluster-guard';
const TRIAL_LIMIT_MS = 120_000;
const STUCK_MS = 20_000;

/**
 * Applies the guard and has it run once, so that an image that is not there or a permission that is missing shows now.
 * @throws RehearseError with what its pod said when that run failed; the guard stays installed.
 */
export async function installGuard(cluster: Cluster, namespace: string, image: string, clock: Clock): Promise<void> {
  for (const object of guardObjects(namespace, image))
    await cluster.patch(refOf(object), object, 'apply', { fieldManager: FIELD_MANAGER });
  const cronJob = await cluster.get(cronJobRef(namespace));
  if (!cronJob) throw new RehearseError(`CronJob ${GUARD_NAME} is gone again from namespace ${namespace}`);
  await trial(cluster, cronJob, namespace, clock);
}

/** The CronJob's job, now. */
async function trial(cluster: Cluster, cronJob: RawObject, namespace: string, clock: Clock): Promise<void> {
  const name = `${GUARD_NAME}-trial-${clock.now().getTime().toString(36)}`;
  const template = cronJob['spec'].jobTemplate;
  const job: ObjectRef = { apiVersion: 'batch/v1', kind: 'Job', namespace, name };
  await cluster.create({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace,
      labels: template.metadata?.labels ?? {},
      // Goes with the CronJob, which must not count it among its own: it deletes those that are done before anybody has looked.
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: GUARD_NAME, uid: String(cronJob.metadata.uid) }],
    },
    spec: template.spec,
  });
  try {
    const endMs = clock.monotonicMs() + TRIAL_LIMIT_MS;
    let seen = 'its pod was not started';
    let stuckSinceMs: number | undefined;
    while (clock.monotonicMs() < endMs) {
      const status = (await cluster.get(job))?.['status'] ?? {};
      if (status.succeeded) return;
      const { items } = await cluster.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace, labelSelector: `job-name=${name}` });
      const [pod] = items;
      const trouble = pod && podTroubles(pod, Number.POSITIVE_INFINITY)[0];
      if (pod) seen = trouble?.message ?? `its pod is ${pod['status']?.phase}`;
      if (status.failed) throw failed(namespace, `${seen}${pod ? `:\n${await lastLog(cluster, pod)}` : ''}`);
      // A pull that fails once may be the network's; one that goes on failing is a wrong name.
      stuckSinceMs = trouble?.kind === 'waiting' ? (stuckSinceMs ?? clock.monotonicMs()) : undefined;
      if (stuckSinceMs !== undefined && clock.monotonicMs() - stuckSinceMs > STUCK_MS) throw failed(namespace, seen);
      await clock.sleep(1000);
    }
    throw failed(namespace, seen);
  } finally {
    await cluster.delete(job, { propagationPolicy: 'Background' }).catch(() => {});
  }
}

function failed(namespace: string, seen: string): RehearseError {
  return new RehearseError(`the guard is installed in namespace ${namespace}, and its first run failed: ${seen}`, {
    exitCode: EXIT.error,
    hint: 'it restores nothing like this. See that the nodes can get the image, install again, or: rehearse cluster guard uninstall',
  });
}

async function lastLog(cluster: Cluster, pod: RawObject): Promise<string> {
  const { status, body } = await cluster.request(
    'GET',
    `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/log?tailLines=8`,
  );
  return status === 200 ? body.trim() : `its log cannot be read (HTTP ${status})`;
}

/** Of what was there, what was deleted. */
export async function uninstallGuard(cluster: Cluster, namespace: string): Promise<string[]> {
  const deleted: string[] = [];
  for (const ref of guardRefs(namespace)) {
    try {
      await cluster.delete(ref, { propagationPolicy: 'Background' });
      deleted.push(`${ref.kind} ${ref.name}`);
    } catch (error) {
      if ((error as { status?: number }).status !== 404) throw error;
    }
  }
  return deleted;
}

export interface GuardStatus {
  installed: boolean;
  /** It runs every minute, and a run of the last minutes succeeded. */
  healthy: boolean;
  image?: string;
  lastScheduled?: string;
  lastSuccessful?: string;
  detail: string;
}

/** A run may take the time to watch a lease and to restore; more than this without a success is a failure. */
const SILENT_MS = 10 * 60_000;

export async function guardStatus(cluster: Cluster, namespace: string, clock: Clock): Promise<GuardStatus> {
  const found = await cluster.get(cronJobRef(namespace));
  if (!found) return { installed: false, healthy: false, detail: 'not installed' };
  const { lastScheduleTime, lastSuccessfulTime } = found['status'] ?? {};
  const nowMs = clock.now().getTime();
  const sinceMs = nowMs - new Date(lastSuccessfulTime ?? found.metadata.creationTimestamp ?? 0).getTime();
  const suspended = found['spec'].suspend === true;
  const healthy = !suspended && sinceMs < SILENT_MS;
  return {
    installed: true,
    healthy,
    image: found['spec'].jobTemplate.spec.template.spec.containers[0].image,
    ...(lastScheduleTime === undefined ? {} : { lastScheduled: lastScheduleTime }),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessful: lastSuccessfulTime }),
    detail: suspended
      ? 'suspended: it restores nothing'
      : lastSuccessfulTime === undefined
        ? `no run on schedule has succeeded yet${healthy ? '' : `: kubectl -n ${namespace} get jobs,pods -l app.kubernetes.io/name=${GUARD_NAME}`}`
        : `last run ${Math.max(0, Math.round(sinceMs / 1000))} s ago${healthy ? '' : ', none since'}`,
  };
}

const cronJobRef = (namespace: string): ObjectRef => ({ apiVersion: 'batch/v1', kind: 'CronJob', namespace, name: GUARD_NAME });
