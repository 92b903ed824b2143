/** What to do about an API server that is away, overloaded or in trouble: ask again, as it says itself, or a little later. */
import type { Clock, Cluster, RawObject } from '../rehearsal/ports.ts';
import { KubernetesError, type TransportReason } from './kubernetes-error.ts';

const BACKOFF = { firstMs: 200, mostMs: 3000 };

/**
 * Reasons of no answer that may pass by themselves; a wrong certificate or a plugin that is not installed does not. A name that cannot be
 * resolved is a lost network more often than a mistake: the mistake shows at the first request, before the server has ever answered.
 */
const PASSING = new Set<string>([
  'ConnectionRefused',
  'HostNotFound',
  'ConnectionLost',
  'RequestTimeout',
  'CredentialsUnavailable',
] satisfies TransportReason[]);

/** Whether the same request may succeed a little later. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof KubernetesError)) return false;
  return error.status === 0 ? PASSING.has(error.reason) : error.status === 429 || error.status >= 500;
}

/** Before the next attempt (the first is 1), at least as long as the server asks for. */
export function pauseMs(error: unknown, attempt: number): number {
  return Math.max(
    Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attempt - 1)),
    (error as Partial<KubernetesError>).retryAfterMs ?? 0,
  );
}

/**
 * Does something again and again while it fails for what may pass. It must be safe to do twice.
 * @throws the last error, when another kind of failure comes or the signal aborts
 */
export async function patiently<T>(work: () => Promise<T>, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error) || signal.aborted) throw error;
      await clock.sleep(pauseMs(error, attempt), signal).catch(() => {
        throw error;
      });
    }
  }
}

/** Attempts to create what must not be created twice. */
const CREATE_ATTEMPTS = 5;

/**
 * Creates an object although the answer may get lost: one that is there afterwards and is ours is the one that an earlier attempt made.
 * @throws the server's error otherwise, also that it exists already
 */
export async function createOwn(
  cluster: Pick<Cluster, 'create' | 'get'>,
  object: RawObject,
  isOurs: (found: RawObject) => boolean,
  clock: Clock,
): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  const ref = {
    apiVersion,
    kind,
    name: metadata.name,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  };
  for (let attempt = 1; ; attempt++) {
    try {
      await cluster.create(object);
      return;
    } catch (error) {
      if (attempt > 1 && error instanceof KubernetesError && error.status === 409) {
        const found = await cluster.get(ref);
        if (found && isOurs(found)) return;
      }
      if (!isTransient(error) || attempt >= CREATE_ATTEMPTS) throw error;
      await clock.sleep(pauseMs(error, attempt));
    }
  }
}
