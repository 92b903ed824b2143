/** The page that lists runs: self-contained and script-free as the report is. */
import type { RunRecord } from '../record/run-record.ts';
import { document } from './report.ts';
import { styleSheet } from './templates.ts';
import { indexView } from './view/index-view.ts';

export interface IndexOptions {
  /** Link to the report of a run, relative to the page. Default `<run-id>/report.html`; undefined for a run without one. */
  href?: (record: RunRecord) => string | undefined;
  /** Runs that could not be read, in words; they are told and not dropped. */
  problems?: readonly string[];
}

/** @returns the HTML document */
export function renderIndex(runs: readonly RunRecord[], options: IndexOptions = {}): string {
  const { href = record => `${encodeURIComponent(record.runId)}/report.html`, problems = [] } = options;
  const view = indexView(
    runs.map(record => ({ record, href: href(record) })),
    problems,
  );
  return document('index', styleSheet(), { ...view, pageTitle: view.title, rehearse: '' });
}
