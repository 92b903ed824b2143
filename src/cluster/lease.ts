/**
 * One rehearsal per target: a coordination.k8s.io Lease beside it, renewed while the drill runs. A blind drill takes those of every
 * workload of the namespace: the one that matters hides among them, and drills on each of them are kept out all the same.
 */
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { ObjectRef } from '../record/events.ts';
import type { Clock, Cluster, RawObject } from '../rehearsal/ports.ts';
import { createOwn } from './patience.ts';
import { refOf, WORKLOAD_KINDS } from './workloads.ts';

/** A lease that was not renewed for this long is free; it is renewed three times in it. */
export const LEASE_SECONDS = 30;

export function leaseFor(target: ObjectRef): ObjectRef {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
    name: `rehearse-${target.kind.toLowerCase()}-${target.name}`,
  };
}

/** Of every workload of a namespace, in an order that two drills share: of two that begin at once, one gets them all. */
export async function leasesOfNamespace(cluster: Cluster, namespace: string): Promise<ObjectRef[]> {
  const lists = await Promise.all(WORKLOAD_KINDS.map(kind => cluster.list({ apiVersion: 'apps/v1', kind }, { namespace })));
  return lists
    .flatMap(list => list.items)
    .map(workload => leaseFor(refOf(workload)))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

export interface HeldLeases {
  /** Asks the cluster. Resolves with why not, undefined when every one is still ours. */
  stillHeld(): Promise<string | undefined>;
  release(): Promise<void>;
}

/** MicroTime as the API wants it. */
const micro = (date: Date) => date.toISOString().replace('Z', '000Z');

/**
 * All of them or none.
 * @param lost told once when one of them is held by somebody else, or gone: the target was restored by others, and may be in a drill of theirs
 * @throws RehearseError (refused) when another rehearsal holds one.
 */
export async function acquireLeases(
  cluster: Cluster,
  leases: readonly ObjectRef[],
  holder: string,
  { clock, signal, lost }: { clock: Clock; signal: AbortSignal; lost: (why: string) => void },
): Promise<HeldLeases> {
  const held: ObjectRef[] = [];
  const stop = new AbortController();
  const giveBack = async () => {
    for (const lease of held) {
      const live = await cluster.get(lease);
      if (live?.['spec']?.holderIdentity === holder)
        await cluster.delete(lease, live.metadata.uid === undefined ? {} : { uid: live.metadata.uid });
    }
  };
  try {
    for (const lease of leases) {
      await acquire(cluster, lease, holder, clock);
      held.push(lease);
    }
  } catch (error) {
    await giveBack().catch(() => {});
    throw error;
  }
  const renewing = renew(cluster, held, holder, { clock, signal: AbortSignal.any([signal, stop.signal]), lost });
  return {
    stillHeld: () => whyLost(cluster, held, holder),
    async release() {
      stop.abort();
      await renewing;
      await giveBack();
    },
  };
}

async function acquire(cluster: Cluster, lease: ObjectRef, holder: string, clock: Clock): Promise<void> {
  const spec = () => ({
    holderIdentity: holder,
    leaseDurationSeconds: LEASE_SECONDS,
    acquireTime: micro(clock.now()),
    renewTime: micro(clock.now()),
  });
  const found = await cluster.get(lease);
  if (!found) {
    const object = {
      apiVersion: lease.apiVersion,
      kind: lease.kind,
      metadata: { name: lease.name, namespace: lease.namespace as string },
      spec: spec(),
    };
    await create(cluster, object, clock);
    return;
  }
  const renewed = new Date(found['spec']?.renewTime ?? 0).getTime();
  const sinceMs = clock.now().getTime() - renewed;
  if (sinceMs < LEASE_SECONDS * 1000)
    throw new LeaseTaken(lease.name, String(found['spec']?.holderIdentity), `it was renewed ${Math.round(sinceMs / 1000)} s ago`);
  // Stale: resourceVersion goes along, so of two that take it over only one wins.
  await cluster.replace({ ...found, spec: spec() }).catch(error => {
    throw new LeaseTaken(lease.name, 'another run', (error as Error).message);
  });
}

async function create(cluster: Cluster, object: RawObject, clock: Clock): Promise<void> {
  const holder = object['spec'].holderIdentity;
  try {
    await createOwn(cluster, object, found => found['spec']?.holderIdentity === holder, clock);
  } catch (error) {
    if ((error as { status?: number }).status === 409) {
      const found = await cluster.get(refOf(object)).catch(() => undefined);
      throw new LeaseTaken(object.metadata.name, String(found?.['spec']?.holderIdentity ?? 'another run'), 'it took it just now');
    }
    throw new RehearseError(`the lease ${object.metadata.name} could not be taken: ${(error as Error).message}`, {
      exitCode: EXIT.refused,
      hint: 'nothing was injected; rehearse needs to create, update and delete Leases in the namespace',
      cause: error,
    });
  }
}

async function renew(
  cluster: Cluster,
  leases: readonly ObjectRef[],
  holder: string,
  { clock, signal, lost }: { clock: Clock; signal: AbortSignal; lost: (why: string) => void },
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep((LEASE_SECONDS * 1000) / 3, signal).catch(() => {});
    if (signal.aborted) return;
    for (const lease of leases) {
      // Only while it is ours: a lease that somebody took over must not be kept alive for them. A missed renewal is made up by the next.
      const ours = [
        { op: 'test', path: '/spec/holderIdentity', value: holder },
        { op: 'replace', path: '/spec/renewTime', value: micro(clock.now()) },
      ];
      const missed = await cluster.patch(lease, ours, 'json').then(
        () => false,
        () => true,
      );
      const why = missed && !signal.aborted ? await whyLost(cluster, [lease], holder).catch(() => undefined) : undefined;
      if (why === undefined) continue;
      lost(why);
      return;
    }
  }
}

async function whyLost(cluster: Cluster, leases: readonly ObjectRef[], holder: string): Promise<string | undefined> {
  for (const lease of leases) {
    const found = await cluster.get(lease);
    if (!found) return `the lease ${lease.name} is gone: somebody restored the target`;
    const now = found['spec']?.holderIdentity;
    if (now !== holder) return `the lease ${lease.name} is held by ${now}`;
  }
  return undefined;
}

/** Another rehearsal holds a lease; `holder` is the id of its run. */
export class LeaseTaken extends RehearseError {
  readonly lease: string;
  readonly holder: string;
  readonly detail: string;

  constructor(lease: string, holder: string, detail: string) {
    super(`another rehearsal, ${holder}, holds the lease ${lease}: ${detail}`, {
      exitCode: EXIT.refused,
      hint: 'wait for it to end; if it died, `rehearse restore` puts its target back and frees it',
    });
    this.lease = lease;
    this.holder = holder;
    this.detail = detail;
  }
}
