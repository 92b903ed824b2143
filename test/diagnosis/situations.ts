/** Situations in a shop of frontend → checkout → payments, as an observer would have seen them. */
import type { TemplateChange } from '../../src/cluster/template-changes.ts';
import type {
  Call,
  Change,
  Observation,
  RevisionObservation,
  RevisionTrouble,
  Traffic,
  WorkloadObservation,
} from '../../src/diagnosis/observation.ts';
import type { ObjectRef } from '../../src/record/events.ts';

export const ref = (name: string): ObjectRef => ({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name });

const SHOP_CALLS: Call[] = [
  { from: 'frontend', service: 'checkout', to: ['checkout'], unresolved: false },
  { from: 'checkout', service: 'payments', to: ['payments'], unresolved: false },
];

export function traffic(given: Partial<Traffic>): Traffic {
  return {
    fromTMs: 0,
    requests: 100,
    failed: 0,
    latencyMs: 20,
    ownLatencyMs: 10,
    firstFailureTMs: undefined,
    calls: [],
    ...given,
  };
}

export function revision(hash: string, given: Partial<RevisionObservation> = {}): RevisionObservation {
  return { hash, pods: 3, ready: 3, troubles: [], traffic: undefined, normal: undefined, ...given };
}

export function trouble(kind: RevisionTrouble['kind'], sinceTMs: number, message: string = kind): RevisionTrouble {
  return { kind, message, pods: 1, sinceTMs };
}

export function workload(name: string, ...revisions: RevisionObservation[]): WorkloadObservation {
  return { ref: ref(name), revisions };
}

/** Serving as ever, on the revision from before. */
function healthy(name: string, hash = 'old'): WorkloadObservation {
  return workload(name, revision(hash, { traffic: traffic({}), normal: traffic({}) }));
}

export function change(name: string, atTMs: number, given: Partial<Change> & { text?: string } = {}): Change {
  const changes: TemplateChange[] = given.changes ?? [
    { aspect: 'image', text: given.text ?? 'image 1.4.0 → 1.4.1', value: 'shop:1.4.1' },
  ];
  return { workload: ref(name), revision: '2', hash: 'new', atTMs, ...given, changes };
}

export function observation(given: Partial<Observation>): Observation {
  const { workloads = [] } = given;
  const names = workloads.map(found => found.ref.name);
  return {
    nowTMs: 30_000,
    scrapeMs: 1000,
    changes: [],
    calls: SHOP_CALLS,
    deadServices: new Map(),
    impact: undefined,
    ...given,
    workloads: [
      ...workloads,
      ...['frontend', 'checkout', 'payments'].filter(name => !names.includes(name)).map(name => healthy(name)),
    ],
  };
}
