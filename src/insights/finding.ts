import type { PhaseName } from '../record/events.ts';

/**
 * `critical`: somebody must act now, or the drill showed that recovery does not work; `warning`: it cost time or missed an objective;
 * `advice`: worth doing; `good`: what worked and should stay.
 */
export type Severity = 'critical' | 'warning' | 'advice' | 'good';

export interface Finding {
  /** Stable, so that two runs can be compared: `detection-objective-missed`. */
  id: string;
  severity: Severity;
  /** What, in one line. */
  title: string;
  /** The figures that justify it. */
  evidence: string;
  /** What to do next. */
  action: string;
  phase: PhaseName | undefined;
  /** Time that it cost, ms, where that is known. */
  costMs: number | undefined;
  /** Numbers of the events that show it. */
  events: number[];
}

/** Drops the event numbers that are not there. */
export function finding(
  id: string,
  severity: Severity,
  title: string,
  evidence: string,
  action: string,
  more: { phase?: PhaseName | undefined; costMs?: number | undefined; events?: readonly (number | undefined)[] } = {},
): Finding {
  return {
    id,
    severity,
    title,
    evidence,
    action,
    phase: more.phase,
    costMs: more.costMs,
    events: [...new Set((more.events ?? []).filter(seq => seq !== undefined))],
  };
}

/** 0.338 → "34 %"; small shares keep a decimal. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value !== 0 && Math.abs(value) < 9.95 ? value.toFixed(1) : Math.round(value)} %`;
}

/** 3.2 → "3.2 times" */
export function times(ratio: number): string {
  return `${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)} times`;
}
