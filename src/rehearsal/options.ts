/** What a rehearsal is made of: its scenario, the roles behind the ports, and where its events go. */
import type { EventBody, ObjectRef, RehearsalEvent } from '../record/events.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { Hint } from './drill.ts';
import type {
  Check,
  Clock,
  Cluster,
  Detector,
  Diagnosis,
  Fault,
  Probe,
  RoleContext,
  Rollback,
  Runbook,
  RunbookActions,
  SafetyNet,
  TargetObserver,
} from './ports.ts';

export interface Decoy {
  target: ObjectRef;
  fault: Fault;
  when: 'before' | 'after';
  byMs: number;
}

export interface Roles {
  fault: Fault;
  decoys: readonly Decoy[];
  probes: ReadonlyMap<string, Probe>;
  detectors: readonly Detector[];
  diagnosis: Diagnosis;
  rollback: Rollback;
  steadyState: readonly Check[];
  verification: readonly Check[];
  runbook: Runbook | undefined;
  show: RunbookActions['show'];
  candidates: RunbookActions['candidates'];
  /** For people, the least telling first. */
  hints: readonly Hint[];
}

export interface RehearsalOptions {
  runId: string;
  rehearse: string;
  scenario: { scenario: Scenario; path: string; digest: string };
  operator: string;
  /** A quiet time between the steady state and the first deploy, so that the moment does not give it away; ms. */
  quietMs?: number;
  /** How the drill is played, and by whom. */
  play: Pick<Extract<EventBody, { type: 'run.started' }>, 'mode' | 'blind' | 'roles'>;
  environment: Extract<EventBody, { type: 'run.started' }>['environment'];
  /** What carries the bad deploy. */
  target: ObjectRef;
  /** The workload that checks look at, when the target is what stands in front of it: a Service. */
  workload?: ObjectRef;
  cluster: Cluster;
  clock: Clock;
  roles: Roles;
  safety: SafetyNet;
  observer: TargetObserver;
  /** Tells of every write to the cluster, until the returned function is called. */
  onWrite: (listener: (write: Omit<Extract<EventBody, { type: 'cluster.written' }>, 'type'>) => void) => () => void;
  clockSkew: () => Promise<{ source: string; skewMs: number; uncertaintyMs: number }>;
  /** Appends to the record. @throws when it cannot: the rehearsal then ends, restored, with an error. */
  record: (event: RehearsalEvent) => void;
  /** First interrupt: end and restore. */
  interrupt: AbortSignal;
  /** Second interrupt: give up the restore. */
  abandon: AbortSignal;
  log: RoleContext['log'];
}
