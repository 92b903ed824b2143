/**
 * The events of a rehearsal: the truth that everything else is derived from.
 * One JSON object a line in `reports/<run-id>/events.ndjson`, appended and never changed.
 * `tMs` is monotonic milliseconds since the run started; `at` is the wall clock, for people.
 */
import * as z from 'zod';

/** Raised when a reader of an older version could misread a run. */
export const EVENTS_VERSION = 1;

/** `[group/]kind/namespace/name` written apart, so that nothing parses strings. */
export const objectRef = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  uid: z.string().optional(),
});
export type ObjectRef = z.infer<typeof objectRef>;

export const phaseName = z.enum(['detection', 'diagnosis', 'rollback', 'verification']);
export type PhaseName = z.infer<typeof phaseName>;

/** The moments of the measurement contract. `impact` and `healthy-since` are kept beside them. */
export const momentName = z.enum([
  'deployed',
  'impact',
  'detected',
  'diagnosed',
  'rollback-issued',
  'rolled-back',
  'healthy-since',
  'restored',
]);
export type MomentName = z.infer<typeof momentName>;

/** One check's answer: steady state, verification, guard, preflight all speak this. */
export const checkResult = z.object({
  name: z.string(),
  ok: z.boolean(),
  /** What was seen, in words with figures: "error rate 0.0 % of 42 requests, limit 5 %". */
  detail: z.string(),
  /** What to do when it is not ok. */
  remedy: z.string().optional(),
});
export type CheckResult = z.infer<typeof checkResult>;

/** A change to one object as a reader sees it: unified diff of YAML, secrets redacted before it got here. */
export const objectChange = z.object({ object: objectRef, action: z.enum(['create', 'update', 'delete']), diff: z.string() });
export type ObjectChange = z.infer<typeof objectChange>;

export const suspect = z.object({
  workload: objectRef,
  /** Revision that is blamed, e.g. "3"; and how people know it: image tag or what changed. */
  revision: z.string(),
  change: z.string(),
  /** When that revision was rolled out, ms of run time; negative when before the run. */
  changedTMs: z.number(),
  /** 0..1, the suspects of one answer sum to at most 1. */
  score: z.number(),
  /** Each with the part of the score that it gave (may be negative) and what in the cluster shows it. */
  reasons: z.array(z.object({ text: z.string(), weight: z.number(), evidence: z.string().optional() })),
});
export type Suspect = z.infer<typeof suspect>;

/**
 * What the drill's time goes into; exactly one at any moment between t0 and the end of the runbook.
 * `person`: somebody reads, thinks or types. `machine`: a command or an action of ours works. `cluster`: waiting for what the
 * cluster or a detector has to do by itself. `hand-over`: looking for, or briefing, whoever acts next. `pause`: out of the drill.
 */
export const activity = z.enum(['person', 'machine', 'cluster', 'hand-over', 'pause']);
export type Activity = z.infer<typeof activity>;

const runbookSummary = z.object({
  path: z.string(),
  title: z.string(),
  digest: z.string(),
  owners: z.array(z.string()),
  steps: z.number(),
  /** The steps as the file has them, so that a reader sees which were never reached. */
  outline: z
    .array(z.object({ id: z.string(), title: z.string(), phase: phaseName.optional(), expectedMs: z.number().optional() }))
    .optional(),
});

const stepOutcome = z.enum(['passed', 'failed', 'skipped', 'timed-out', 'interrupted']);
export const outcome = z.enum(['met', 'missed', 'refused', 'error', 'not-restored', 'interrupted']);
/** `met` every objective; `missed` at least one, or never detected/diagnosed/restored by the drill; the others as the exit codes 3, 4, 5, 130. */
export type Outcome = z.infer<typeof outcome>;

const durationsByPhase = z.object({
  detection: z.number().optional(),
  diagnosis: z.number().optional(),
  rollback: z.number().optional(),
  verification: z.number().optional(),
  total: z.number().optional(),
});

const eventBodies = [
  z.object({
    type: z.literal('run.started'),
    version: z.literal(EVENTS_VERSION),
    runId: z.string(),
    rehearse: z.string(),
    scenario: z.object({
      name: z.string(),
      title: z.string(),
      description: z.string(),
      path: z.string(),
      /** sha256 of the file, so that two runs are known to be the same drill. */
      digest: z.string(),
      hypothesis: z.string().optional(),
      tags: z.array(z.string()),
    }),
    mode: z.enum(['automatic', 'practice']),
    operator: z.string(),
    /** The fault was drawn and sealed: from these scenarios, by this seed. */
    blind: z.object({ seed: z.number(), scenarios: z.array(z.string()) }).optional(),
    /** Who plays which role; nobody: the drill finds out. `away`: the person will not answer. */
    roles: z.array(z.object({ role: z.string(), person: z.string().optional(), away: z.boolean() })).optional(),
    /** Objectives in ms. */
    objectives: durationsByPhase,
    environment: z.object({
      node: z.string(),
      platform: z.string(),
      provider: z.enum(['sandbox', 'context', 'kind']),
      context: z.string(),
      server: z.string(),
      kubernetes: z.string(),
      namespace: z.string(),
      seed: z.number().optional(),
    }),
  }),
  z.object({
    type: z.literal('plan.made'),
    target: objectRef,
    fault: z.object({ kind: z.string(), summary: z.string() }),
    detectors: z.array(z.object({ name: z.string(), kind: z.string(), summary: z.string() })),
    rollback: z.object({ kind: z.string(), summary: z.string() }),
    verification: z.object({ stableForMs: z.number(), checks: z.array(z.object({ name: z.string(), summary: z.string() })) }),
    runbook: runbookSummary.optional(),
    /** The probes that send user-like requests, with the SLO that judges them. */
    probes: z.array(
      z.object({
        name: z.string(),
        summary: z.string(),
        intervalMs: z.number(),
        errorRateLimit: z.number().optional(),
        latencyLimitMs: z.number().optional(),
      }),
    ),
  }),
  z.object({ type: z.literal('guard.checked'), allowed: z.boolean(), checks: z.array(checkResult) }),
  z.object({ type: z.literal('preflight.checked'), ok: z.boolean(), checks: z.array(checkResult) }),
  /** Server clock minus ours, by the Date header; 1 s resolution goes into the uncertainty. */
  z.object({ type: z.literal('clock.compared'), source: z.string(), skewMs: z.number(), uncertaintyMs: z.number() }),
  z.object({
    type: z.literal('steady-state.checked'),
    when: z.enum(['before', 'after']),
    ok: z.boolean(),
    checks: z.array(checkResult),
  }),
  z.object({
    type: z.literal('undo.written'),
    journal: z.string(),
    cluster: objectRef,
    objects: z.array(objectRef),
    deadline: z.string(),
  }),
  z.object({ type: z.literal('lease.acquired'), lease: objectRef, holder: z.string() }),
  /** An unrelated, harmless deploy close to the bad one, so that diagnosis has something to tell apart. */
  z.object({ type: z.literal('decoy.deployed'), object: objectRef, summary: z.string(), changes: z.array(objectChange) }),
  z.object({
    type: z.literal('fault.injected'),
    kind: z.string(),
    target: objectRef,
    changes: z.array(objectChange),
    /** The request left at sentTMs and the API server's acceptance was read at acceptedTMs; t0 lies between: uncertainty is their distance. */
    sentTMs: z.number(),
    acceptedTMs: z.number(),
  }),
  z.object({
    type: z.literal('probe.sampled'),
    probe: z.string(),
    /** When the request was sent, ms of run time. */
    sentTMs: z.number(),
    ok: z.boolean(),
    latencyMs: z.number(),
    status: z.number().optional(),
    error: z.string().optional(),
  }),
  z.object({
    type: z.literal('signal.raised'),
    detector: z.string(),
    kind: z.string(),
    /** What told: "pod payments-7c9 CrashLoopBackOff", "error rate 31 % over 2 s". */
    message: z.string(),
    object: objectRef.optional(),
    /** The source's own timestamp where it has one (RFC 3339). */
    sourceAt: z.string().optional(),
    /** Poll interval, RTT or window that blurs when it could have been seen. */
    uncertaintyMs: z.number(),
  }),
  z.object({ type: z.literal('signal.cleared'), detector: z.string(), message: z.string() }),
  z.object({
    type: z.literal('moment.reached'),
    moment: momentName,
    /** The moment itself; the event may be written a little later. */
    momentTMs: z.number(),
    /** Who or what: a detector's name, `automatic diagnosis`, a person, the mechanism. */
    by: z.string(),
    uncertaintyMs: z.number(),
    detail: z.string().optional(),
  }),
  z.object({
    type: z.literal('diagnosis.answered'),
    by: z.string(),
    suspects: z.array(suspect),
    /** Judged by the engine against the injected truth, after the answer. */
    correct: z.boolean(),
  }),
  z.object({
    type: z.literal('runbook.step.started'),
    stepId: z.string(),
    title: z.string(),
    phase: phaseName.optional(),
    owner: z.string().optional(),
    expectedMs: z.number().optional(),
    /** What it does: `run`, `diagnose`, `rollback`, `verify`, `wait`, `ask`, `confirm`, … */
    does: z.string(),
    command: z.string().optional(),
    /** Who follows it, when a person does. */
    by: z.string().optional(),
    /** 1 at first; higher when somebody went back to it or repeated it. */
    visit: z.number().int().optional(),
  }),
  z.object({
    type: z.literal('runbook.step.finished'),
    stepId: z.string(),
    outcome: stepOutcome,
    durationMs: z.number(),
    /** Redacted, head and tail only when long. */
    output: z.string(),
    error: z.string().optional(),
    exitCode: z.number().optional(),
    /** How often it was tried, when more than once. */
    tries: z.number().int().optional(),
    /** Why a person skipped it. */
    reason: z.string().optional(),
    /** Done by the person's own hands, outside the tool. */
    byHand: z.boolean().optional(),
  }),
  z.object({
    type: z.literal('activity.changed'),
    activity,
    stepId: z.string().optional(),
    /** What is waited for; why it is paused. */
    detail: z.string().optional(),
  }),
  /** The runbook that was opened after the alert, when the plan named none (blind drills). */
  z.object({
    type: z.literal('runbook.opened'),
    by: z.string(),
    runbook: runbookSummary,
  }),
  /** A role changed hands: `from` is who had it (nobody: it was unassigned), `waitedMs` from the need until it was taken. */
  z.object({
    type: z.literal('role.handed-over'),
    role: z.string(),
    from: z.string().optional(),
    to: z.string(),
    reason: z.string(),
    waitedMs: z.number(),
    stepId: z.string().optional(),
  }),
  /** Somebody would have called for help here. The drill goes on. */
  z.object({ type: z.literal('escalated'), by: z.string(), to: z.string(), reason: z.string(), stepId: z.string().optional() }),
  z.object({
    type: z.literal('hint.given'),
    by: z.string(),
    /** 1 is the least telling. */
    level: z.number().int(),
    text: z.string(),
    /** Points that it takes off the score. */
    cost: z.number(),
  }),
  z.object({
    type: z.literal('break-glass.opened'),
    name: z.string(),
    reason: z.string(),
    /** RFC 3339. */
    expiresAt: z.string(),
    account: z.string(),
    approvedBy: z.string().optional(),
  }),
  z.object({ type: z.literal('break-glass.used'), stepId: z.string(), command: z.string() }),
  z.object({ type: z.literal('break-glass.closed'), reason: z.string() }),
  z.object({
    type: z.literal('rollback.issued'),
    kind: z.string(),
    summary: z.string(),
    toRevision: z.string().optional(),
    /** Made outside the tool: who and how, as managed fields and events tell. */
    outside: z.object({ manager: z.string(), at: z.string().optional(), how: z.string() }).optional(),
  }),
  z.object({
    type: z.literal('rollback.observed'),
    /** Mechanism says done; desired state equals the known-good one. t3 is the later of both. */
    mechanismDoneTMs: z.number().optional(),
    desiredStateEqualTMs: z.number().optional(),
    detail: z.string(),
  }),
  z.object({ type: z.literal('verification.changed'), ok: z.boolean(), checks: z.array(checkResult) }),
  z.object({ type: z.literal('restore.started'), reason: z.string() }),
  z.object({
    type: z.literal('restore.finished'),
    proven: z.boolean(),
    objects: z.array(
      z.object({
        object: objectRef,
        /** `as-found`: nothing had to be done, the drill's own rollback did it. */
        /** `left`: somebody else changed it, and nothing was done to it. */
        action: z.enum(['as-found', 'put-back', 'created-again', 'deleted', 'left', 'failed']),
        /** To the snapshot, in every field that is not kept. */
        equal: z.boolean(),
        /** What still differs, as a diff; empty when equal. */
        diff: z.string(),
        /** Fields that somebody else changed, which were kept as they are. */
        kept: z.array(z.object({ field: z.string(), before: z.string(), now: z.string(), by: z.string().optional() })).optional(),
        note: z.string().optional(),
      }),
    ),
  }),
  z.object({ type: z.literal('lease.released') }),
  /** A write that we made to the cluster, once it was answered; dry runs are none. */
  z.object({
    type: z.literal('cluster.written'),
    verb: z.string(),
    path: z.string(),
    /** HTTP status of the answer; 0: it was lost, and with it whether the write was done. */
    status: z.number().int(),
    /** The request's uid in the API server's audit log. */
    auditId: z.string().optional(),
  }),
  /** `by`: the person who typed it; without, the tool says it. */
  z.object({ type: z.literal('note'), text: z.string(), by: z.string().optional() }),
  z.object({ type: z.literal('run.interrupted'), signal: z.string() }),
  z.object({ type: z.literal('run.failed'), message: z.string(), remedy: z.string().optional() }),
  z.object({ type: z.literal('run.finished'), outcome, exitCode: z.number(), reason: z.string() }),
] as const;

export const eventBody = z.discriminatedUnion('type', [...eventBodies]);
export const eventSchema = z.intersection(z.object({ seq: z.number().int(), at: z.string(), tMs: z.number() }), eventBody);

export type EventBody = z.infer<typeof eventBody>;
export type RehearsalEvent = z.infer<typeof eventSchema>;
export type EventOf<Type extends EventBody['type']> = Extract<EventBody, { type: Type }> & {
  seq: number;
  at: string;
  tMs: number;
};
