/** What a rehearsal says of itself before it does anything. Pure. */
import type { EventBody } from '../record/events.ts';
import { durationMs } from '../scenario/schema.ts';
import type { RehearsalOptions } from './options.ts';

type Body<Type extends EventBody['type']> = Extract<EventBody, { type: Type }>;

export function runStarted(options: RehearsalOptions): Body<'run.started'> {
  const { scenario, path, digest } = options.scenario;
  const { metadata, spec } = scenario;
  return {
    type: 'run.started',
    version: 1,
    runId: options.runId,
    rehearse: options.rehearse,
    scenario: {
      name: metadata.name,
      title: metadata.title,
      description: metadata.description,
      path,
      digest,
      tags: metadata.tags,
      ...(metadata.hypothesis === undefined ? {} : { hypothesis: metadata.hypothesis }),
    },
    ...options.play,
    operator: options.operator,
    objectives: Object.fromEntries(
      Object.entries(spec.objectives).flatMap(([phase, text]) => (text === undefined ? [] : [[phase, durationMs(text)]])),
    ),
    environment: options.environment,
  };
}

export function planMade(options: RehearsalOptions): Body<'plan.made'> {
  const { roles, scenario, target } = options;
  const { spec } = scenario.scenario;
  const { runbook } = roles;
  return {
    type: 'plan.made',
    target,
    fault: { kind: roles.fault.kind, summary: roles.fault.summary },
    detectors: roles.detectors.map(({ name, kind, summary }) => ({ name, kind, summary })),
    rollback: { kind: roles.rollback.kind, summary: roles.rollback.summary },
    verification: {
      stableForMs: durationMs(spec.verification.stableFor),
      checks: roles.verification.map(({ name, summary }) => ({ name, summary })),
    },
    probes: [...roles.probes.values()].map(({ name, summary, intervalMs, errorRateLimit, latencyLimitMs }) => ({
      name,
      summary,
      intervalMs,
      errorRateLimit,
      ...(latencyLimitMs === undefined ? {} : { latencyLimitMs }),
    })),
    ...(runbook && !runbook.opensLater
      ? {
          runbook: {
            path: runbook.path,
            title: runbook.title,
            digest: runbook.digest,
            owners: [...runbook.owners],
            steps: runbook.stepCount,
            outline: [...runbook.outline],
          },
        }
      : {}),
  };
}
