import { formatDuration } from '../record/duration.ts';
import type { MomentName, PhaseName } from '../record/events.ts';
import { durationMs, type ScenarioSpec } from '../scenario/schema.ts';
import type { Moments } from './moments.ts';

/** Each phase lies between two moments (the measurement contract). */
const PHASES: readonly { phase: PhaseName; from: MomentName; to: MomentName }[] = [
  { phase: 'detection', from: 'deployed', to: 'detected' },
  { phase: 'diagnosis', from: 'detected', to: 'diagnosed' },
  { phase: 'rollback', from: 'diagnosed', to: 'rolled-back' },
  { phase: 'verification', from: 'rolled-back', to: 'restored' },
];

/** What was not met, in words; a phase that never ended misses its objective, and the drill as a whole. */
export function missedObjectives(objectives: ScenarioSpec['objectives'], moments: Pick<Moments, 'get'>): string[] {
  const spans = [...PHASES, { phase: 'total' as const, from: 'deployed' as const, to: 'restored' as const }];
  return spans.flatMap(({ phase, from, to }) => {
    const start = moments.get(from);
    const end = moments.get(to);
    const objective = objectives[phase];
    if (!start || !end) return phase === 'total' ? ['the drill never reached t4'] : [];
    if (objective === undefined) return [];
    const took = end.tMs - start.tMs;
    return took > durationMs(objective) ? [`${phase} took ${formatDuration(took)}, objective ${objective}`] : [];
  });
}
