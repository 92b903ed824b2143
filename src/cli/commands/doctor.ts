import { access, constants } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { readConfig } from '../../cluster/config.ts';
import { clockSkew } from '../../cluster/connection.ts';
import { permissionCheck } from '../../cluster/permissions.ts';
import type { ProvidedCluster } from '../../cluster/providers/provided-cluster.ts';
import { isAbandoned, localJournals, stateDirectory } from '../../cluster/undo-journal.ts';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import type { CheckResult } from '../../record/events.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import type { BoundScenario } from '../../scenario/bind.ts';
import { loadScenario } from '../../scenario/load.ts';
import { bind, type ClusterArguments, placeOf } from '../bind.ts';
import { damagedJournal } from '../damaged-journal.ts';
import { executable } from '../executable.ts';
import { packageVersion } from '../package-version.ts';
import { placeOfDrill } from '../place.ts';
import { provide } from '../provide.ts';

type Status = 'ok' | 'warning' | 'failed' | 'skipped';

interface Diagnosed {
  group: string;
  name: string;
  status: Status;
  detail: string;
  remedy?: string;
}

/** Leases and deadlines of two machines are compared by their clocks. */
const SKEW_LIMIT_MS = 5000;
/** policy/v1 and autoscaling/v2 are there from this minor version on. */
const OLDEST_MINOR = 23;

/** Every check that stands between here and a drill, each with what was seen and what to do. Exit code 3 when one fails. Changes nothing. */
export async function doctor(args: ClusterArguments & { scenario?: string | undefined; output: 'text' | 'json' }): Promise<void> {
  const found: Diagnosed[] = [];
  const add = (group: string, results: readonly CheckResult[]) => {
    for (const { name, ok, detail, remedy } of results)
      found.push({ group, name, status: ok ? 'ok' : 'failed', detail, ...(remedy === undefined ? {} : { remedy }) });
  };
  const place = await placeOf(args);
  const scenario = args.scenario ?? (args.target === undefined ? undefined : 'bad-image');
  const bound =
    scenario === undefined && place.context === undefined
      ? undefined
      : await bind((await loadScenario(scenario ?? 'error-rate')).scenario, args);

  found.push(...(await machine()), await configuration(args.config));
  if (bound === undefined || place.context === undefined) {
    found.push({
      group: 'cluster',
      name: 'cluster',
      status: 'ok',
      detail: 'the embedded sandbox; name another with --context and --namespace, or with --target, to have it checked',
    });
  } else {
    await cluster(bound, { ...args, context: place.context }, scenario !== undefined, found, add);
  }

  const failed = found.filter(({ status }) => status === 'failed').length;
  process.stdout.write(
    args.output === 'json'
      ? `${JSON.stringify({ ok: failed === 0, rehearse: packageVersion(), checks: found }, null, 2)}\n`
      : text(found, failed),
  );
  if (failed > 0) process.exitCode = EXIT.refused;
}

async function machine(): Promise<Diagnosed[]> {
  const group = 'this machine';
  const tool = async (name: string, needed: Status, why: string): Promise<Diagnosed> => {
    const path = await executable(name, process.env);
    return path === undefined
      ? { group, name, status: needed, detail: 'not on the PATH', remedy: `install it: ${why}` }
      : { group, name, status: 'ok', detail: path };
  };
  const folder = stateDirectory(process.env);
  const problem = await notWritable(folder);
  const journals = await localJournals(folder);
  const damaged = await Promise.all(journals.filter(({ journal }) => !journal).map(damagedJournal));
  const orphans = journals.flatMap(({ journal }) =>
    journal && journal.provider !== 'sandbox' && isAbandoned(journal, { host: hostname(), now: systemClock.now() })
      ? [journal.runId]
      : [],
  );
  return [
    { group, name: 'Node.js', status: 'ok', detail: process.version },
    await tool('kubectl', 'warning', 'runbooks whose steps run kubectl need it; drills themselves do not'),
    await tool('kind', 'skipped', 'only for a cluster of your own on this machine'),
    await tool('docker', 'skipped', 'only for a cluster of your own on this machine'),
    {
      group,
      name: 'undo journal',
      status: problem === undefined ? 'ok' : 'failed',
      detail: problem ?? `${folder} can be written`,
      ...(problem === undefined ? {} : { remedy: 'set REHEARSE_STATE_DIR to a folder that can be written' }),
    },
    {
      group,
      name: 'orphans',
      status: orphans.length === 0 ? 'ok' : 'failed',
      detail:
        orphans.length === 0
          ? `no run of this machine${damaged.length === 0 ? '' : ' whose journal can be read'} is left unrestored`
          : `not restored: ${orphans.join(', ')}`,
      ...(orphans.length === 0 ? {} : { remedy: 'rehearse restore' }),
    },
    ...damaged.map(
      ({ path, problem: why, remedy }): Diagnosed => ({
        group,
        name: 'damaged journal',
        status: 'failed',
        detail: `${path} cannot be read: ${why}`,
        remedy,
      }),
    ),
  ];
}

/** Why a folder could not be written or made; undefined when it could. */
async function notWritable(folder: string): Promise<string | undefined> {
  try {
    await access(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(folder) !== folder;
    return missing ? notWritable(dirname(folder)) : (error as Error).message;
  }
}

async function configuration(path: string): Promise<Diagnosed> {
  const { staging, targets } = await readConfig(path);
  const names = Object.keys(targets);
  return {
    group: 'this machine',
    name: 'rehearse.yaml',
    status: 'ok',
    detail:
      staging.length === 0 && names.length === 0
        ? `${path} opts nothing in`
        : `opted in: ${staging.map(entry => `${entry.context} (${entry.namespaces.join(', ')})`).join('; ') || 'nothing'}; targets: ${names.join(', ') || 'none'}`,
  };
}

async function cluster(
  bound: BoundScenario,
  args: ClusterArguments & { context: string },
  withTarget: boolean,
  found: Diagnosed[],
  add: (group: string, results: readonly CheckResult[]) => void,
): Promise<void> {
  const group = 'connection';
  let provided: ProvidedCluster;
  try {
    provided = await provide({ ...args, signal: new AbortController().signal, onProgress: () => {} });
  } catch (error) {
    if (!(error instanceof RehearseError)) throw error;
    found.push({
      group,
      name: 'API server',
      status: 'failed',
      detail: error.message,
      ...(error.hint === undefined ? {} : { remedy: error.hint }),
    });
    return;
  }
  try {
    found.push(
      { group, name: 'API server', status: 'ok', detail: `${provided.cluster.server}, context ${provided.cluster.context}` },
      version(provided.kubernetes),
      await skew(provided),
    );
    const place = placeOfDrill(bound, provided);
    const guard = await place.guard();
    add('staging guard', guard.checks);
    const skip = (name: string, detail: string) => found.push({ group: 'target', name, status: 'skipped', detail });
    if (!guard.allowed) {
      skip('target and permissions', 'not looked at: the guard refuses, and a refused cluster is asked for nothing more');
    } else if (!withTarget) {
      skip('target and permissions', 'name a scenario to have its target and the permissions that it needs checked');
    } else {
      add(`target ${bound.workload}`, await place.preflight());
      add('permissions', [permissionCheck(await place.permissions())]);
    }
  } finally {
    await provided.close();
  }
}

function version(kubernetes: string): Diagnosed {
  const minor = Number(/^v1\.(\d+)/.exec(kubernetes)?.[1] ?? Number.NaN);
  const known = minor >= OLDEST_MINOR;
  return {
    group: 'connection',
    name: 'version',
    status: known ? 'ok' : 'failed',
    detail: `Kubernetes ${kubernetes}`,
    ...(known ? {} : { remedy: `rehearse needs Kubernetes 1.${OLDEST_MINOR} or newer` }),
  };
}

async function skew({ cluster }: ProvidedCluster): Promise<Diagnosed> {
  const { skewMs, uncertaintyMs } = await clockSkew(cluster, systemClock);
  const far = Math.abs(skewMs) - uncertaintyMs > SKEW_LIMIT_MS;
  return {
    group: 'connection',
    name: 'clock skew',
    status: far ? 'warning' : 'ok',
    detail: `the server's clock is ${(skewMs / 1000).toFixed(1)} s (± ${(uncertaintyMs / 1000).toFixed(1)} s) ahead of this machine's`,
    ...(far ? { remedy: 'set the clock of this machine: times of server and runner are compared in the report' } : {}),
  };
}

const MARKS: Record<Status, string> = { ok: 'ok', warning: 'warning', failed: 'FAILED', skipped: 'skipped' };

function text(found: readonly Diagnosed[], failed: number): string {
  const width = Math.max(...found.map(({ name }) => name.length));
  const lines: string[] = [];
  let group = '';
  for (const { group: of, name, status, detail, remedy } of found) {
    if (of !== group) lines.push(...(group === '' ? [] : ['']), of);
    group = of;
    lines.push(`  ${MARKS[status].padEnd(7)}  ${name.padEnd(width)}  ${detail}`);
    if (remedy !== undefined && status !== 'ok')
      lines.push(...remedy.split('\n').map(line => `${' '.repeat(13 + width)}→ ${line}`));
  }
  lines.push('', failed === 0 ? 'ready' : `${failed} of ${found.length} checks failed: a drill would be refused`);
  return `${lines.join('\n')}\n`;
}
