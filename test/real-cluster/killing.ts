/**
 * Kills a drill at one of its events and restores: the hardest way to end, tried at every moment.
 * Works on any namespace that drills may run in; what was there before is compared with what is there afterwards.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { type ConnectedCluster, connect } from '../../src/cluster/connection.ts';
import { desiredState } from '../../src/cluster/desired-state.ts';
import { objectDiff } from '../../src/cluster/diff.ts';
import { packageFile } from '../../src/package-file.ts';
import type { EventBody } from '../../src/record/events.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';

/** How long a restore may take before it counts as hung. */
const RESTORE_MS = 240_000;
const KINDS = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'DaemonSet'],
  ['v1', 'Service'],
  ['v1', 'ConfigMap'],
] as const;

export interface KillPlace {
  kubeconfig: string;
  context: string;
  namespace: string;
  /** For folders of the runs; the caller removes it. */
  directory: string;
  /** Of the program; the built one of this checkout when left out. */
  program?: string;
}

export interface Kill {
  scenario: string;
  /** It was to be killed right after this event, by its number (probe samples not counted) or its type. */
  event: number | EventBody['type'];
  /** Type of the last event that it wrote. */
  at: string;
  /** From the state folder that the drill wrote to, or from one that knows nothing of it. */
  from: 'same machine' | 'second machine';
  /** Whether an object of the namespace differed from before at the moment of the restore. */
  wasDirty: boolean;
  restoreMs: number;
  /** What is not as it was; empty is clean. */
  problems: string[];
}

interface Seen {
  objects: Map<string, RawObject>;
  history: Set<string>;
}

/** @returns undefined when the drill ended by itself before that event. */
export async function killAt(
  place: KillPlace,
  scenario: string,
  event: Kill['event'],
  from: Kill['from'],
): Promise<Kill | undefined> {
  const cluster = await connect({ kubeconfig: place.kubeconfig, context: place.context });
  try {
    const before = await look(cluster, place.namespace);
    const home = machine(place, cluster, `${scenario}-${event}-a`);
    const target = ['--kubeconfig', place.kubeconfig, '--context', place.context, '--namespace', place.namespace];
    const reports = join(home, 'reports');
    const drill = start(place, home, ['run', scenario, '--plain', '--reports', reports, ...target]);
    const at = await untilEvent(drill, reports, event);
    if (at === undefined) return undefined;
    drill.child.kill('SIGKILL');
    await drill.ended;

    const wasDirty = differences(before, await look(cluster, place.namespace)).length > 0;
    const startedMs = systemClock.monotonicMs();
    const problems: string[] = [];
    const restore = async (from: string, args: string[]) => {
      const { code, output } = await start(place, from, ['restore', ...args], RESTORE_MS).ended;
      if (code !== 0) problems.push(`restore ended with exit code ${code}: ${output.trim()}`);
    };
    if (from === 'second machine') {
      const other = machine(place, cluster, `${scenario}-${event}-b`);
      await restore(other, target);
    }
    const restoreMs = () => Math.round(systemClock.monotonicMs() - startedMs);
    const tookMs = from === 'second machine' ? restoreMs() : undefined;
    // On the machine of the drill too: it finds its own journal, and nothing left to do when somebody restored from elsewhere.
    await restore(home, []);

    problems.push(...differences(before, await look(cluster, place.namespace)), ...(await leftovers(cluster, place.namespace)));
    const journals = join(home, 'state', 'undo');
    if (existsSync(journals) && readdirSync(journals).length > 0) problems.push('an undo journal is left on the machine');
    const processes = ofSession(drill.child.pid as number);
    if (processes.length > 0) problems.push(`processes are left: ${processes.join('; ')}`);
    return { scenario, event, at, from, wasDirty, restoreMs: tookMs ?? restoreMs(), problems };
  } finally {
    cluster.close();
  }
}

/** A home folder of its own, with the opt-in to the place. */
function machine(place: KillPlace, cluster: ConnectedCluster, name: string): string {
  const home = join(place.directory, name);
  mkdirSync(home, { recursive: true });
  const staging = [{ context: place.context, server: cluster.server, namespaces: [place.namespace] }];
  writeFileSync(join(home, 'rehearse.yaml'), stringify({ apiVersion: 'rehearse.dev/v1', kind: 'Config', staging }));
  return home;
}

interface Started {
  child: ChildProcess;
  ended: Promise<{ code: number | null; output: string }>;
}

/** In a session of its own, so that whatever it leaves behind can be told from other processes. */
function start(place: KillPlace, home: string, args: string[], timeoutMs?: number): Started {
  const program = place.program ?? packageFile('dist', 'rehearse.js');
  const child = spawn(process.execPath, [program, ...args], {
    cwd: home,
    detached: true,
    env: { ...process.env, HOME: home, REHEARSE_STATE_DIR: join(home, 'state'), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' as const }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', chunk => {
      output += chunk;
    });
  return { child, ended: new Promise(resolve => child.on('close', code => resolve({ code, output }))) };
}

/** Type of the event after which it is to be killed, as soon as it is in the record; undefined when the drill ended before. */
async function untilEvent(drill: Started, reports: string, event: Kill['event']): Promise<string | undefined> {
  let over = false;
  void drill.ended.then(() => {
    over = true;
  });
  for (;;) {
    const types = eventTypes(reports);
    if ((typeof event === 'number' ? types.length >= event : types.includes(event)) && !over) return types.at(-1);
    if (over) return undefined;
    await systemClock.sleep(5);
  }
}

/** Types of the events that a drill has written so far, without samples of probes. */
export function eventTypes(reports: string): string[] {
  const run = existsSync(reports) ? readdirSync(reports).find(name => /^\d{8}-/.test(name)) : undefined;
  const file = join(reports, run ?? '', 'events.ndjson');
  if (run === undefined || !existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap(line => /"type":"([^"]+)"/.exec(line)?.[1] ?? [])
    .filter(type => type !== 'probe.sampled');
}

export async function look(cluster: ConnectedCluster, namespace: string): Promise<Seen> {
  const lists = await Promise.all(KINDS.map(([apiVersion, kind]) => cluster.list({ apiVersion, kind }, { namespace })));
  const history = await Promise.all(
    ['ReplicaSet', 'ControllerRevision'].map(kind => cluster.list({ apiVersion: 'apps/v1', kind }, { namespace })),
  );
  return {
    objects: new Map(lists.flatMap(list => list.items).map(object => [`${object.kind}/${object.metadata.name}`, object])),
    history: new Set(history.flatMap(list => list.items).map(({ kind, metadata }) => `${kind}/${metadata.name}`)),
  };
}

export function differences(before: Seen, after: Seen): string[] {
  const problems: string[] = [];
  for (const [name, object] of before.objects) {
    const now = after.objects.get(name);
    if (!now) problems.push(`${name} is gone`);
    else if (now.metadata.uid !== object.metadata.uid) problems.push(`${name} is another object: its uid changed`);
    else if (!isDeepStrictEqual(desiredState(now), desiredState(object)))
      problems.push(`${name} differs:\n${objectDiff(object, now)}`);
  }
  for (const name of after.objects.keys()) if (!before.objects.has(name)) problems.push(`${name} is new`);
  for (const name of after.history) if (!before.history.has(name)) problems.push(`${name} is left in the history`);
  for (const name of before.history) if (!after.history.has(name)) problems.push(`${name} is gone from the history`);
  return problems;
}

export async function leftovers(cluster: ConnectedCluster, namespace: string): Promise<string[]> {
  const lists = await Promise.all(
    [
      ['v1', 'Secret'],
      ['coordination.k8s.io/v1', 'Lease'],
    ].map(([apiVersion, kind]) => cluster.list({ apiVersion: String(apiVersion), kind: String(kind) }, { namespace })),
  );
  return lists
    .flatMap(list => list.items)
    .filter(({ metadata }) => metadata.name.startsWith('rehearse-'))
    .map(({ kind, metadata }) => `${kind}/${metadata.name} is left`);
}

/** Processes of a session, from /proc; none where there is no /proc. */
function ofSession(session: number): string[] {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return Number(fields[3]) === session && fields[0] !== 'Z' ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}
