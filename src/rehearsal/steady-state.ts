import type { EventBody } from '../record/events.ts';
import { durationMs, type ScenarioSpec } from '../scenario/schema.ts';
import type { CheckGroup } from './check-group.ts';
import type { Drill } from './drill.ts';
import { refusedBy } from './ending.ts';
import { expiry } from './expiry.ts';
import type { RoleContext } from './ports.ts';

/**
 * Waits until the steady state has held, and says so.
 * @param drill before it: no detector may fire already
 * @throws RehearseError (refused) when it did not hold in time
 */
export async function holdSteadyState(parts: {
  steady: CheckGroup;
  spec: Pick<ScenarioSpec, 'steadyState'>;
  context: Pick<RoleContext, 'clock' | 'tMs'>;
  emit: (event: EventBody) => void;
  when: 'before' | 'after';
  signal: AbortSignal;
  drill?: Drill;
}): Promise<void> {
  const { steady, spec, context, emit, when, signal, drill } = parts;
  const { clock } = context;
  const timeout = expiry(clock, durationMs(spec.steadyState.timeout), () => new Error('timeout'));
  try {
    await steady.held(durationMs(spec.steadyState.holdFor), {
      clock,
      tMs: () => context.tMs(),
      signal: AbortSignal.any([signal, timeout.signal]),
    });
  } catch (error) {
    signal.throwIfAborted();
    const { checks } = steady.now();
    emit({ type: 'steady-state.checked', when, ok: false, checks });
    throw refusedBy(`the steady state did not hold within ${spec.steadyState.timeout}`, checks, error);
  } finally {
    timeout.cancel();
  }
  const { checks } = steady.now();
  const quiet = drill?.firing() ?? [];
  if (drill) {
    checks.push({
      name: 'detectors quiet',
      ok: quiet.length === 0,
      detail: quiet.length === 0 ? 'no detector fires' : `already firing: ${quiet.join('; ')}`,
      ...(quiet.length === 0
        ? {}
        : {
            remedy: 'a detector that fires before the bad deploy cannot time its detection: fix what it tells, or the detector',
          }),
    });
  }
  const ok = checks.every(check => check.ok);
  emit({ type: 'steady-state.checked', when, ok, checks });
  if (!ok) throw refusedBy('not in a steady state', checks);
}
