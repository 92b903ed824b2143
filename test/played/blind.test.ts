/** Whole blind drills, searched while they run for anything that gives the answer away. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packageFile } from '../../src/package-file.ts';
import { drawScenario } from '../../src/scenario/draw.ts';
import { type LoadedScenario, listScenarios, loadScenario } from '../../src/scenario/load.ts';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';
import { type Exposed, exposedFiles, exposedObjects, exposedProcesses } from './leaks.ts';

const DRILL = 240_000;
const DRAWN = 'error-rate';
const TARGET = 'payments';
const BAD_IMAGE = 'rehearse/shop:1.5.0';

let workplace: Workplace;
let temporary: string;
let scenario: LoadedScenario;
beforeEach(async () => {
  workplace = createWorkplace();
  temporary = join(workplace.directory, 'tmp');
  mkdirSync(temporary);
  scenario = await loadScenario(DRAWN);
});
afterEach(() => workplace.remove());

/** One with which the scenario is drawn that this test knows, after a short quiet time. */
async function seed(): Promise<number> {
  const names = (await listScenarios()).map(({ name }) => name);
  for (let candidate = 0; ; candidate++) {
    const { drawn, quietMs } = drawScenario(names, name => name, candidate);
    if (drawn === DRAWN && quietMs < 8000) return candidate;
  }
}

interface Drill {
  child: ChildProcess;
  output(): string;
  /** Waits for it in what was written since the last `type`. */
  seen(pattern: RegExp): Promise<void>;
  type(line: string): void;
  ended: Promise<number | null>;
}

function start(...args: string[]): Drill {
  const child = spawn(process.execPath, [packageFile('dist', 'rehearse.js'), ...args], {
    cwd: workplace.directory,
    env: { ...workplace.environment, TMPDIR: temporary },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let read = 0;
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => (output += chunk));
  let over = false;
  const ended = new Promise<number | null>(resolve => child.on('close', resolve)).finally(() => {
    over = true;
  });
  return {
    child,
    ended,
    output: () => output,
    async seen(pattern) {
      while (!pattern.test(output.slice(read))) {
        if (over) throw new Error(`it ended before ${pattern} was seen:\n${output}`);
        await delay(50);
      }
    },
    type(line) {
      read = output.length;
      child.stdin?.write(`${line}\n`);
    },
  };
}

/** What only the author of the scenario can have written. */
function authorsWords(): RegExp {
  const { metadata } = scenario.scenario;
  const words = [DRAWN, metadata.title, (metadata.hypothesis ?? '').slice(0, 40), scenario.digest, 'fault.injected', 'decoy'];
  return new RegExp(`${words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')}|\\bfault\\b`, 'i');
}

/** Evidence is on the cluster and in its pods, for everybody; anywhere else these names would be ours to hide. */
const TELLING = new RegExp(`${BAD_IMAGE}|deployment/${TARGET}`, 'i');
const isEvidence = ({ place }: Exposed) => /^(pod|process|cluster: (Pod|ReplicaSet|Deployment|Event))$/.test(place);

async function exposed(drill: Drill): Promise<Exposed[]> {
  const found = readdirSync(temporary)
    .map(name => join(temporary, name, 'kubeconfig'))
    .find(path => existsSync(path));
  return [
    ...exposedFiles('run folder', workplace.reports),
    ...exposedFiles('state', join(workplace.directory, 'state')),
    ...exposedFiles('temporary', temporary),
    ...exposedProcesses(drill.child.pid as number),
    ...(found === undefined ? [] : await exposedObjects(found).catch(() => [])),
    { place: 'terminal', name: 'output', text: drill.output() },
  ];
}

/** Where something that gives it away was found. */
function leaks(all: readonly Exposed[]): string[] {
  const words = authorsWords();
  // Leases lie beside every workload; the one of the target must be one of many.
  const leases = all.filter(
    ({ place, name }) => place === 'cluster: Lease' && /^rehearse-(deployment|statefulset|daemonset)-/.test(name),
  );
  const told = all.flatMap(one => {
    const evidence = isEvidence(one) || (one.place === 'terminal' && /detected/.test(one.text));
    const found = words.exec(one.text) ?? (evidence ? null : TELLING.exec(one.text));
    return found ? [`${one.place}: ${found[0]} in ${one.name}`] : [];
  });
  return leases.length === 1 ? [...told, `cluster: Lease: ${leases[0]?.name}`] : told;
}

/** Looks twice a second until told to stop. */
function search(drill: Drill) {
  const found = new Set<string>();
  const looked: { at: number; places: Set<string> }[] = [];
  let stopped = false;
  const searching = (async () => {
    while (!stopped) {
      const all = await exposed(drill);
      // What is told when it is over is no leak.
      if (stopped) break;
      for (const leak of leaks(all)) found.add(leak);
      looked.push({ at: Date.now(), places: new Set(all.map(({ place }) => place)) });
      await delay(500);
    }
  })();
  return {
    looked,
    /** Waits until it has looked everywhere that often since now. */
    async times(count: number) {
      const until = looked.length + count + 1;
      while (looked.length < until && !stopped) await delay(100);
    },
    async stop() {
      stopped = true;
      await searching;
      return [...found];
    },
  };
}

describe('a blind drill', () => {
  test(
    'gives nothing away while it runs, and everything when it is over',
    async () => {
      const drill = start('run', '--blind', '--seed', String(await seed()), '--as', 'mira');
      const searched = search(drill);
      await drill.seen(/waiting for an alert/);
      const onCall = Date.now();
      await drill.seen(/Which runbook/);
      await searched.times(1);
      drill.type('2');
      await drill.seen(/Enter/);
      drill.type('hint');
      await drill.seen(/points/);
      drill.type('cause');
      await drill.seen(/Which workload/);
      drill.type('deployment/frontend');
      await drill.seen(/Which of its changes|How do you know/);
      if (/Which of its changes/.test(drill.output())) {
        drill.type('1');
        await drill.seen(/How do you know/);
      }
      drill.type('it shows the errors');
      await drill.seen(/Whether it is right shows at the end/);
      await searched.times(2);
      const found = await searched.stop();
      drill.type('quit');
      await drill.seen(/End the drill/);
      drill.type('yes');
      expect(await drill.ended, drill.output()).toBe(130);

      expect(found).toEqual([]);
      const record = workplace.record();
      const deployedAt = Date.parse(record.moments.deployed?.at ?? '');
      // It was searched before and after the deploy, in every place that there is.
      expect(searched.looked.filter(({ at }) => at < deployedAt).length).toBeGreaterThan(2);
      expect(searched.looked.filter(({ at }) => at > deployedAt).length).toBeGreaterThan(2);
      expect([...(searched.looked.at(-1)?.places ?? [])]).toEqual(
        expect.arrayContaining(['run folder', 'state', 'temporary', 'process', 'terminal', 'cluster: Secret', 'cluster: Lease']),
      );
      // Being asked to wait does not tell that there is something to wait for.
      expect(deployedAt - onCall).toBeGreaterThan(3000);

      expect(drill.output()).toContain(`It was ${DRAWN}: ${scenario.scenario.metadata.title}`);
      expect(drill.output()).toMatch(/−10 {2}Wrong diagnosis .* deployment\/frontend/);
      expect(drill.output()).toMatch(/−\d+ {2}Hint 1 was taken/);
      const folder = join(workplace.reports, readdirSync(workplace.reports).find(name => name.includes('-blind-')) as string);
      expect(readdirSync(folder).sort()).toEqual(['events.ndjson', 'rehearse.log', 'report.html', 'run.json']);
      expect(record).toMatchObject({ scenario: { name: DRAWN }, operator: 'mira', restore: { proven: true } });
      // The safety net put it back; nobody rolled back.
      expect(record.moments).not.toHaveProperty('rollback-issued');
      expect(record.rollback).toBeUndefined();
      expect(record.diagnosis.answers).toMatchObject([{ by: 'mira', correct: false }]);
      expect(workplace.journals()).toEqual([]);
    },
    DRILL,
  );

  test(
    'killed in the middle, its record can be opened, and not before',
    async () => {
      const drill = start('run', '--blind', '--seed', String(await seed()));
      await drill.seen(/Which runbook/);
      const id = readdirSync(workplace.reports).find(name => name.includes('-blind-')) as string;
      const early = await workplace.run('report', id);
      expect(early.code).toBe(2);
      expect(early.stderr).toContain('still running');
      expect(readdirSync(join(workplace.reports, id)).sort()).toEqual(['events.sealed', 'log.sealed']);
      expect((await workplace.run('restore')).stdout).not.toMatch(authorsWords());
      drill.child.kill('SIGKILL');
      await drill.ended;
      const { code, stderr } = await workplace.run('report');
      expect(code, stderr).toBe(0);
      expect(readFileSync(join(workplace.reports, id, 'report.html'), 'utf8')).toContain(scenario.scenario.metadata.title);
      expect(existsSync(join(workplace.reports, id, 'events.sealed'))).toBe(false);
      expect(workplace.record()).toMatchObject({ verdict: { outcome: 'unfinished' }, injected: { target: { name: TARGET } } });
    },
    DRILL,
  );

  test(
    'the search finds what a drill tells that is not blind, in every place that a blind one has to hide',
    async () => {
      const drill = start('run', DRAWN, '--plain');
      const searched = search(drill);
      await drill.seen(/bad deploy is live/);
      await searched.times(1);
      const found = (await searched.stop()).map(leak => /^(cluster: \w+|[\w ]+)/.exec(leak)?.[0]);
      drill.child.kill('SIGINT');
      await drill.ended;
      expect([...new Set(found)].sort()).toEqual([
        'cluster: Lease',
        'cluster: Secret',
        'process',
        'run folder',
        'state',
        'terminal',
      ]);
    },
    DRILL,
  );
});
