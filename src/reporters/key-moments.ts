/** What of a run deserves a line of its own, and in which words. The full log is in events.ndjson and the report. */
import { formatDuration } from '../record/duration.ts';
import { objectText, suspectText } from '../record/event-text.ts';
import type { CheckResult, MomentName, RehearsalEvent } from '../record/events.ts';
import { harmlessLine } from '../record/harmless-text.ts';
import type { Colour } from './style.ts';

export interface KeyMoment {
  /** At most 11 characters. */
  label: string;
  text: string;
  colour: Colour | undefined;
  /** Details are for lines; a live screen shows them in place instead. */
  detail: boolean;
}

const MOMENTS: Record<MomentName, { label: string; words: string; colour: Colour | undefined }> = {
  deployed: { label: 't0', words: 'bad deploy is live', colour: 'bold' },
  impact: { label: 'impact', words: 'first failed request of a user', colour: 'yellow' },
  detected: { label: 't1', words: 'detected', colour: 'bold' },
  diagnosed: { label: 't2', words: 'diagnosed', colour: 'bold' },
  'rollback-issued': { label: 'rollback', words: 'command given', colour: undefined },
  'rolled-back': { label: 't3', words: 'rolled back', colour: 'bold' },
  'healthy-since': { label: 'healthy', words: 'checks hold from here on', colour: undefined },
  restored: { label: 't4', words: 'service restored', colour: 'green' },
};

/** Undefined for what has no line: samples of probes, bookkeeping. */
export function keyMoment(event: RehearsalEvent): KeyMoment | undefined {
  const moment = describe(event);
  return moment && { ...moment, text: harmlessLine(moment.text) };
}

function describe(event: RehearsalEvent): KeyMoment | undefined {
  switch (event.type) {
    case 'run.started':
      return line('drill', `${event.scenario.name}: ${event.scenario.title}`, 'bold');
    case 'plan.made':
      return detail('plan', `${event.fault.summary}; ${event.detectors.length} detectors; rollback: ${event.rollback.summary}`);
    case 'guard.checked':
      return checks('guard', event.allowed, event.checks, 'this is staging');
    case 'preflight.checked':
      return checks('preflight', event.ok, event.checks, 'ready to inject');
    case 'steady-state.checked':
      return checks(
        'steady',
        event.ok,
        event.checks,
        event.when === 'before' ? 'healthy before the drill' : 'healthy after the drill',
      );
    case 'undo.written':
      return detail('undo', `written before the change, for ${event.objects.map(objectText).join(', ')}`);
    case 'decoy.deployed':
      return detail('decoy', event.summary);
    case 'fault.injected':
      return line('inject', `${objectText(event.target)} gets the bad deploy`, 'yellow');
    case 'signal.raised':
      return line('signal', `${event.detector}: ${event.message}`, 'yellow');
    case 'signal.cleared':
      return detail('cleared', `${event.detector}: ${event.message}`);
    case 'moment.reached': {
      const { label, words, colour } = MOMENTS[event.moment];
      const by = event.moment === 'detected' || event.moment === 'diagnosed' ? ` by ${event.by}` : '';
      return line(label, `${words}${by}`, colour);
    }
    case 'diagnosis.answered': {
      const [first] = event.suspects;
      const answer = first ? `${suspectText(first)} (score ${first.score.toFixed(2)}): ${first.change}` : 'no suspect';
      return line('diagnosis', event.correct ? answer : `${answer}; wrong`, event.correct ? undefined : 'red');
    }
    case 'runbook.step.started':
      return detail('step', `${event.title} (${event.does}${event.owner ? `, ${event.owner}` : ''})`);
    case 'runbook.step.finished': {
      const why = event.error ? `: ${event.error}` : '';
      const text = `${event.outcome} after ${formatDuration(event.durationMs)}${why}`;
      if (event.outcome === 'passed' || event.outcome === 'skipped') return detail('step', `${event.stepId} ${text}`);
      return line('step', `${event.stepId} ${text}`, 'red');
    }
    case 'rollback.issued':
      return detail('rollback', event.toRevision ? `${event.summary} (to revision ${event.toRevision})` : event.summary);
    case 'rollback.observed':
      return detail('rollback', event.detail);
    case 'verification.changed':
      return detail('verify', event.ok ? 'every check holds' : checksText(event.checks));
    case 'restore.started':
      return detail('restore', event.reason);
    case 'restore.finished':
      return event.proven
        ? line('restore', 'proven: the target is as it was found', 'green')
        : line('restore', 'NOT PROVEN: the target is not as it was found', 'red');
    case 'note':
      return line('note', event.by === undefined ? event.text : `${event.by}: ${event.text}`);
    case 'runbook.opened':
      return line('runbook', `${event.by} opened “${event.runbook.title}”`);
    case 'role.handed-over':
      return line('hand-over', `${event.role}: ${event.from ?? 'nobody'} → ${event.to} (${event.reason})`);
    case 'escalated':
      return line('escalate', `${event.by} would call ${event.to}: ${event.reason}`, 'yellow');
    case 'hint.given':
      return line('hint', `${event.text} (−${event.cost} points)`, 'yellow');
    case 'break-glass.opened':
      return line('glass', `${event.account} for ${event.name} until ${event.expiresAt}: ${event.reason}`, 'yellow');
    case 'break-glass.used':
      return line('glass', event.command, 'yellow');
    case 'break-glass.closed':
      return line('glass', event.reason);
    case 'activity.changed':
      return event.activity === 'pause' ? line('pause', event.detail ?? '', 'yellow') : undefined;
    case 'run.interrupted':
      return line('interrupt', `${event.signal}: the drill ends, the target is restored`, 'yellow');
    case 'run.failed':
      return line('error', event.remedy ? `${event.message} ${event.remedy}` : event.message, 'red');
    case 'probe.sampled':
    case 'clock.compared':
    case 'cluster.written':
    case 'lease.acquired':
    case 'lease.released':
    case 'run.finished':
      return undefined;
  }
}

function line(label: string, text: string, colour?: Colour): KeyMoment {
  return { label, text, colour, detail: false };
}

function detail(label: string, text: string): KeyMoment {
  return { label, text, colour: undefined, detail: true };
}

function checks(label: string, ok: boolean, results: readonly CheckResult[], passed: string): KeyMoment {
  return ok
    ? detail(label, `${passed} (${results.length} ${results.length === 1 ? 'check' : 'checks'})`)
    : line(label, checksText(results), 'red');
}

function checksText(results: readonly CheckResult[]): string {
  const failed = results.filter(check => !check.ok);
  return failed.map(check => `${check.name}: ${check.detail}${check.remedy ? `. ${check.remedy}` : ''}`).join('; ');
}
