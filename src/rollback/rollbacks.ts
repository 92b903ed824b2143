/** The ways back, by their `kind` in a scenario. */
import type { ObjectRef } from '../record/events.ts';
import type { Rollback } from '../rehearsal/ports.ts';
import type { RollbackSpec } from '../scenario/schema.ts';
import { createReapply } from './reapply.ts';
import { createRolloutUndo } from './rollout-undo.ts';

/** @param faulted what the bad deploy changes, when that is not the target itself */
export function createRollback(spec: RollbackSpec, faulted?: ObjectRef): Rollback {
  switch (spec.kind) {
    case 'rollout-undo':
      return createRolloutUndo();
    case 'reapply':
      return createReapply(faulted);
  }
}
