import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createRunStore, REPORT_FILE, readRuns } from '../record/store.ts';
import { renderIndex } from '../report/index-page.ts';

/** Where a run's report finds the index, seen from the run's folder. */
export const INDEX_HREF = '../index.html';

/** Renders `index.html` over every run in the folder; returns its path and the folders that could not be read. */
export function writeIndex(reports: string): { path: string; problems: string[] } {
  const { runs, problems } = readRuns(reports);
  // A run that was killed has a record but no report, until `rehearse report` renders it.
  const hrefs = new Map(
    runs
      .filter(({ directory }) => existsSync(join(directory, REPORT_FILE)))
      .map(({ directory, record }) => [record.runId, `${encodeURIComponent(basename(directory))}/${REPORT_FILE}`]),
  );
  const page = renderIndex(
    runs.map(({ record }) => record),
    { href: record => hrefs.get(record.runId), problems },
  );
  return { path: createRunStore(reports).writeFile('index.html', page), problems };
}
