/**
 * Drills through a network and a server that fail in every phase, as somebody's staging does on a bad day. How the drill ends is told;
 * whatever it is, the target is as it was, at once or after `rehearse restore`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ConnectedCluster, connect } from '../../src/cluster/connection.ts';
import { provideSandbox } from '../../src/cluster/providers/sandbox.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import { createWorkplace } from '../cli/rehearse.ts';
import { differences, eventTypes, leftovers, look } from '../real-cluster/killing.ts';
import { type Trouble, unreliableProxy } from './unreliable-proxy.ts';

const all = process.env['REHEARSE_TEST_ALL'] !== undefined;
if (!all) console.warn('SKIPPED: drills through an unreliable network: REHEARSE_TEST_ALL is not set');

/** The first event of each phase, from the reads before the drill to its restore. */
const PHASES = ['run.started', 'undo.written', 'fault.injected', 'diagnosis.answered', 'rollback.issued', 'restore.started'];
const LASTS: Record<Trouble, number> = {
  delays: 2500,
  resets: 1500,
  '410': 2500,
  '429': 1500,
  '500': 1500,
  '503': 1500,
  away: 6000,
};

/** The ones that differ most; every one of them, some six minutes, with REHEARSE_TEST_EVERY. */
const TROUBLES: readonly Trouble[] = process.env['REHEARSE_TEST_EVERY']
  ? (Object.keys(LASTS) as Trouble[])
  : ['resets', '429', 'away'];

/** Real Kubernetes, with the demo app in a namespace that is opted in by its label. */
const real = { kubeconfig: process.env['REHEARSE_TEST_KUBECONFIG'], namespace: process.env['REHEARSE_TEST_SHOP'] };
if (!real.kubeconfig || !real.namespace)
  console.warn('SKIPPED: the same on real Kubernetes: REHEARSE_TEST_KUBECONFIG or REHEARSE_TEST_SHOP is not set');

describe.each([
  { kind: 'sandbox', skipped: !all, namespace: 'shop' },
  { kind: 'real', skipped: !all || !real.kubeconfig || !real.namespace, namespace: real.namespace ?? '' },
])('a drill on a bad day on $kind Kubernetes', ({ kind, skipped, namespace }) => {
  let close = async () => {};
  let direct: ConnectedCluster;
  let kubeconfigText: string;
  beforeAll(async () => {
    if (skipped) return;
    if (kind === 'real') {
      kubeconfigText = readFileSync(String(real.kubeconfig), 'utf8');
    } else {
      const sandbox = await provideSandbox({ clock: systemClock, signal: new AbortController().signal });
      close = () => sandbox.close();
      kubeconfigText = readFileSync(sandbox.kubeconfig, 'utf8');
    }
    direct = await connect({ kubeconfigText });
  }, 60_000);
  afterAll(async () => {
    direct?.close();
    await close();
  });

  test.skipIf(skipped).each(TROUBLES)(
    '%s in every phase',
    async trouble => {
      const proxy = await unreliableProxy(kubeconfigText);
      const workplace = createWorkplace();
      const secrets = mkdtempSync(join(tmpdir(), 'rehearse-unreliable-'));
      try {
        const path = join(secrets, 'kubeconfig');
        writeFileSync(path, proxy.kubeconfigText, { mode: 0o600 });
        const staging = [{ context: 'test', server: proxy.url, namespaces: [namespace] }];
        writeFileSync(
          join(workplace.directory, 'rehearse.yaml'),
          stringify({ apiVersion: 'rehearse.dev/v1', kind: 'Config', staging }),
        );
        const before = await look(direct, namespace);
        const drill = workplace.start('run', 'bad-image', '--plain', '--kubeconfig', path, '--context', 'test', '-n', namespace);
        let over = false;
        void drill.ended.then(() => {
          over = true;
        });
        const reached: string[] = [];
        while (!over) {
          const next = eventTypes(workplace.reports).find(type => PHASES.includes(type) && !reached.includes(type));
          if (next !== undefined) {
            reached.push(next);
            await proxy.begin(trouble);
            await Promise.race([sleep(LASTS[trouble]), drill.ended]);
            await proxy.end();
          }
          await sleep(20);
        }
        const { code, stdout, stderr } = await drill.ended;
        const told = `${trouble}, exit code ${code}, phases ${reached.join(', ')}\n${stdout}\n${stderr}`;
        expect([0, 1, 3, 4, 5], told).toContain(code);
        expect(proxy.met, told).toBeGreaterThan(0);
        // A clear end: the run is closed with a reason, and nothing was thrown at the user.
        const record = workplace.record();
        expect(record.verdict.reason, told).not.toBe('');
        expect(stdout + stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
        console.info(
          `${trouble.padEnd(8)} exit code ${code} (${record.verdict.outcome}) ${reached.length} phases: ${record.verdict.reason}`,
        );
        if (code === 5) {
          const restored = await workplace.run('restore');
          expect(restored.code, told + restored.stdout + restored.stderr).toBe(0);
        }
        expect([...differences(before, await look(direct, namespace)), ...(await leftovers(direct, namespace))], told).toEqual(
          [],
        );
        expect(workplace.journals(), told).toEqual([]);
      } finally {
        await proxy.stop();
        workplace.remove();
        rmSync(secrets, { recursive: true, force: true });
      }
    },
    240_000,
  );
});
