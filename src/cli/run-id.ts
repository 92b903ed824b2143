import { randomBytes } from 'node:crypto';

/** `20261122-190501-error-rate-k3f9`: sorts by time (UTC), says the drill, is unique and fits into a Kubernetes name. */
export function runId(scenario: string, now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${stamp}-${scenario.slice(0, 30).replace(/-+$/, '')}-${randomBytes(2).toString('hex')}`;
}
