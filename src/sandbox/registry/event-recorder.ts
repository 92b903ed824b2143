import type { ControlLoopContext, KubeObject, Resources, SandboxClock } from './resources.ts';
import { StatusError } from './status-error.ts';

/** Upstream's figures (client-go/tools/record/events_cache.go), and the API server's `--event-ttl`. */
const CACHE_ENTRIES = 4096;
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;
const SIMILAR_EVENTS = 10;
const SIMILAR_INTERVAL_MS = 600_000;
const EVENT_TTL_MS = 3_600_000;

/** Forgets what was used longest ago. */
class RecentlyUsed<V> {
  readonly #entries = new Map<string, V>();
  get(key: string): V | undefined {
    return this.#entries.get(key);
  }
  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > CACHE_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
  }
}

interface Observation {
  name: string;
  count: number;
  firstTimestamp: string;
}

/**
 * Records Events as client-go's EventRecorder does: the same event again counts up (`count`, `lastTimestamp`); the tenth different message of
 * one reason about one object within 10 minutes, and those after it, become one `(combined from similar events): …`; more than 25 about one
 * object from one source, refilled one in 5 minutes, are dropped. An Event lives for an hour after its last occurrence.
 */
export function createEventRecorder(resources: Resources, clock: SandboxClock): ControlLoopContext['recordEvent'] {
  const observations = new RecentlyUsed<Observation>();
  const similar = new RecentlyUsed<{ messages: Set<string>; last: number }>();
  const buckets = new RecentlyUsed<{ tokens: number; at: number }>();
  let sequence = 0;

  /** Whether the messages of this kind have become too many to tell apart. */
  function isAggregated(key: string, message: string, now: number): boolean {
    const known = similar.get(key);
    const record = known && now - known.last <= SIMILAR_INTERVAL_MS ? known : { messages: new Set<string>(), last: now };
    record.messages.add(message);
    record.last = now;
    similar.set(key, record);
    if (record.messages.size < SIMILAR_EVENTS) return false;
    const [any] = record.messages;
    if (any !== undefined) record.messages.delete(any);
    return true;
  }

  function isSpam(key: string, now: number): boolean {
    const bucket = buckets.get(key) ?? { tokens: SPAM_BURST, at: now };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (now - bucket.at) / SPAM_REFILL_MS);
    bucket.at = now;
    buckets.set(key, bucket);
    if (bucket.tokens < 1) return true;
    bucket.tokens -= 1;
    return false;
  }

  /** `<object>.<nanoseconds in hexadecimal>`; a counter stands for what the clock does not resolve. */
  const eventName = (about: KubeObject, now: number): string => {
    sequence = (sequence + 1) % 1_000_000;
    return `${about.metadata.name}.${(BigInt(Math.floor(now)) * 1_000_000n + BigInt(sequence)).toString(16)}`;
  };

  function expire(namespace: string, name: string, after: number): void {
    clock.after(after, () => {
      const event = resources.get('events', namespace, name);
      if (!event) return;
      const rest = Date.parse(event.lastTimestamp ?? event.metadata.creationTimestamp ?? '') + EVENT_TTL_MS - clock.now();
      if (rest > 0) expire(namespace, name, rest);
      else resources.delete('events', namespace, name);
    });
  }

  return function recordEvent(about, type, reason, message, source, fieldPath) {
    const now = clock.now();
    const time = `${new Date(now).toISOString().slice(0, 19)}Z`;
    const { namespace, name, uid = '', resourceVersion } = about.metadata;
    const subject = [source.component, source.host ?? '', about.kind, namespace ?? '', name, uid, about.apiVersion, type].join(
      '\n',
    );
    const aggregateKey = [subject, reason].join('\n');
    const combined = isAggregated(aggregateKey, message, now);
    const key = combined ? aggregateKey : [subject, fieldPath ?? '', reason, message].join('\n');
    const before = observations.get(key);
    const observation: Observation = before
      ? { ...before, count: before.count + 1 }
      : { name: eventName(about, now), count: 1, firstTimestamp: time };
    observations.set(key, observation);
    if (isSpam(subject, now)) return;

    const text = combined ? `(combined from similar events): ${message}` : message;
    const eventNamespace = namespace ?? 'default';
    if (before) {
      const updated = resources.modify('events', eventNamespace, observation.name, draft => {
        draft.count = observation.count;
        draft.lastTimestamp = time;
        draft.message = text;
      });
      if (updated) return;
    }
    const involvedObject = {
      kind: about.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      uid,
      apiVersion: about.apiVersion,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    };
    try {
      resources.create({
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: observation.name, namespace: eventNamespace },
        involvedObject,
        reason,
        message: text,
        source: { ...source },
        firstTimestamp: observation.firstTimestamp,
        lastTimestamp: time,
        count: observation.count,
        type,
        eventTime: null,
        reportingComponent: source.component,
        reportingInstance: source.host ?? '',
      });
      expire(eventNamespace, observation.name, EVENT_TTL_MS);
    } catch (error) {
      // As upstream: what the server rejects, most of all in a namespace on its way out, is not tried again.
      if (!(error instanceof StatusError)) throw error;
    }
  };
}
