/** RunRecord → everything the templates print. Pure; whatever is decided is decided here and not in a template. */
import { findings, type Severity } from '../../insights/findings.ts';
import { objectText } from '../../record/event-text.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { cleanRecord, type Limits } from '../text.ts';
import { viewContext } from './context.ts';
import { shownEvents } from './event-log.ts';
import { changeView, checkGroups, detectorsView, diagnosisView, restoreView, runbookView } from './evidence.ts';
import { clockTime, dateText, measurementView } from './measurement.ts';
import { phasesView } from './phases.ts';
import { timelineView } from './timeline.ts';
import { callToAction, headline, story, verdictBadge } from './verdict.ts';

const SEVERITY_WORDS: Record<Severity, string> = {
  critical: 'Critical',
  warning: 'Cost time',
  advice: 'Worth doing',
  good: 'Keep',
};

export function reportView(raw: RunRecord, limits: Limits) {
  // Findings are made of the whole record; what they quote is cleaned with the rest.
  const found = findings(raw);
  const record = cleanRecord(raw, limits);
  const shown = shownEvents(record, limits.events);
  const context = viewContext(record, shown);
  const { links, since } = context;
  const texts = cleanFindings(found, limits);
  const list = texts.map(each => ({ ...each, severityWord: severityWord(each.id, each.severity), links: links(each.events) }));
  const badge = verdictBadge(record);
  const detectors = detectorsView(context);
  const diagnosis = diagnosisView(context);
  const runbook = runbookView(context);
  const change = changeView(context);
  const restore = restoreView(context);
  const timeline = timelineView(context, limits);
  const phases = phasesView(context);
  const checks = checkGroups(context);
  const events = record.events.filter(event => shown.has(event.seq));
  const improve = list.filter(each => each.severity !== 'good');
  const keep = list.filter(each => each.severity === 'good');
  const sections: { id: string; title: string; there: boolean }[] = [
    { id: 'phases', title: 'Phases', there: phases.reached },
    { id: 'findings', title: 'Findings', there: list.length > 0 },
    { id: 'timeline', title: 'Timeline', there: timeline !== undefined },
    { id: 'detectors', title: 'Detectors', there: detectors.length > 0 && record.injected !== undefined },
    { id: 'diagnosis', title: 'Diagnosis', there: diagnosis.length > 0 },
    { id: 'runbook', title: 'Runbook', there: runbook.steps.length > 0 },
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
    mode: record.mode === 'practice' ? 'practice by' : 'automatic drill by',
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
    notes: record.notes.map(note => ({ when: since(note.tMs), text: note.text })),
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

/** Findings quote messages of others too. */
function cleanFindings(list: ReturnType<typeof findings>, limits: Limits): ReturnType<typeof findings> {
  // cleanRecord works on any tree of texts; the record's type is only what it is mostly used for.
  const holder = cleanRecord({ findings: list } as unknown as RunRecord, limits) as unknown as {
    findings: ReturnType<typeof findings>;
  };
  return holder.findings;
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
