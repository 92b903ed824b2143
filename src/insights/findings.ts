/**
 * What a run teaches: each finding with the figure that justifies it and one concrete next action.
 * Pure; the order is the order to read them in.
 */
import type { RunRecord } from '../record/run-record.ts';
import { detectionFindings } from './detection-findings.ts';
import type { Finding, Severity } from './finding.ts';
import { phaseFindings } from './phase-findings.ts';
import { practiceFindings } from './practice-findings.ts';
import { runFindings } from './run-findings.ts';
import { runbookFindings } from './runbook-findings.ts';

export type { Finding, Severity } from './finding.ts';

const ORDER: readonly Severity[] = ['critical', 'warning', 'advice', 'good'];

/** Worst first; what endangers the target before what the drill showed; within one severity, what cost most time first. */
export function findings(record: RunRecord): Finding[] {
  const all = [
    ...runFindings(record),
    ...detectionFindings(record),
    ...phaseFindings(record),
    ...runbookFindings(record),
    ...practiceFindings(record),
  ];
  const cost = (each: Finding) => (each.severity === 'critical' ? 0 : (each.costMs ?? 0));
  return all.sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || cost(b) - cost(a));
}
