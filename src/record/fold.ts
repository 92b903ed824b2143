/** Events → run.json. Pure: the same events give the same record, so any run can be rendered again. */
import { EXIT, RehearseError } from '../errors/errors.ts';
import { eventText } from './event-text.ts';
import type { EventOf, MomentName, PhaseName, RehearsalEvent } from './events.ts';
import { type DetectorRecord, type Phase, type ProbeRecord, RUN_RECORD_VERSION, type RunRecord } from './run-record.ts';

/**
 * Folds the events of one run, in order, into its record. Works on any prefix that has `run.started`: a run whose process was
 * killed folds to the outcome `unfinished`.
 * @throws RehearseError when the first event is not `run.started`.
 */
export function foldEvents(events: Iterable<RehearsalEvent>): RunRecord {
  let record: RunRecord | undefined;
  let objectives: EventOf<'run.started'>['objectives'] = {};
  for (const event of events) {
    if (event.type === 'run.started') {
      record = emptyRecord(event);
      objectives = event.objectives;
    }
    if (!record) {
      throw new RehearseError(`the first event of a run is run.started, this one is ${event.type}`, {
        exitCode: EXIT.error,
        hint: 'The events file is cut off at its start, or it is not one of rehearse.',
      });
    }
    apply(record, event);
    record.endedTMs = Math.max(record.endedTMs, event.tMs);
    if (event.type !== 'probe.sampled' && event.type !== 'cluster.written') {
      record.events.push({ seq: event.seq, tMs: event.tMs, at: event.at, type: event.type, text: eventText(event) });
    }
  }
  if (!record) {
    throw new RehearseError('the run has no events', { hint: 'It was stopped before it started; the folder can be deleted.' });
  }
  derive(record, objectives);
  return record;
}

function emptyRecord(event: EventOf<'run.started'>): RunRecord {
  const phase = (): Phase => ({
    startTMs: undefined,
    endTMs: undefined,
    durationMs: undefined,
    objectiveMs: undefined,
    met: undefined,
    censored: false,
  });
  return {
    version: RUN_RECORD_VERSION,
    runId: event.runId,
    rehearse: event.rehearse,
    startedAt: event.at,
    endedTMs: event.tMs,
    scenario: event.scenario,
    mode: event.mode,
    operator: event.operator,
    blind: event.blind,
    roles: event.roles ?? [],
    environment: event.environment,
    plan: undefined,
    verdict: {
      outcome: 'unfinished',
      exitCode: undefined,
      reason: 'The run has no end: its process was killed, or it is still running.',
    },
    moments: {},
    phases: { detection: phase(), diagnosis: phase(), rollback: phase(), verification: phase() },
    recovery: { durationMs: undefined, objectiveMs: undefined, met: undefined },
    alertToCommandMs: undefined,
    detectors: [],
    probes: [],
    diagnosis: { answers: [] },
    runbook: { steps: [] },
    activities: [],
    handOvers: [],
    escalations: [],
    hints: [],
    breakGlass: [],
    writes: [],
    injected: undefined,
    decoys: [],
    rollback: undefined,
    verification: [],
    guard: undefined,
    preflight: undefined,
    steadyState: { before: undefined, after: undefined },
    clocks: [],
    undo: undefined,
    restore: undefined,
    failure: undefined,
    notes: [],
    events: [],
  };
}

function apply(record: RunRecord, event: RehearsalEvent): void {
  const { tMs } = event;
  switch (event.type) {
    case 'plan.made': {
      const { type: _type, seq: _seq, at: _at, tMs: _tMs, ...plan } = event;
      record.plan = plan;
      for (const detector of plan.detectors) detectorNamed(record, detector.name, detector.kind).summary = detector.summary;
      record.probes = plan.probes.map(probe => ({
        name: probe.name,
        summary: probe.summary,
        intervalMs: probe.intervalMs,
        errorRateLimit: probe.errorRateLimit,
        latencyLimitMs: probe.latencyLimitMs,
        samples: { sentTMs: [], latencyMs: [], ok: [] },
        failures: [],
      }));
      break;
    }
    case 'guard.checked':
      record.guard = { allowed: event.allowed, checks: event.checks };
      break;
    case 'preflight.checked':
      record.preflight = { ok: event.ok, checks: event.checks };
      break;
    case 'clock.compared':
      record.clocks.push({ source: event.source, skewMs: event.skewMs, uncertaintyMs: event.uncertaintyMs });
      break;
    case 'steady-state.checked':
      record.steadyState[event.when] = { ok: event.ok, checks: event.checks };
      break;
    case 'undo.written':
      record.undo = { journal: event.journal, cluster: event.cluster, deadline: event.deadline, objects: event.objects };
      break;
    case 'decoy.deployed':
      record.decoys.push({ tMs, object: event.object, summary: event.summary, changes: event.changes });
      break;
    case 'fault.injected':
      record.injected = { kind: event.kind, target: event.target, tMs: event.acceptedTMs, changes: event.changes };
      break;
    case 'probe.sampled':
      addSample(probeNamed(record, event.probe), event);
      break;
    case 'signal.raised':
      detectorNamed(record, event.detector, event.kind).signals.push({
        tMs,
        message: event.message,
        object: event.object,
        sourceAt: event.sourceAt,
        uncertaintyMs: event.uncertaintyMs,
      });
      break;
    case 'signal.cleared':
      detectorNamed(record, event.detector, '').clearedTMs.push(tMs);
      break;
    case 'moment.reached':
      // A moment is reached once; a later one of the same name would rewrite history.
      record.moments[event.moment] ??= {
        tMs: event.momentTMs,
        at: wallClock(event),
        by: event.by,
        uncertaintyMs: event.uncertaintyMs,
        detail: event.detail,
      };
      break;
    case 'diagnosis.answered':
      record.diagnosis.answers.push({ tMs, by: event.by, correct: event.correct, suspects: event.suspects });
      break;
    case 'runbook.step.started':
      record.runbook.steps.push({
        id: event.stepId,
        title: event.title,
        phase: event.phase,
        owner: event.owner,
        does: event.does,
        command: event.command,
        startTMs: tMs,
        durationMs: undefined,
        expectedMs: event.expectedMs,
        outcome: 'unfinished',
        output: '',
        error: undefined,
        by: event.by,
        visit: event.visit ?? 1,
        tries: 1,
        reason: undefined,
        byHand: false,
      });
      break;
    case 'runbook.step.finished': {
      // A step that is repeated has one entry per try; the end belongs to the last one that is open.
      const step = record.runbook.steps.findLast(each => each.id === event.stepId && each.outcome === 'unfinished');
      if (!step) break;
      step.outcome = event.outcome;
      step.durationMs = event.durationMs;
      step.output = event.output;
      step.error = event.error ?? (event.exitCode ? `exit code ${event.exitCode}` : undefined);
      step.tries = event.tries ?? 1;
      step.reason = event.reason;
      step.byHand = event.byHand ?? false;
      break;
    }
    case 'activity.changed':
      record.activities.push({
        activity: event.activity,
        startTMs: tMs,
        endTMs: tMs,
        stepId: event.stepId,
        detail: event.detail,
      });
      break;
    case 'runbook.opened':
      if (record.plan) record.plan.runbook = event.runbook;
      break;
    case 'role.handed-over': {
      const { type: _type, seq: _seq, at: _at, ...handOver } = event;
      record.handOvers.push(handOver);
      break;
    }
    case 'escalated': {
      const { type: _type, seq: _seq, at: _at, ...escalation } = event;
      record.escalations.push(escalation);
      break;
    }
    case 'hint.given': {
      const { type: _type, seq: _seq, at: _at, ...hint } = event;
      record.hints.push(hint);
      break;
    }
    case 'break-glass.opened':
      record.breakGlass.push({
        tMs,
        name: event.name,
        reason: event.reason,
        expiresAt: event.expiresAt,
        account: event.account,
        approvedBy: event.approvedBy,
        used: [],
        closed: undefined,
      });
      break;
    case 'break-glass.used':
      record.breakGlass.at(-1)?.used.push({ tMs, stepId: event.stepId, command: event.command });
      break;
    case 'break-glass.closed': {
      const opened = record.breakGlass.at(-1);
      if (opened) opened.closed ??= { tMs, reason: event.reason };
      break;
    }
    case 'rollback.issued':
      record.rollback = {
        kind: event.kind,
        summary: event.summary,
        toRevision: event.toRevision,
        issuedTMs: tMs,
        mechanismDoneTMs: undefined,
        desiredStateEqualTMs: undefined,
        detail: '',
        outside: event.outside,
      };
      break;
    case 'rollback.observed':
      // Without a command of ours, a person rolled back outside the tool: noticed, and counted from when it was seen.
      record.rollback = {
        ...(record.rollback ?? {
          kind: 'observed',
          summary: 'rolled back outside the tool',
          toRevision: undefined,
          issuedTMs: tMs,
          outside: undefined,
        }),
        mechanismDoneTMs: event.mechanismDoneTMs ?? record.rollback?.mechanismDoneTMs,
        desiredStateEqualTMs: event.desiredStateEqualTMs ?? record.rollback?.desiredStateEqualTMs,
        detail: event.detail,
      };
      break;
    case 'verification.changed':
      record.verification.push({ tMs, ok: event.ok, checks: event.checks });
      break;
    case 'restore.started':
      record.restore = { startedTMs: tMs, finishedTMs: undefined, reason: event.reason, proven: false, objects: [] };
      break;
    case 'restore.finished':
      record.restore = {
        ...(record.restore ?? { startedTMs: tMs, reason: '' }),
        finishedTMs: tMs,
        proven: event.proven,
        objects: event.objects,
      };
      break;
    case 'cluster.written':
      record.writes.push({ tMs, verb: event.verb, path: event.path, status: event.status, auditId: event.auditId });
      break;
    case 'note':
      record.notes.push({ tMs, text: event.text, by: event.by });
      break;
    case 'run.failed':
      record.failure ??= { tMs, message: event.message, remedy: event.remedy };
      break;
    case 'run.finished':
      record.verdict = { outcome: event.outcome, exitCode: event.exitCode, reason: event.reason };
      break;
    case 'run.started':
    case 'lease.acquired':
    case 'lease.released':
    case 'run.interrupted':
      break;
  }
}

/** Wall clock of the moment itself: that of the event, less what passed between the two. */
function wallClock(event: EventOf<'moment.reached'>): string {
  const written = Date.parse(event.at);
  return Number.isNaN(written) ? event.at : new Date(written - (event.tMs - event.momentTMs)).toISOString();
}

function detectorNamed(record: RunRecord, name: string, kind: string): DetectorRecord {
  let detector = record.detectors.find(each => each.name === name);
  if (!detector) {
    detector = { name, kind, summary: '', signals: [], clearedTMs: [], afterDeployMs: undefined, first: false };
    record.detectors.push(detector);
  }
  return detector;
}

function probeNamed(record: RunRecord, name: string): ProbeRecord {
  let probe = record.probes.find(each => each.name === name);
  if (!probe) {
    probe = {
      name,
      summary: '',
      intervalMs: 0,
      errorRateLimit: undefined,
      latencyLimitMs: undefined,
      samples: { sentTMs: [], latencyMs: [], ok: [] },
      failures: [],
    };
    record.probes.push(probe);
  }
  return probe;
}

const tenth = (ms: number) => Math.round(ms * 10) / 10;

function addSample(probe: ProbeRecord, event: EventOf<'probe.sampled'>): void {
  probe.samples.sentTMs.push(tenth(event.sentTMs));
  probe.samples.latencyMs.push(tenth(event.latencyMs));
  probe.samples.ok.push(event.ok);
  if (event.ok) return;
  const same = probe.failures.find(each => each.status === event.status && each.error === event.error);
  if (same) same.count++;
  else probe.failures.push({ tMs: event.sentTMs, status: event.status, error: event.error, count: 1 });
}

function derive(record: RunRecord, objectives: EventOf<'run.started'>['objectives']): void {
  const at = (moment: MomentName) => record.moments[moment]?.tMs;
  const deployed = at('deployed');
  const detected = at('detected');
  const diagnosed = at('diagnosed');
  const issued = at('rollback-issued');
  const rolledBack = at('rolled-back');
  const restored = at('restored');

  // Somebody may roll back before (or without) naming the cause; the rollback then starts with its command.
  const rollbackStart = diagnosed !== undefined && (rolledBack === undefined || diagnosed <= rolledBack) ? diagnosed : issued;
  phase(record, 'detection', deployed, detected, objectives.detection);
  phase(record, 'diagnosis', detected, diagnosed, objectives.diagnosis);
  phase(record, 'rollback', rollbackStart, rolledBack, objectives.rollback);
  phase(record, 'verification', rolledBack, restored, objectives.verification);

  const total = difference(deployed, restored);
  record.recovery = {
    durationMs: total,
    objectiveMs: objectives.total,
    met: metObjective(record, deployed, total, objectives.total),
  };
  record.alertToCommandMs = difference(detected, issued);
  // The command was given at its moment; the event is written once it has returned.
  if (record.rollback && issued !== undefined) record.rollback.issuedTMs = issued;

  // Each lasts until the next; the last one until the drill was over.
  const over = restored ?? record.restore?.startedTMs ?? record.endedTMs;
  record.activities.forEach((activity, index) => {
    activity.endTMs = Math.max(activity.startTMs, Math.min(record.activities[index + 1]?.startTMs ?? over, over));
  });

  for (const detector of record.detectors) {
    if (deployed !== undefined) {
      const told = detector.signals.find(signal => signal.tMs >= deployed);
      detector.afterDeployMs = told && told.tMs - deployed;
    }
    detector.first = detected !== undefined && record.moments.detected?.by === detector.name;
  }
}

function phase(record: RunRecord, name: PhaseName, start: number | undefined, end: number | undefined, objective?: number): void {
  const duration = difference(start, end);
  record.phases[name] = {
    startTMs: start,
    endTMs: end,
    durationMs: duration,
    objectiveMs: objective,
    met: metObjective(record, start, duration, objective),
    censored: start !== undefined && end === undefined,
  };
}

/**
 * A censored duration is at least as long as it was watched: that can miss an objective, never meet one.
 * When the drill itself gave up (outcome `missed`), the objective is missed whatever its figure.
 */
function metObjective(record: RunRecord, start?: number, duration?: number, objective?: number): boolean | undefined {
  if (objective === undefined || start === undefined) return undefined;
  if (duration !== undefined) return duration <= objective;
  const watched = (record.restore?.startedTMs ?? record.endedTMs) - start;
  return watched > objective || record.verdict.outcome === 'missed' ? false : undefined;
}

function difference(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from);
}
