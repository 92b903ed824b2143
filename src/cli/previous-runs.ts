import { sameRunbook } from '../insights/runbook-times.ts';
import type { RunRecord } from '../record/run-record.ts';
import { readRuns } from '../record/store.ts';

/** Figures of more runs than these say little about how things are done now. */
const MOST = 20;

/** Earlier runs of the same runbook in the reports folder: first those done the same way, by people or by nobody; newest first. */
export function previousRuns(reports: string, record: RunRecord): RunRecord[] {
  const earlier = readRuns(reports)
    .runs.map(run => run.record)
    .filter(run => run.runId !== record.runId && run.startedAt < record.startedAt && sameRunbook(run, record))
    // A drill that was refused or broke off before the deploy followed no step.
    .filter(run => run.moments.deployed !== undefined && run.runbook.steps.length > 0);
  const alike = (run: RunRecord) => run.mode === record.mode;
  return [...earlier.filter(alike), ...earlier.filter(run => !alike(run))].slice(0, MOST);
}
