/** RunRecord → everything the templates print. Pure; whatever is decided is decided here and not in a template. */
import { findings, type Severity } from '../../insights/findings.ts';
import { unexplainedWaits, unreachedSteps } from '../../insights/runbook-times.ts';
import { timeSpent } from '../../insights/time-spent.ts';
import { objectText } from '../../record/event-text.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { cleaned, type Limits } from '../text.ts';
import { viewContext } from './context.ts';
import { shownEvents } from './event-log.ts';
import { changeView, checkGroups, detectorsView, diagnosisView, restoreView } from './evidence.ts';
import { clockTime, dateText, measurementView } from './measurement.ts';
import { minutesView } from './minutes.ts';
import { breakGlassView, peopleView, scoreView } from './people.ts';
import { phasesView } from './phases.ts';
import { runbookView } from './runbook.ts';
import { timelineView } from './timeline.ts';
import { callToAction, headline, story, verdictBadge } from './verdict.ts';

const SEVERITY_WORDS: Record<Severity, string> = {
  critical: 'Critical',
  warning: 'Cost time',
  advice: 'Worth doing',
  good: 'Keep',
};

/** @param previous earlier runs of the same runbook, the one to compare with first */
export function reportView(raw: RunRecord, previous: readonly RunRecord[], limits: Limits) {
  // Findings and sums are made of the whole record; what they quote is cleaned with the rest.
  const found = findings(raw);
  const spent = timeSpent(raw);
  const record = cleaned(raw, limits);
  const shown = shownEvents(record, limits.events);
  const context = viewContext(record, shown);
  const { links, since } = context;
  const texts = cleaned(found, limits);
  const list = texts.map(each => ({ ...each, severityWord: severityWord(each.id, each.severity), links: links(each.events) }));
  const badge = verdictBadge(record);
  const detectors = detectorsView(context);
  const diagnosis = diagnosisView(context);
  const runbook = runbookView(context, {
    spent,
    waits: cleaned(unexplainedWaits(raw), limits),
    unreached: cleaned(unreachedSteps(raw), limits),
    previous: previous.map(run => cleaned(run, limits)),
  });
  const minutes = minutesView(record, spent);
  const score = scoreView(raw, context, limits);
  const people = peopleView(context);
  const breakGlass = breakGlassView(context);
  const change = changeView(context);
  const restore = restoreView(context);
  const timeline = timelineView(context, spent, limits);
  const phases = phasesView(context);
  const checks = checkGroups(context);
  const events = record.events.filter(event => shown.has(event.seq));
  const improve = list.filter(each => each.severity !== 'good');
  const keep = list.filter(each => each.severity === 'good');
  const sections: { id: string; title: string; there: boolean }[] = [
    { id: 'phases', title: 'Phases', there: phases.reached },
    { id: 'minutes', title: 'Minutes', there: phases.reached && minutes.there },
    { id: 'score', title: 'Score', there: score !== undefined },
    { id: 'findings', title: 'Findings', there: list.length > 0 },
    { id: 'timeline', title: 'Timeline', there: timeline !== undefined },
    { id: 'detectors', title: 'Detectors', there: detectors.length > 0 && record.injected !== undefined },
    { id: 'diagnosis', title: 'Diagnosis', there: diagnosis.length > 0 },
    { id: 'runbook', title: 'Runbook', there: runbook.steps.length > 0 },
    { id: 'people', title: 'People', there: people.there },
    { id: 'break-glass', title: 'Break-glass', there: breakGlass.length > 0 },
    { id: 'change', title: 'What was injected', there: change.fault !== undefined },
    { id: 'restore', title: 'Restore', there: restore.needed },
    { id: 'checks', title: 'Checks', there: checks.length > 0 },
    { id: 'measurement', title: 'Measurement', there: true },
    { id: 'log', title: 'Event log', there: true },
  ];
  return {
    title: record.scenario.title,
    pageTitle: `${badge.label}: ${record.scenario.title}`,
    runId: record.runId,
    scenario: record.scenario,
    description: paragraphs(record.scenario.description),
    hypothesis: record.scenario.hypothesis ?? '',
    startedAt: record.startedAt,
    date: dateText(record.startedAt),
    target: record.plan ? objectText(record.plan.target) : '',
    where: `${record.environment.namespace} on ${record.environment.context}`,
    mode: record.blind ? 'blind drill by' : record.mode === 'practice' ? 'practice by' : 'automatic drill by',
    operator: record.operator,
    badge,
    reason: record.verdict.reason,
    exitCode: record.verdict.exitCode === undefined ? '' : String(record.verdict.exitCode),
    headline: headline(record),
    story: story(context).join(' '),
    call: callToAction(record),
    first: firstToImprove(list),
    failure: record.failure,
    phases,
    minutes,
    score,
    people,
    breakGlass,
    findingsTitle: findingsTitle(record, improve.length),
    improve,
    keep,
    timeline,
    detectors,
    diagnosis,
    runbook,
    change,
    restore,
    checks,
    measurement: measurementView(context),
    // Those of people stand where people are told of.
    notes: record.notes.filter(note => note.by === undefined).map(note => ({ when: since(note.tMs), text: note.text })),
    events: events.map(event => ({
      ...event,
      since: since(event.tMs),
      clock: clockTime(event.at),
      key: event.type === 'moment.reached',
    })),
    eventsLeftOut: record.events.length - events.length,
    has: Object.fromEntries(sections.map(section => [section.id, section.there])),
    sections: sections.filter(section => section.there),
    rehearse: record.rehearse,
  };
}

function paragraphs(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .map(each => each.trim())
    .filter(Boolean);
}

function severityWord(id: string, severity: Severity): string {
  if (id.startsWith('refused-')) return 'Refused';
  return id.startsWith('restore-') ? 'Act now' : SEVERITY_WORDS[severity];
}

function findingsTitle(record: RunRecord, improve: number): string {
  if (record.verdict.outcome === 'refused') return 'Why it was refused';
  if (record.failure) return 'What went wrong';
  return improve > 0 ? 'What to improve' : 'What to keep';
}

/** What a reader with ten seconds should take along; nothing when nothing cost anything. */
function firstToImprove(list: readonly { id: string; severity: Severity; title: string }[]): string {
  const [first] = list;
  if (!first || first.id.startsWith('refused-') || first.id.startsWith('restore-') || first.id === 'run-failed') return '';
  return first.severity === 'critical' || first.severity === 'warning' ? first.title : '';
}
