/** The page that lists runs. */
import type { RunRecord } from '../record/run-record.ts';

/** @returns the HTML document; links go to `<run-id>/report.html` beside it */
export function renderIndex(runs: readonly RunRecord[]): string {
  return `<!doctype html><title>${runs.length} runs</title>`;
}
