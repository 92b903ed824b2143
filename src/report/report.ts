/** The report of one run: one self-contained HTML file, a pure projection of its record. */
import type { RunRecord } from '../record/run-record.ts';

export interface ReportOptions {
  /** Highest size of the file in bytes; outputs and logs are trimmed, with a note, until it fits. Default 300 KiB. */
  maxBytes?: number;
}

/** @returns the HTML document */
export function renderReport(record: RunRecord, _options: ReportOptions = {}): string {
  return `<!doctype html><title>${record.runId}</title>`;
}
