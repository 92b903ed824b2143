/**
 * The same changes on the sandbox and on real Kubernetes, side by side.
 *
 * Without a real cluster the sandbox is held against what one did: test/fidelity/recorded, Kubernetes 1.34.4. With `REHEARSE_TEST_KUBECONFIG`
 * the changes are made on that cluster too, one after the other; what it did that is not recorded yet is added, and docs/fidelity.md is written anew.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageFile } from '../../src/package-file.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { CHANGES, type Change } from './changes.ts';
import { fidelityPage, isKnown } from './page.ts';
import { runChange } from './run-change.ts';
import { compareStories, type Difference, type Story, tellStory } from './story.ts';

const RECORDED = packageFile('test/fidelity/recorded');
const realCluster = process.env.REHEARSE_TEST_KUBECONFIG;
const kubectl = process.env.REHEARSE_TEST_KUBECTL ?? 'kubectl';
/** Runs of one change on the sandbox, until one goes as a recorded one went. */
const MOST_TRIES = 3;
/** Changes made at the same time on the sandbox; a real cluster gets one at a time. */
const AT_ONCE = 8;

function hasKubectl(): boolean {
  try {
    execFileSync(kubectl, ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const recordingOf = (change: Change): string => join(RECORDED, `${change.id}.json`);

/** Runs of the real cluster, newest last. */
const recorded = (change: Change): Story[] => JSON.parse(readFileSync(recordingOf(change), 'utf8'));

/** Keeps a run that went another way than those before. */
function record(change: Change, story: Story): void {
  mkdirSync(RECORDED, { recursive: true });
  const before = existsSync(recordingOf(change)) ? recorded(change) : [];
  if (before.some(each => compareStories([each], story).length === 0)) return;
  writeFileSync(recordingOf(change), `${JSON.stringify([...before, story], undefined, 1)}\n`);
}

async function tell(kubeconfig: string, change: Change): Promise<Story> {
  const { sightings, changedAt } = await runChange({ kubeconfig, kubectl }, change);
  return tellStory(sightings, changedAt);
}

const runnable = hasKubectl();
if (!runnable) process.stderr.write('fidelity: skipped, there is no kubectl on the PATH\n');
else if (!realCluster)
  process.stderr.write('fidelity: against the recordings; set REHEARSE_TEST_KUBECONFIG to compare with a live cluster\n');

describe.skipIf(!runnable)('the sandbox does what Kubernetes does', () => {
  let sandbox: Sandbox;
  const directory = mkdtempSync(join(tmpdir(), 'rehearse-sandbox-'));
  const told = new Map<string, Promise<Story>>();
  const differences = new Map<string, Difference[]>();

  beforeAll(async () => {
    sandbox = await startSandbox({ directory });
    const waiting = [...CHANGES];
    const resolvers = new Map<string, (story: Promise<Story>) => void>();
    for (const { id } of CHANGES) told.set(id, new Promise(resolve => resolvers.set(id, resolve)));
    const work = async (): Promise<void> => {
      for (let change = waiting.shift(); change; change = waiting.shift()) {
        const story = tell(sandbox.kubeconfigPath, change);
        resolvers.get(change.id)?.(story);
        await story.catch(() => {});
      }
    };
    for (let i = 0; i < AT_ONCE; i++) void work();
  }, 30_000);

  afterAll(async () => {
    if (realCluster && differences.size === CHANGES.length) {
      const server = JSON.parse(
        execFileSync(kubectl, ['--kubeconfig', realCluster, 'version', '-o', 'json'], { encoding: 'utf8' }),
      );
      writeFileSync(packageFile('docs/fidelity.md'), fidelityPage(CHANGES, differences, server.serverVersion.gitVersion));
    }
    await sandbox?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 30_000);

  test.each(CHANGES.map(change => [change.title, change] as const))(
    '%s',
    async (_, change) => {
      if (realCluster) record(change, await tell(realCluster, change));
      const compare = (story: Story): Difference[] => compareStories(recorded(change), story);
      const unexplained = (found: Difference[]): Difference[] => found.filter(difference => !isKnown(change.id, difference));
      let found = compare(await (told.get(change.id) as Promise<Story>));
      // Several pods that start at once are ready in any order and company, there as here: what depends on that gets further tries.
      for (let tries = 1; tries < MOST_TRIES && unexplained(found).length > 0; tries++) {
        found = compare(await tell(sandbox.kubeconfigPath, change));
      }
      differences.set(change.id, found);
      expect(unexplained(found)).toEqual([]);
    },
    180_000,
  );
});
