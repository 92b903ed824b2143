import { eventNumber } from '../record/find-event.ts';
import type { DetectorRecord, RunRecord } from '../record/run-record.ts';

/**
 * Signals that a detector gave while nothing was wrong: after the steady state had been shown and before the bad deploy, or still
 * standing when that came. What it told while the target was not yet healthy was right.
 */
export function falseAlarms(record: RunRecord, detector: DetectorRecord): DetectorRecord['signals'] {
  const deployed = record.moments.deployed?.tMs;
  if (deployed === undefined) return [];
  const seq = record.steadyState.before?.ok ? eventNumber(record, 'steady-state.checked') : undefined;
  const healthy = record.events.find(event => event.seq === seq)?.tMs ?? 0;
  return detector.signals.filter(signal => {
    if (signal.tMs >= deployed) return false;
    const cleared = detector.clearedTMs.find(each => each >= signal.tMs) ?? Number.POSITIVE_INFINITY;
    return signal.tMs >= healthy || cleared > deployed;
  });
}
