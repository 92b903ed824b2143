import { objectText } from '../record/event-text.ts';
import type { RunRecord } from '../record/run-record.ts';
import type { Reporter, ReportFiles, Screen } from './reporter.ts';

export const SUMMARY_VERSION = 1;

/** What `--json` prints: one object on one line. Times are ms. Fields are added, never changed, within a version. */
export interface RunSummary {
  type: 'summary';
  version: typeof SUMMARY_VERSION;
  runId: string;
  scenario: string;
  outcome: RunRecord['verdict']['outcome'];
  exitCode: number | undefined;
  reason: string;
  startedAt: string;
  /** t4 - t0; absent when the service was not restored by the drill. */
  recoveryMs: number | undefined;
  recoveryObjectiveMs: number | undefined;
  /** Absent fields: never finished, no objective. */
  phases: Record<string, { durationMs: number | undefined; objectiveMs: number | undefined; met: boolean | undefined }>;
  alertToCommandMs: number | undefined;
  /** ms after t0; absent when it never told. */
  detectors: { name: string; kind: string; afterDeployMs: number | undefined; first: boolean }[];
  diagnosis: { correct: boolean; answers: number; suspect: string | undefined; revision: string | undefined };
  runbook: { steps: number; passed: number; failed: number; skipped: number };
  /** Absent when nothing was injected. */
  restored: boolean | undefined;
  /** Paths of the HTML report, run.json and events.ndjson. */
  report: string;
  record: string;
  events: string;
}

function runSummary(record: RunRecord, files: ReportFiles): RunSummary {
  const { answers } = record.diagnosis;
  const answer = answers.find(one => one.correct) ?? answers.at(-1);
  const [suspect] = answer?.suspects ?? [];
  const { steps } = record.runbook;
  /** Tenths are what a run can tell apart. */
  const ms = (value: number | undefined) => (value === undefined ? undefined : Math.round(value * 10) / 10);
  const count = (...outcomes: string[]) => steps.filter(step => outcomes.includes(step.outcome)).length;
  return {
    type: 'summary',
    version: SUMMARY_VERSION,
    runId: record.runId,
    scenario: record.scenario.name,
    outcome: record.verdict.outcome,
    exitCode: record.verdict.exitCode,
    reason: record.verdict.reason,
    startedAt: record.startedAt,
    recoveryMs: ms(record.recovery.durationMs),
    recoveryObjectiveMs: record.recovery.objectiveMs,
    phases: Object.fromEntries(
      Object.entries(record.phases).map(([name, { durationMs, objectiveMs, met }]) => [
        name,
        { durationMs: ms(durationMs), objectiveMs, met },
      ]),
    ),
    alertToCommandMs: ms(record.alertToCommandMs),
    detectors: record.detectors.map(({ name, kind, afterDeployMs, first }) => ({
      name,
      kind,
      afterDeployMs: ms(afterDeployMs),
      first,
    })),
    diagnosis: {
      correct: answers.some(one => one.correct),
      answers: answers.length,
      suspect: suspect && objectText(suspect.workload),
      revision: suspect?.revision,
    },
    runbook: {
      steps: steps.length,
      passed: count('passed'),
      failed: count('failed', 'timed-out', 'interrupted', 'unfinished'),
      skipped: count('skipped'),
    },
    restored: record.restore?.proven,
    report: files.report,
    record: `${files.directory}/run.json`,
    events: `${files.directory}/events.ndjson`,
  };
}

export interface JsonOptions {
  /** Every event as a line of its own before the summary, as in events.ndjson. */
  events?: boolean;
  /** Where messages for people go: standard error, so that standard output is JSON alone. */
  messages?: Pick<Screen, 'write'>;
}

/** For programs: standard output is JSON, one object a line, the summary last. */
export function createJsonReporter(screen: Pick<Screen, 'write'>, options: JsonOptions = {}): Reporter {
  return {
    onEvent(event) {
      if (options.events) screen.write(`${JSON.stringify(event)}\n`);
    },
    say: text => options.messages?.write(`${text}\n`),
    finish: (record, files) => screen.write(`${JSON.stringify(runSummary(record, files))}\n`),
    close() {},
  };
}
