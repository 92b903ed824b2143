/** Reduces what was seen to what can be compared between two clusters: per object, in order, with generated names made the same. Pure. */
import type { Observed, Sighting } from './observer.ts';

/** Facet by facet, lines in order. */
export type Story = Record<string, string[]>;

const HASH = '[bcdfghjklmnpqrstvwxz2456789]';

/** Names in the order of their appearance: rs1, rs2… and their pods. */
class Names {
  readonly #known = new Map<string, string>();

  replicaSet(name: string): string {
    const hash = name.slice(name.lastIndexOf('-') + 1);
    const known = this.#known.get(hash);
    if (known) return known;
    const label = `rs${this.#known.size + 1}`;
    this.#known.set(hash, label);
    return label;
  }

  /** Generated parts of any text. */
  plain(text: string): string {
    return text
      .replace(new RegExp(`web-(${HASH}{8,10})-${HASH}{5}`, 'g'), (_, hash: string) => `${this.replicaSet(`web-${hash}`)}-pod`)
      .replace(new RegExp(`web-(${HASH}{8,10})(?![\\w-])`, 'g'), (_, hash: string) => this.replicaSet(`web-${hash}`))
      .replace(new RegExp(`web-${HASH}{5}(?![\\w-])`, 'g'), 'pod')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
      .replace(/fidelity-[a-z0-9-]+/g, 'NS')
      .replace(/\b(10|127)\.\d+\.\d+\.\d+\b/g, 'ADDRESS')
      .replace(/\b\d+(\.\d+)?m?s\b/g, 'TIME');
  }
}

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

const sayCondition = ({ type, status, reason = '', message = '' }: Condition): string =>
  `${type}=${status} ${reason}: ${message}`;

function add(story: Story, facet: string, line: string): void {
  story[facet] ??= [];
  story[facet].push(line);
}

/** Appends unless it says the same as the last line. */
function note(story: Story, facet: string, line: string): void {
  story[facet] ??= [];
  const lines = story[facet];
  if (lines.at(-1) !== line) lines.push(line);
}

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'ReplicaSet']);

/** What of the annotations tells of revisions. */
function revisionFacts(object: Observed): string {
  const annotations: Record<string, string> = object.metadata.annotations ?? {};
  const wanted = Object.entries(annotations).filter(
    ([key]) => key.startsWith('deployment.kubernetes.io/') || key === 'kubernetes.io/change-cause',
  );
  return wanted
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key.split('/')[1]}=${value}`)
    .join(' ');
}

/** @param from leave out what happened before, ms. Sightings before it still give names. */
export function tellStory(sightings: Sighting[], from = 0): Story {
  const story: Story = {};
  const names = new Names();
  const sizes = new Map<string, number>();
  const last = new Map<string, Observed>();
  const podPaths = new Map<string, string[]>();
  const podReasons = new Map<string, Set<string>>();
  for (const { type, object } of [...sightings].filter(({ object }) => object.kind === 'ReplicaSet')) {
    if (type !== 'DELETED') names.replicaSet(object.metadata.name);
  }
  const facts = new Map<string, Record<string, unknown>>();
  const heard = new Map<string, number>();
  for (const { at, type, object } of sightings) {
    const isCounted = at >= from;
    if (object.kind === 'Event') {
      const count = object.count ?? object.series?.count ?? 1;
      const isNew = count > (heard.get(object.metadata.uid) ?? 0);
      heard.set(object.metadata.uid, Math.max(count, heard.get(object.metadata.uid) ?? 0));
      if (type === 'DELETED' || !isCounted || !isNew) continue;
      const about = object.involvedObject;
      if (WORKLOADS.has(about.kind)) {
        const who = about.kind === 'ReplicaSet' ? names.replicaSet(about.name) : about.kind.toLowerCase();
        add(story, `events of ${who}`, names.plain(`${object.type} ${object.reason}: ${object.message}`));
      } else if (about.kind === 'Pod') {
        const who = names.plain(about.name);
        const reasons = podReasons.get(who) ?? new Set();
        podReasons.set(who, reasons.add(names.plain(`${object.type} ${object.reason}`)));
      }
      continue;
    }
    const label = object.kind === 'ReplicaSet' ? names.replicaSet(object.metadata.name) : names.plain(object.metadata.name);
    if (type === 'DELETED') last.delete(`${object.kind}/${object.metadata.name}`);
    else last.set(`${object.kind}/${object.metadata.name}`, object);
    if (object.kind === 'ReplicaSet') {
      if (type === 'DELETED') sizes.delete(label);
      else sizes.set(label, object.spec.replicas ?? 0);
    }
    if (WORKLOADS.has(object.kind)) {
      const who = object.kind === 'ReplicaSet' ? label : object.kind.toLowerCase();
      const before = facts.get(who) ?? {};
      const now = type === 'DELETED' ? {} : writeFacts(object);
      facts.set(who, now);
      const changes = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
        key => (before[key] || 0) !== (now[key] || 0),
      );
      if (isCounted && changes.length > 0)
        add(story, `writes of ${who}`, changes.map(key => `${key}=${now[key] || '-'}`).join(' '));
    }
    if (!isCounted) continue;
    if (object.kind === 'ReplicaSet') {
      if (type === 'DELETED') note(story, 'ReplicaSets', `${label} deleted`);
      else
        note(
          story,
          'ReplicaSets',
          [...sizes]
            .sort()
            .map(([name, size]) => `${name}=${size}`)
            .join(' '),
        );
    } else if (['Deployment', 'StatefulSet', 'DaemonSet', 'Job'].includes(object.kind)) {
      const conditions: Condition[] = object.status?.conditions ?? [];
      for (const condition of conditions) note(story, `${object.kind} ${condition.type}`, names.plain(sayCondition(condition)));
      if (type === 'DELETED') note(story, `${object.kind} end`, 'deleted');
    } else if (object.kind === 'Pod') {
      const path = podPaths.get(object.metadata.uid) ?? [];
      podPaths.set(object.metadata.uid, path);
      const step = type === 'DELETED' ? 'deleted' : podState(object);
      if (path.at(-1) !== `${label}: ${step}`) path.push(`${label}: ${step}`);
    }
  }
  for (const [who, reasons] of [...podReasons].sort()) story[`event reasons of ${who}`] = [...reasons].sort();
  story['pods, final states'] = [...podPaths.values()].flatMap(path => path.at(-1) ?? []).sort();
  story['final state'] = [...last.values()]
    .filter(({ kind }) => WORKLOADS.has(kind))
    .flatMap(object => finalFacts(object, names))
    .sort();
  return story;
}

/** Counts that tell how fast containers start rather than what a controller does. */
const PACE = new Set([
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'numberReady',
  'numberAvailable',
  'numberUnavailable',
  'ready',
]);

/** What an observer of one object sees change, write by write. */
function writeFacts({ metadata, spec, status = {} }: Observed): Record<string, unknown> {
  const counts = Object.entries(status).filter(
    ([key, value]) => typeof value === 'number' && key !== 'observedGeneration' && !PACE.has(key),
  );
  const conditions = (status.conditions ?? []).map((each: Condition) => [each.type, `${each.status}/${each.reason ?? ''}`]);
  return {
    size: spec.replicas,
    revision: metadata.annotations?.['deployment.kubernetes.io/revision'],
    unobserved: (metadata.generation ?? 0) - (status.observedGeneration ?? 0),
    ...Object.fromEntries(counts),
    ...Object.fromEntries(conditions),
  };
}

function podState(pod: Observed): string {
  const ready = (pod.status?.conditions ?? []).find((condition: Condition) => condition.type === 'Ready');
  const states = (pod.status?.containerStatuses ?? []).map((status: Observed) => {
    const [state, detail] = (Object.entries(status.state ?? {})[0] ?? ['none', {}]) as [string, Observed];
    return `${state}${detail?.reason ? `/${detail.reason}` : ''}`;
  });
  const leaving = pod.metadata.deletionTimestamp ? ' terminating' : '';
  return `${pod.status?.phase}${leaving} ready=${ready?.status ?? 'unknown'} ${states.join(',')}`.trim();
}

/** Status without times and names of revisions, and revision annotations. */
function finalFacts(object: Observed, names: Names): string[] {
  const label = object.kind === 'ReplicaSet' ? names.replicaSet(object.metadata.name) : object.kind.toLowerCase();
  const { conditions = [], startTime: _, completionTime: __, currentRevision, updateRevision, ...counts } = object.status ?? {};
  const same = currentRevision === undefined ? '' : ` revisions=${currentRevision === updateRevision ? 'equal' : 'differ'}`;
  const revisions = revisionFacts(object);
  return [
    `${label} spec.replicas=${object.spec.replicas ?? '-'} status=${JSON.stringify(sorted(counts))}${same}`,
    ...(revisions ? [`${label} ${revisions}`] : []),
    ...conditions.map((condition: Condition) => `${label} ${names.plain(sayCondition(condition))}`),
  ];
}

const sorted = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));

export interface Difference {
  facet: string;
  real: string[];
  sandbox: string[];
  /** Runs of the real cluster differ among themselves here. */
  varies: boolean;
}

/**
 * Facets that differ from every run of the real cluster: where its control loops race, it does now one thing and now the other, and either is right.
 * `real` is the first run's.
 */
export function compareStories(real: Story[], sandbox: Story): Difference[] {
  const text = (story: Story | undefined, facet: string): string => JSON.stringify(story?.[facet] ?? []);
  return [...new Set([...real.flatMap(story => Object.keys(story)), ...Object.keys(sandbox)])]
    .filter(facet => !real.some(story => text(story, facet) === text(sandbox, facet)))
    .map(facet => ({
      facet,
      real: real[0]?.[facet] ?? [],
      sandbox: sandbox[facet] ?? [],
      varies: new Set(real.map(story => text(story, facet))).size > 1,
    }));
}
