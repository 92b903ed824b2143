/** One line of plain text per event, for logs, terminals and the report's event log. */
import { formatDuration } from './duration.ts';
import type { CheckResult, ObjectRef, RehearsalEvent, Suspect } from './events.ts';

/** `deployment/payments`, as kubectl would write it. */
export function objectText(object: ObjectRef): string {
  return `${object.kind.toLowerCase()}/${object.name}`;
}

/** `deployment/payments revision 2` */
export function suspectText(suspect: Suspect): string {
  return `${objectText(suspect.workload)} revision ${suspect.revision}`;
}

/** "all 4 checks passed", or which did not. */
function checksText(checks: readonly CheckResult[]): string {
  const failed = checks.filter(check => !check.ok);
  if (failed.length === 0) return checks.length === 1 ? 'the check passed' : `all ${checks.length} checks passed`;
  return `${failed.length} of ${checks.length} failed: ${failed.map(check => `${check.name} (${check.detail})`).join('; ')}`;
}

export const MOMENT_TEXT = {
  deployed: 't0 deployed',
  impact: 'impact: the first failed request',
  detected: 't1 detected',
  diagnosed: 't2 diagnosed',
  'rollback-issued': 'rollback issued',
  'rolled-back': 't3 rolled back',
  'healthy-since': 'healthy since',
  restored: 't4 restored',
} as const;

const ACTIVITY_TEXT = {
  person: 'a person is at work',
  machine: 'a command is at work',
  cluster: 'waiting for the cluster',
  'hand-over': 'handing over',
  pause: 'paused',
} as const;

const RESTORE_TEXT = {
  'as-found': 'already as found',
  'put-back': 'put back',
  'created-again': 'created again',
  deleted: 'deleted',
  left: 'left as somebody else changed it',
  failed: 'FAILED',
} as const;

function failureText(status: number | undefined, error: string | undefined): string {
  return [status === undefined ? '' : `HTTP ${status}`, error ?? ''].filter(Boolean).join(', ');
}

/** Says what happened in one sentence fragment; never contains a line break of its own (messages of others may). */
export function eventText(event: RehearsalEvent): string {
  switch (event.type) {
    case 'run.started':
      return `run of ${event.scenario.name} started by ${event.operator} (${event.mode}) on ${event.environment.context}, namespace ${event.environment.namespace}`;
    case 'plan.made':
      return `plan: ${event.fault.summary}; ${event.detectors.length} ${event.detectors.length === 1 ? 'detector' : 'detectors'}; rollback by ${event.rollback.summary}`;
    case 'guard.checked':
      return `staging guard ${event.allowed ? 'allowed the run' : 'refused the run'}: ${checksText(event.checks)}`;
    case 'preflight.checked':
      return `preflight ${event.ok ? 'passed' : 'failed'}: ${checksText(event.checks)}`;
    case 'clock.compared':
      return `clock of ${event.source} is ${signed(event.skewMs)} against ours (± ${formatDuration(event.uncertaintyMs)})`;
    case 'steady-state.checked':
      return `steady state ${event.when} the drill ${event.ok ? 'holds' : 'does not hold'}: ${checksText(event.checks)}`;
    case 'undo.written':
      return `undo written to ${event.journal} and ${objectText(event.cluster)}, deadline ${event.deadline}: ${event.objects.map(objectText).join(', ')}`;
    case 'lease.acquired':
      return `lease ${event.lease.name} acquired by ${event.holder}`;
    case 'lease.released':
      return 'lease released';
    case 'decoy.deployed':
      return `decoy deployed: ${event.summary}`;
    case 'fault.injected':
      return `bad deploy of ${objectText(event.target)} accepted by the API server after ${formatDuration(event.acceptedTMs - event.sentTMs)}`;
    case 'probe.sampled':
      return event.ok
        ? `probe ${event.probe}: answered in ${formatDuration(event.latencyMs)}`
        : `probe ${event.probe}: FAILED after ${formatDuration(event.latencyMs)} (${failureText(event.status, event.error)})`;
    case 'signal.raised':
      return `signal from ${event.detector}: ${event.message}`;
    case 'signal.cleared':
      return `signal of ${event.detector} cleared: ${event.message}`;
    case 'moment.reached':
      return `${MOMENT_TEXT[event.moment]}, by ${event.by}${event.detail ? `: ${event.detail}` : ''}`;
    case 'diagnosis.answered': {
      const [best] = event.suspects;
      const answer = best ? `${suspectText(best)}, score ${best.score.toFixed(2)}` : 'no suspect';
      return `diagnosis by ${event.by}: ${answer} (${event.correct ? 'correct' : 'wrong'})`;
    }
    case 'runbook.step.started':
      return `runbook step started: ${event.title}`;
    case 'runbook.step.finished':
      return `runbook step ${event.stepId} ${event.outcome} after ${formatDuration(event.durationMs)}${event.error ? `: ${event.error}` : ''}${event.reason ? `: ${event.reason}` : ''}`;
    case 'activity.changed':
      return `${ACTIVITY_TEXT[event.activity]}${event.detail ? `: ${event.detail}` : ''}`;
    case 'runbook.opened':
      return `runbook opened by ${event.by}: ${event.runbook.title}`;
    case 'role.handed-over':
      return `${event.role}: ${event.from ? `from ${event.from} ` : ''}to ${event.to} after ${formatDuration(event.waitedMs)} (${event.reason})`;
    case 'escalated':
      return `${event.by} would escalate to ${event.to}: ${event.reason}`;
    case 'hint.given':
      return `hint ${event.level} (−${event.cost} points): ${event.text}`;
    case 'break-glass.opened':
      return `break-glass access of ${event.account} for ${event.name} until ${event.expiresAt}: ${event.reason}`;
    case 'break-glass.used':
      return `with break-glass access: ${event.command}`;
    case 'break-glass.closed':
      return `break-glass access given up: ${event.reason}`;
    case 'rollback.issued':
      return `rollback issued: ${event.summary}${event.toRevision ? ` (to revision ${event.toRevision})` : ''}`;
    case 'rollback.observed':
      return `rollback observed: ${event.detail}`;
    case 'verification.changed':
      return `verification ${event.ok ? 'holds' : 'does not hold'}: ${checksText(event.checks)}`;
    case 'restore.started':
      return `restore started: ${event.reason}`;
    case 'restore.finished':
      return `restore ${event.proven ? 'proven' : 'NOT PROVEN'}: ${event.objects.map(item => `${objectText(item.object)} ${RESTORE_TEXT[item.action]}${item.equal ? '' : ', differs'}${item.kept ? `, kept of somebody else: ${item.kept.map(({ field }) => field).join(', ')}` : ''}`).join('; ')}`;
    case 'cluster.written':
      return writeText(event);
    case 'note':
      return event.by === undefined ? event.text : `${event.by} notes: ${event.text}`;
    case 'run.interrupted':
      return `interrupted by ${event.signal}`;
    case 'run.failed':
      return `run failed: ${event.message}`;
    case 'run.finished':
      return `run finished: ${event.outcome} (exit code ${event.exitCode}), ${event.reason}`;
  }
}

/** A request that changed something: what was asked, what the server said (0: its answer was lost), and the id in its audit log. */
export function writeText(write: { verb: string; path: string; status: number; auditId?: string | undefined }): string {
  const status = write.status === 0 ? 'no answer' : write.status;
  return `${write.verb} ${write.path}: ${status}${write.auditId === undefined ? '' : ` (audit ${write.auditId})`}`;
}

function signed(ms: number): string {
  const size = formatDuration(Math.abs(ms));
  return ms === 0 ? 'equal' : ms > 0 ? `${size} ahead` : `${size} behind`;
}
