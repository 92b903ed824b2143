/**
 * What the people in a blind drill may see while it runs. Whatever the drill does is sealed; what the cluster, the detectors and the users
 * show, and what people do themselves, is shown. What all candidates have in common is no secret.
 */
import type { EventOf, RehearsalEvent } from '../record/events.ts';
import type { Reporter } from './reporter.ts';

/** What would be the same whichever scenario was drawn. */
export interface CommonGround {
  /** Names of the scenarios that the fault was drawn from. */
  scenarios: readonly string[];
  objectives: EventOf<'run.started'>['objectives'];
  /** Names of the probes whose requests every candidate sends, and of the detectors that every candidate has. */
  probes: readonly string[];
  detectors: readonly string[];
}

/**
 * `alert`: shown once something was detected. Before, the very start of a step would tell the moment of the deploy.
 * `rolled-back`: shown once the service's known-good state is back, when there is nothing left to find out. The time of the deploy is
 * among it: compared with the times of the rollouts it names the one that did it. So is whether an answer was right.
 * `end`: in the summary and the report only.
 */
type Until = 'alert' | 'rolled-back' | 'end';

const SEALED = 'sealed until the end';

/** Passes on to `reporter` what may be seen; when the drill itself is over, everything. */
export function createBlindReporter(reporter: Reporter, common: CommonGround): Reporter {
  const waiting: Record<'alert' | 'rolled-back', RehearsalEvent[]> = { alert: [], 'rolled-back': [] };
  let open = new Set<Until>();
  const release = (until: 'alert' | 'rolled-back') => {
    open.add(until);
    for (const event of waiting[until].splice(0)) reporter.onEvent(event);
  };
  return {
    onEvent(event) {
      if (event.type === 'moment.reached' && event.moment === 'detected') release('alert');
      if (event.type === 'moment.reached' && event.moment === 'rolled-back') {
        release('alert');
        release('rolled-back');
      }
      // The drill is over: what held anything back does so no longer.
      if (endsDrill(event)) open = new Set(['alert', 'rolled-back', 'end']);
      if (open.has('end')) return reporter.onEvent(event);
      const shown = shownEvent(event, common);
      if (typeof shown !== 'string') reporter.onEvent(shown);
      else if (shown !== 'end' && open.has(shown)) reporter.onEvent(event);
      else if (shown !== 'end') waiting[shown].push(event);
    },
    say: text => reporter.say(text),
    finish: (record, files) => reporter.finish(record, files),
    close: () => reporter.close(),
  };
}

function endsDrill({ type }: RehearsalEvent): boolean {
  return type === 'restore.started' || type === 'run.failed' || type === 'run.interrupted' || type === 'run.finished';
}

/** The event as it may be seen at once, or until when it is held back. A type that is not decided here does not compile. */
function shownEvent(event: RehearsalEvent, common: CommonGround): RehearsalEvent | Until {
  switch (event.type) {
    case 'run.started':
      return started(event, common);
    case 'plan.made':
      return planned(event, common);
    // Context, server and namespace: where the drill is was said on the command line.
    case 'guard.checked':
    case 'clock.compared':
      return event;
    // What is checked names the target. Whoever is refused reads all of it in the summary.
    case 'preflight.checked':
      return { ...event, checks: [{ name: 'preflight', ok: event.ok, detail: event.ok ? 'fit for a drill' : SEALED }] };
    case 'steady-state.checked':
      return { ...event, checks: [{ name: 'steady state', ok: event.ok, detail: event.ok ? 'holds' : SEALED }] };
    case 'undo.written':
    case 'lease.acquired':
    case 'decoy.deployed':
    case 'fault.injected':
    case 'cluster.written':
      return 'end';
    // What users get and what the alerts say is what there is to go by.
    case 'probe.sampled':
      return common.probes.includes(event.probe) ? event : 'end';
    case 'signal.raised':
    case 'signal.cleared':
      return event;
    case 'moment.reached':
      return shownMoment(event);
    case 'diagnosis.answered':
      // An answer that is not marked as wrong reads the same as one that is right.
      return { ...event, correct: true };
    case 'runbook.step.started':
    case 'runbook.step.finished':
    case 'activity.changed':
      return 'alert';
    // What people do, and what they were told.
    case 'runbook.opened':
    case 'role.handed-over':
    case 'escalated':
    case 'hint.given':
    case 'break-glass.opened':
    case 'break-glass.used':
    case 'break-glass.closed':
    case 'rollback.issued':
      return event;
    case 'note':
      return event.by === undefined ? 'rolled-back' : event;
    // Only the rollback of the target is observed, and verified.
    case 'rollback.observed':
    case 'verification.changed':
      return 'rolled-back';
    // The drill is over with the first of these.
    case 'restore.started':
    case 'restore.finished':
    case 'lease.released':
    case 'run.interrupted':
    case 'run.failed':
    case 'run.finished':
      return event;
  }
}

function shownMoment(event: EventOf<'moment.reached'>): RehearsalEvent | Until {
  switch (event.moment) {
    case 'impact':
      return 'alert';
    case 'detected':
    case 'rolled-back':
      return event;
    // Reached when the right workload is named, or rolled back, and never otherwise.
    case 'deployed':
    case 'diagnosed':
    case 'rollback-issued':
    case 'healthy-since':
    case 'restored':
      return 'rolled-back';
  }
}

function started(event: EventOf<'run.started'>, { scenarios, objectives }: CommonGround): EventOf<'run.started'> {
  const { hypothesis: _hypothesis, ...scenario } = event.scenario;
  return {
    ...event,
    scenario: {
      ...scenario,
      name: 'blind drill',
      title: `drawn from ${scenarios.length} scenarios, ${SEALED}`,
      description: '',
      path: '',
      digest: '',
      tags: [],
    },
    objectives,
    // Whoever knows the seed can have the same drill elsewhere, and end it there to be told.
    blind: { seed: 0, scenarios: [...scenarios] },
  };
}

function planned(event: EventOf<'plan.made'>, { probes, detectors }: CommonGround): EventOf<'plan.made'> {
  const { runbook: _runbook, ...plan } = event;
  return {
    ...plan,
    target: { apiVersion: '', kind: '', name: SEALED },
    fault: { kind: '', summary: SEALED },
    detectors: event.detectors.filter(({ name }) => detectors.includes(name)),
    rollback: { kind: '', summary: SEALED },
    verification: { stableForMs: 0, checks: [] },
    probes: event.probes
      .filter(({ name }) => probes.includes(name))
      .map(({ errorRateLimit: _errors, latencyLimitMs: _latency, ...probe }) => probe),
  };
}
