/** `run.json`: one documented object for a whole rehearsal, a pure fold of its events (fold.ts). Reports render this and nothing else. */
import type {
  Activity,
  CheckResult,
  EventOf,
  MomentName,
  ObjectChange,
  ObjectRef,
  Outcome,
  PhaseName,
  Suspect,
} from './events.ts';

export const RUN_RECORD_VERSION = 2;

/** Times are ms of run time (monotonic, since the run started) unless they end in `At` (RFC 3339). */
export interface RunRecord {
  version: typeof RUN_RECORD_VERSION;
  runId: string;
  rehearse: string;
  startedAt: string;
  /** Length of the whole run, with preparation and restore. */
  endedTMs: number;
  scenario: EventOf<'run.started'>['scenario'];
  mode: EventOf<'run.started'>['mode'];
  operator: string;
  blind: EventOf<'run.started'>['blind'];
  roles: NonNullable<EventOf<'run.started'>['roles']>;
  environment: EventOf<'run.started'>['environment'];
  plan: Omit<EventOf<'plan.made'>, 'type' | 'seq' | 'at' | 'tMs'> | undefined;
  verdict: {
    outcome: Outcome | 'unfinished';
    exitCode: number | undefined;
    reason: string;
  };
  /** t0..t4 and those kept beside them; absent when never reached. */
  moments: Partial<Record<MomentName, Moment>>;
  phases: Record<PhaseName, Phase>;
  /** t4 - t0. */
  recovery: { durationMs: number | undefined; objectiveMs: number | undefined; met: boolean | undefined };
  /** Alert-to-command latency: rollback issued - t1. */
  alertToCommandMs: number | undefined;
  detectors: DetectorRecord[];
  probes: ProbeRecord[];
  diagnosis: { answers: { tMs: number; by: string; correct: boolean; suspects: Suspect[] }[] };
  runbook: { steps: StepRecord[] };
  /** What the time between t0 and t4 (or the end of the drill) went into, in order and without a gap; empty in runs that did not tell. */
  activities: ActivityRecord[];
  handOvers: Omit<EventOf<'role.handed-over'>, 'type' | 'seq' | 'at'>[];
  escalations: Omit<EventOf<'escalated'>, 'type' | 'seq' | 'at'>[];
  hints: Omit<EventOf<'hint.given'>, 'type' | 'seq' | 'at'>[];
  breakGlass: BreakGlassRecord[];
  injected: { kind: string; target: ObjectRef; tMs: number; changes: ObjectChange[] } | undefined;
  decoys: { tMs: number; object: ObjectRef; summary: string; changes: ObjectChange[] }[];
  rollback:
    | {
        kind: string;
        summary: string;
        toRevision: string | undefined;
        issuedTMs: number;
        mechanismDoneTMs: number | undefined;
        desiredStateEqualTMs: number | undefined;
        detail: string;
        /** Made outside the tool. */
        outside: EventOf<'rollback.issued'>['outside'];
      }
    | undefined;
  verification: { tMs: number; ok: boolean; checks: CheckResult[] }[];
  guard: { allowed: boolean; checks: CheckResult[] } | undefined;
  preflight: { ok: boolean; checks: CheckResult[] } | undefined;
  steadyState: {
    before: { ok: boolean; checks: CheckResult[] } | undefined;
    after: { ok: boolean; checks: CheckResult[] } | undefined;
  };
  clocks: { source: string; skewMs: number; uncertaintyMs: number }[];
  undo: { journal: string; cluster: ObjectRef; deadline: string; objects: ObjectRef[] } | undefined;
  restore:
    | {
        startedTMs: number;
        finishedTMs: number | undefined;
        reason: string;
        proven: boolean;
        objects: EventOf<'restore.finished'>['objects'];
      }
    | undefined;
  failure: { tMs: number; message: string; remedy: string | undefined } | undefined;
  /** Every write that we made to the cluster, in order. */
  writes: { tMs: number; verb: string; path: string; status: number; auditId: string | undefined }[];
  notes: { tMs: number; text: string; by: string | undefined }[];
  /** The log, without probe samples (they are in `probes`) and writes (in `writes`): every event with its number, for links. */
  events: { seq: number; tMs: number; at: string; type: string; text: string }[];
}

export interface Moment {
  tMs: number;
  at: string;
  by: string;
  uncertaintyMs: number;
  detail: string | undefined;
}

/** `met` is undefined when there is no objective; a phase never finished has no duration and is `censored`. */
export interface Phase {
  startTMs: number | undefined;
  endTMs: number | undefined;
  durationMs: number | undefined;
  objectiveMs: number | undefined;
  met: boolean | undefined;
  censored: boolean;
}

export interface DetectorRecord {
  name: string;
  kind: string;
  summary: string;
  /** In time order. The first after t0 is when it told, or would have told. */
  signals: { tMs: number; message: string; object: ObjectRef | undefined; sourceAt: string | undefined; uncertaintyMs: number }[];
  clearedTMs: number[];
  /** ms after t0 of its first signal; undefined when it never told. */
  afterDeployMs: number | undefined;
  /** This detector's signal is t1. */
  first: boolean;
}

export interface ProbeRecord {
  name: string;
  summary: string;
  intervalMs: number;
  errorRateLimit: number | undefined;
  latencyLimitMs: number | undefined;
  /** Columns, to keep run.json small: sample i was sent at sentTMs[i]. */
  samples: { sentTMs: number[]; latencyMs: number[]; ok: boolean[] };
  failures: { tMs: number; status: number | undefined; error: string | undefined; count: number }[];
}

export interface StepRecord {
  id: string;
  title: string;
  phase: PhaseName | undefined;
  owner: string | undefined;
  does: string;
  command: string | undefined;
  startTMs: number;
  durationMs: number | undefined;
  expectedMs: number | undefined;
  outcome: EventOf<'runbook.step.finished'>['outcome'] | 'unfinished';
  output: string;
  error: string | undefined;
  by: string | undefined;
  visit: number;
  tries: number;
  reason: string | undefined;
  byHand: boolean;
}

export interface ActivityRecord {
  activity: Activity;
  startTMs: number;
  endTMs: number;
  stepId: string | undefined;
  detail: string | undefined;
}

/** One use of elevated access, from asked for to given up. */
export interface BreakGlassRecord {
  tMs: number;
  name: string;
  reason: string;
  expiresAt: string;
  account: string;
  approvedBy: string | undefined;
  /** Everything that was done with it. */
  used: { tMs: number; stepId: string; command: string }[];
  closed: { tMs: number; reason: string } | undefined;
}
