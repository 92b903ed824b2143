import { join } from 'node:path';
import { createRunStore, readRuns } from '../record/store.ts';
import { renderIndex } from '../report/index-page.ts';

/** Renders `index.html` over every run in the folder; returns its path and the folders that could not be read. */
export function writeIndex(reports: string): { path: string; problems: string[] } {
  const { runs, problems } = readRuns(reports);
  createRunStore(reports).writeFile('index.html', renderIndex(runs.map(({ record }) => record)));
  return { path: join(reports, 'index.html'), problems };
}
