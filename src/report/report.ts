/**
 * The report of one run: one self-contained HTML file, a pure projection of its record (and of earlier
 * ones that it is compared with). No script, no request, no inline style;
 * its Content-Security-Policy allows the one style sheet by its hash and nothing else.
 */
import { createHash } from 'node:crypto';
import type { RunRecord } from '../record/run-record.ts';
import { styleSheet, template } from './templates.ts';
import { LIMITS, type Limits } from './text.ts';
import { reportView } from './view/report-view.ts';

export interface ReportOptions {
  /** Highest size of the file in bytes; outputs, lists and the log are trimmed, with a note, until it fits. Default 300 000. */
  maxBytes?: number;
  /** Where the page that lists runs is, seen from this file; no link when left out. */
  indexHref?: string;
  /** Earlier runs of the same runbook, the one to compare with first; their times are compared, and expected times are taken from all. */
  previous?: readonly RunRecord[];
}

/** @returns the HTML document */
export function renderReport(record: RunRecord, options: ReportOptions = {}): string {
  const { maxBytes = 300_000, indexHref = '', previous = [] } = options;
  const style = styleSheet();
  const page = (limits: Limits, trimmed: boolean) =>
    document('report', style, { ...reportView(record, previous, limits), indexHref, trimmed });
  let html = '';
  for (const [level, limits] of LIMITS.entries()) {
    html = page(limits, level > 0);
    if (Buffer.byteLength(html) <= maxBytes) break;
  }
  return html;
}

/** A page: the template's output with the style sheet and the policy that allows exactly it. */
export function document(name: string, style: string, view: object): string {
  const hash = createHash('sha256').update(style).digest('base64');
  return template(name)({
    ...view,
    style,
    csp: `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`,
  });
}
