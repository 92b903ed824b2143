/** The ways back, by their `kind` in a scenario. */
import type { Rollback } from '../rehearsal/ports.ts';
import type { RollbackSpec } from '../scenario/schema.ts';
import { createRolloutUndo } from './rollout-undo.ts';

export function createRollback(spec: RollbackSpec): Rollback {
  switch (spec.kind) {
    case 'rollout-undo':
      return createRolloutUndo();
  }
}
