import type { ConnectedCluster } from '../cluster/connection.ts';
import type { UndoJournal } from '../cluster/undo-journal.ts';
import { createProbe } from '../detection/probe.ts';
import { CheckGroup } from '../rehearsal/check-group.ts';
import { systemClock } from '../rehearsal/clock.ts';
import { holdSteadyState } from '../rehearsal/steady-state.ts';
import { scenarioSchema } from '../scenario/schema.ts';
import { createCheck } from '../verification/checks.ts';

/**
 * Checks the steady state of a run's scenario again, without the scenario: by what its journal knows of it.
 * Resolves with words when it holds, or when it cannot be checked.
 * @throws an error that says which check does not hold
 */
export async function steadyAgain(cluster: ConnectedCluster, journal: UndoJournal, signal: AbortSignal): Promise<string> {
  const { spec } = scenarioSchema.shape;
  const known = spec.pick({ probes: true, steadyState: true }).safeParse({
    probes: journal.steadyState?.probes,
    steadyState: journal.steadyState?.spec,
  });
  if (!journal.steadyState || !known.success)
    return 'the steady state was not checked: the journal does not know the checks of the scenario';
  const probes = new Map(known.data.probes.map(probe => [probe.name, createProbe(probe)]));
  const steady = new CheckGroup(known.data.steadyState.checks.map(check => createCheck(check, probes)));
  const startedMs = systemClock.monotonicMs();
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const context = {
    cluster: cluster.separate(),
    clock: systemClock,
    tMs: () => systemClock.monotonicMs() - startedMs,
    namespace: journal.namespace,
    target: journal.steadyState.target,
    emit() {},
    log: { debug() {}, info() {}, warn() {} },
  };
  try {
    for (const probe of probes.values()) await probe.start(context, until, () => {});
    await steady.start(context, until);
    await holdSteadyState({ steady, spec: known.data, context, emit() {}, when: 'after', signal: until });
    return `the steady state holds: ${steady
      .now()
      .checks.map(check => check.detail)
      .join('; ')}`;
  } finally {
    ended.abort();
    context.cluster.close();
  }
}
