/** How a rehearsal can end, and the errors that say why it was refused. */
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { CheckResult, Outcome } from '../record/events.ts';

/** Why the drill ended before its time, carried as the reason of an abort. */
export class DrillEnded extends Error {
  readonly outcome: Extract<Outcome, 'interrupted' | 'missed'>;
  constructor(outcome: 'interrupted' | 'missed', message: string) {
    super(message);
    this.name = 'DrillEnded';
    this.outcome = outcome;
  }
}

export interface RehearsalResult {
  outcome: Outcome;
  exitCode: number;
  reason: string;
}

export const EXIT_CODES: Record<Outcome, number> = {
  met: EXIT.met,
  missed: EXIT.missed,
  refused: EXIT.refused,
  error: EXIT.error,
  'not-restored': EXIT.notRestored,
  interrupted: EXIT.interrupted,
};

export function refused(message: string, cause: unknown): RehearseError {
  return new RehearseError(`${message}: ${(cause as Error).message}`, {
    exitCode: EXIT.refused,
    hint: cause instanceof RehearseError && cause.hint ? cause.hint : 'nothing was injected',
    cause,
  });
}

export function refusedBy(message: string, checks: readonly CheckResult[], cause?: unknown): RehearseError {
  const failed = checks.filter(check => !check.ok);
  const remedies = failed.flatMap(check => (check.remedy ? [check.remedy] : []));
  return new RehearseError(`${message}: ${failed.map(check => check.detail).join('; ')}`, {
    exitCode: EXIT.refused,
    hint: [...new Set(remedies)].join('\n') || 'nothing was injected',
    cause,
  });
}
