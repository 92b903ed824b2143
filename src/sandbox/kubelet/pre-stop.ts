import type { LifecycleHandler } from 'kubernetes-types/core/v1.js';
import type { SandboxClock } from '../registry/resources.ts';
import { type ProbeTarget, runProbe } from './probe.ts';

/**
 * Runs a preStop hook within the grace period (ms). Resolves with a FailedPreStopHook message when it failed, never rejects: the
 * container is stopped in either case.
 */
export async function runPreStop(
  hook: LifecycleHandler & { sleep?: { seconds: number } },
  graceMs: number,
  target: ProbeTarget & { clock: SandboxClock },
): Promise<string | undefined> {
  const { sleep, exec, httpGet } = hook;
  if (sleep) {
    await new Promise<void>(resolve => target.clock.after(Math.min(sleep.seconds * 1000, graceMs), resolve));
    return undefined;
  }
  const timeoutSeconds = Math.max(1, Math.ceil(graceMs / 1000));
  const outcome = await runProbe({ ...(exec ? { exec } : {}), ...(httpGet ? { httpGet } : {}), timeoutSeconds }, target);
  return outcome.ok ? undefined : `PreStopHook failed: ${outcome.message}`;
}
