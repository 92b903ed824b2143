/**
 * SIGKILL in the middle of a drill, then `rehearse restore`, from the same machine and from another: nothing of the drill is left.
 * A few moments only; `scripts/kills.ts` tries every one. On the sandbox with REHEARSE_TEST_ALL; on real Kubernetes with
 * REHEARSE_TEST_KUBECONFIG and REHEARSE_TEST_SHOP, a namespace that holds the demo app and is opted in by its label.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { provideSandbox } from '../../src/cluster/providers/sandbox.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import { type Kill, type KillPlace, killAt } from './killing.ts';

const kubeconfig = process.env['REHEARSE_TEST_KUBECONFIG'];
const namespace = process.env['REHEARSE_TEST_SHOP'];
const all = process.env['REHEARSE_TEST_ALL'] !== undefined;
if (!all) console.warn('SKIPPED: kills on the sandbox: REHEARSE_TEST_ALL is not set');
if (!kubeconfig || !namespace)
  console.warn('SKIPPED: kills on real Kubernetes: REHEARSE_TEST_KUBECONFIG or REHEARSE_TEST_SHOP is not set');

describe.each([
  { kind: 'sandbox' as const, skipped: !all },
  { kind: 'real' as const, skipped: !kubeconfig || !namespace },
])('a drill that is killed on $kind Kubernetes', ({ kind, skipped }) => {
  let place: KillPlace;
  let close: () => Promise<void> = async () => {};
  beforeAll(async () => {
    if (skipped) return;
    const directory = mkdtempSync(join(tmpdir(), 'rehearse-kills-'));
    if (kind === 'real') {
      const { context } = await connect({ kubeconfig: String(kubeconfig) });
      place = { kubeconfig: String(kubeconfig), context, namespace: String(namespace), directory };
    } else {
      const sandbox = await provideSandbox({ clock: systemClock, signal: new AbortController().signal });
      close = () => sandbox.close();
      place = { kubeconfig: sandbox.kubeconfig, context: sandbox.cluster.context, namespace: 'shop', directory };
    }
  }, 60_000);
  afterAll(async () => {
    await close();
    if (place) rmSync(place.directory, { recursive: true, force: true });
  });

  test.skipIf(skipped).each<[Kill['event'], Kill['from'], boolean]>([
    ['undo.written', 'same machine', false],
    ['fault.injected', 'second machine', true],
    ['rollback.issued', 'same machine', true],
    ['restore.started', 'second machine', false],
  ])('after %s, restored from the %s', { timeout: 240_000 }, async (event, from, dirty) => {
    const kill = await killAt(place, 'bad-image', event, from);
    expect(kill?.problems).toEqual([]);
    // Otherwise it was killed too early or too late to prove anything.
    if (dirty) expect(kill?.wasDirty).toBe(true);
  });
});
