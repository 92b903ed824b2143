/** One rehearsal per target: a coordination.k8s.io Lease beside it, renewed while the drill runs. */
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { ObjectRef } from '../record/events.ts';
import type { Clock, Cluster, RawObject } from '../rehearsal/ports.ts';

const DURATION_SECONDS = 30;

export function leaseFor(target: ObjectRef): ObjectRef {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
    name: `rehearse-${target.kind.toLowerCase()}-${target.name}`,
  };
}

export interface HeldLease {
  lease: ObjectRef;
  release(): Promise<void>;
}

/** MicroTime as the API wants it. */
const micro = (date: Date) => date.toISOString().replace('Z', '000Z');

/** @throws RehearseError (refused) when another rehearsal holds the target. */
export async function acquireLease(
  cluster: Cluster,
  target: ObjectRef,
  holder: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<HeldLease> {
  const lease = leaseFor(target);
  const spec = () => ({
    holderIdentity: holder,
    leaseDurationSeconds: DURATION_SECONDS,
    acquireTime: micro(clock.now()),
    renewTime: micro(clock.now()),
  });
  const held = await cluster.get(lease);
  if (!held) {
    await create(
      cluster,
      {
        apiVersion: lease.apiVersion,
        kind: lease.kind,
        metadata: { name: lease.name, namespace: lease.namespace as string },
        spec: spec(),
      },
      target,
    );
  } else {
    const renewed = new Date(held['spec']?.renewTime ?? 0).getTime();
    const left = renewed + DURATION_SECONDS * 1000 - clock.now().getTime();
    if (left > 0)
      throw taken(
        target,
        String(held['spec']?.holderIdentity),
        `its lease was renewed ${Math.round((clock.now().getTime() - renewed) / 1000)} s ago`,
      );
    // Stale: resourceVersion goes along, so of two that take it over only one wins.
    await cluster.replace({ ...held, spec: spec() }).catch(error => {
      throw taken(target, 'another run', (error as Error).message);
    });
  }

  const stop = new AbortController();
  const renewing = renew(cluster, lease, clock, AbortSignal.any([signal, stop.signal]));
  return {
    lease,
    async release() {
      stop.abort();
      await renewing;
      const live = await cluster.get(lease);
      if (live?.['spec']?.holderIdentity === holder)
        await cluster.delete(lease, live.metadata.uid === undefined ? {} : { uid: live.metadata.uid });
    },
  };
}

async function create(cluster: Cluster, object: RawObject, target: ObjectRef): Promise<void> {
  try {
    await cluster.create(object);
  } catch (error) {
    if ((error as { status?: number }).status === 409) throw taken(target, 'another run', 'it took the lease just now');
    throw new RehearseError(`the lease on ${target.kind}/${target.name} could not be taken: ${(error as Error).message}`, {
      exitCode: EXIT.refused,
      hint: 'nothing was injected; rehearse needs to create, update and delete Leases in the namespace',
      cause: error,
    });
  }
}

async function renew(cluster: Cluster, lease: ObjectRef, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep((DURATION_SECONDS * 1000) / 3, signal).catch(() => {});
    if (signal.aborted) return;
    // A missed renewal is made up by the next; two in a row still leave the lease valid.
    await cluster.patch(lease, { spec: { renewTime: micro(clock.now()) } }, 'merge').catch(() => {});
  }
}

function taken(target: ObjectRef, holder: string, detail: string): RehearseError {
  return new RehearseError(`${target.kind}/${target.name} is being rehearsed by ${holder}: ${detail}`, {
    exitCode: EXIT.refused,
    hint: 'wait for it to end; if it died, `rehearse restore` puts the target back and frees it',
  });
}
