import type { ObjectRef } from '../record/events.ts';
import type { Cluster, RawObject } from '../rehearsal/ports.ts';

/** Resolves with undefined once `look` says done, or with what it was last waiting for when the signal aborted first. */
export async function untilSeen(
  cluster: Cluster,
  workload: ObjectRef,
  signal: AbortSignal,
  look: (object: RawObject) => { done: true } | { waitingFor: string },
): Promise<string | undefined> {
  const watching = new AbortController();
  const both = AbortSignal.any([signal, watching.signal]);
  let waitingFor: string | undefined = 'it was not seen';
  try {
    await new Promise<void>((resolve, reject) => {
      both.addEventListener('abort', () => resolve(), { once: true });
      cluster
        .watch(
          { apiVersion: workload.apiVersion, kind: workload.kind },
          {
            ...(workload.namespace === undefined ? {} : { namespace: workload.namespace }),
            fieldSelector: `metadata.name=${workload.name}`,
            signal: both,
          },
          (type, object) => {
            const seen = type === 'DELETED' ? { waitingFor: 'it was deleted' } : look(object);
            waitingFor = 'done' in seen ? undefined : seen.waitingFor;
            if (waitingFor === undefined) resolve();
          },
        )
        .catch(reject);
    });
    return waitingFor;
  } finally {
    watching.abort();
  }
}
