/** What a schema cannot say: that names meet, that times fit together. */
import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Problem } from '../yaml/problem.ts';
import { suggestion } from '../yaml/suggest.ts';
import { durationMs } from './schema.ts';

export interface ScenarioPlace {
  file: string;
  /** What the runbook's path is relative to; undefined: it is not looked for. */
  folder: string | undefined;
}

type Path = readonly PropertyKey[];
type Fields = Record<string, unknown>;

const fieldsOf = (value: unknown): Fields =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {};
const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** ms of a duration that may be left out or wrong: the schema tells of that. */
function msOf(value: unknown, whenLeftOut?: string): number | undefined {
  try {
    return durationMs(textOf(value ?? whenLeftOut) ?? '');
  } catch {
    return undefined;
  }
}

/** @param input a scenario as it was read, with whatever mistakes the schema finds in it. */
export function scenarioProblems(input: unknown, place: ScenarioPlace): Problem[] {
  const spec = fieldsOf(fieldsOf(input).spec);
  return [
    ...nameProblems(fieldsOf(fieldsOf(input).metadata), place),
    ...probeProblems(spec),
    ...decoyProblems(spec),
    ...timeProblems(spec),
    ...faultProblems(spec),
    ...runbookProblems(spec, place),
  ];
}

function nameProblems(metadata: Fields, { file }: ScenarioPlace): Problem[] {
  const name = textOf(metadata.name);
  const fileName = basename(file).replace(/\.ya?ml$/, '');
  if (name === undefined || !/\.ya?ml$/.test(file) || name === fileName || !/^[a-z0-9-]+$/.test(name)) return [];
  return [
    {
      path: ['metadata', 'name'],
      at: 'value',
      message: `the name is ${JSON.stringify(name)}, the file's is ${JSON.stringify(fileName)}`,
      hint: 'give both the same, so that the scenario is found by its name',
    },
  ];
}

function probeProblems(spec: Fields): Problem[] {
  const problems: Problem[] = [];
  const names = listOf(spec.probes).map(probe => textOf(probe.name));
  problems.push(...repeated(names, ['spec', 'probes'], 'probe'));
  const known = [...new Set(names.filter(name => name !== undefined))];

  const refer = (items: unknown, path: Path) => {
    for (const [index, item] of listOf(items).entries()) {
      const probe = textOf(item.probe);
      if (probe === undefined || known.includes(probe)) continue;
      problems.push({
        path: [...path, index, 'probe'],
        at: 'value',
        message: `there is no probe ${JSON.stringify(probe)}`,
        hint: suggestion(probe, known),
      });
    }
  };
  refer(fieldsOf(spec.steadyState).checks, ['spec', 'steadyState', 'checks']);
  refer(fieldsOf(spec.verification).checks, ['spec', 'verification', 'checks']);
  refer(spec.detectors, ['spec', 'detectors']);
  refer(spec.abort, ['spec', 'abort']);

  const detectors = listOf(spec.detectors).map(
    detector => textOf(detector.name) ?? textOf(detector.probe) ?? textOf(detector.kind),
  );
  problems.push(...repeated(detectors, ['spec', 'detectors'], 'detector'));
  return problems;
}

function repeated(names: readonly (string | undefined)[], path: Path, what: string): Problem[] {
  return names.flatMap((name, index): Problem[] =>
    name === undefined || names.indexOf(name) === index
      ? []
      : [
          {
            path: [...path, index, 'name'],
            at: 'value',
            message: `a second ${what} is called ${JSON.stringify(name)}`,
            hint: 'names are unique, so that the report can tell them apart',
          },
        ],
  );
}

function decoyProblems(spec: Fields): Problem[] {
  const target = textOf(fieldsOf(spec.target).workload);
  const badImage = fieldsOf(spec.fault).kind === 'image' ? textOf(fieldsOf(spec.fault).image) : undefined;
  return listOf(spec.decoys).flatMap((decoy, index): Problem[] => {
    const path = ['spec', 'decoys', index];
    const problems: Problem[] = [];
    if (target !== undefined && decoy.workload === target) {
      problems.push({
        path: [...path, 'workload'],
        at: 'value',
        message: `a decoy on the target ${target} would be part of the fault`,
        hint: 'choose another workload',
      });
    }
    if (badImage !== undefined && decoy.image === badImage) {
      problems.push({ path: [...path, 'image'], at: 'value', message: `${badImage} is the bad image; a decoy must be harmless` });
    }
    if (Object.keys(decoy).length > 0 && decoy.image === undefined && decoy.env === undefined) {
      problems.push({
        path: [...path, 'image'],
        at: 'missing',
        message: 'this decoy changes nothing',
        hint: 'give it an `image` or `env`',
      });
    }
    return problems;
  });
}

function timeProblems(spec: Fields): Problem[] {
  const problems: Problem[] = [];
  const shorter = (path: Path, shortMs: number | undefined, longMs: number | undefined, message: string) => {
    if (shortMs !== undefined && longMs !== undefined && shortMs >= longMs) problems.push({ path, at: 'value', message });
  };
  const steady = fieldsOf(spec.steadyState);
  const verification = fieldsOf(spec.verification);
  const limits = fieldsOf(spec.limits);
  const at = (path: Path, given: unknown, otherwise: Path) => (given === undefined ? otherwise : path);

  shorter(
    at(['spec', 'steadyState', 'holdFor'], steady.holdFor, ['spec', 'steadyState', 'timeout']),
    msOf(steady.holdFor, '2s'),
    msOf(steady.timeout, '30s'),
    'steady state: `holdFor` must be shorter than `timeout`, otherwise it can never hold',
  );
  shorter(
    at(['spec', 'verification', 'stableFor'], verification.stableFor, ['spec', 'verification', 'timeout']),
    msOf(verification.stableFor, '5s'),
    msOf(verification.timeout, '90s'),
    'verification: `stableFor` must be shorter than `timeout`, otherwise nothing can ever be verified',
  );
  shorter(
    at(['spec', 'limits', 'detection'], limits.detection, ['spec', 'limits', 'total']),
    msOf(limits.detection, '90s'),
    msOf(limits.total, '5m'),
    'limits: `detection` must be shorter than `total`',
  );
  for (const [index, probe] of listOf(spec.probes).entries()) {
    const slo = fieldsOf(probe.slo);
    const interval = msOf(probe.interval, '100ms');
    const window = msOf(slo.window, '2s');
    const least = typeof slo.minRequests === 'number' ? slo.minRequests : 10;
    if (interval === 0)
      problems.push({ path: ['spec', 'probes', index, 'interval'], at: 'value', message: '`interval` must be longer than 0' });
    else if (interval !== undefined && window !== undefined && window / interval < least) {
      const path = [
        'spec',
        'probes',
        index,
        ...(probe.slo === undefined ? ['interval'] : slo.minRequests === undefined ? ['slo'] : ['slo', 'minRequests']),
      ];
      problems.push({
        path,
        at: 'value',
        message: `a window of ${window} ms holds fewer than the ${least} requests that are needed to judge: this probe could never tell`,
        hint: 'a longer `window`, a shorter `interval`, or fewer `minRequests`',
      });
    }
  }
  return problems;
}

function faultProblems(spec: Fields): Problem[] {
  const fault = fieldsOf(spec.fault);
  const path = ['spec', 'fault'];
  const nothing = (given: unknown) => given === undefined || Object.keys(fieldsOf(given)).length === 0;
  const empty = (key: string, hint: string): Problem[] => [
    { path: [...path, key], at: 'missing', message: 'this fault changes nothing', hint },
  ];
  switch (fault.kind) {
    case 'command':
      return fault.command === undefined && fault.args === undefined ? empty('command', 'give it a `command` or `args`') : [];
    case 'resources':
      return nothing(fault.requests) && nothing(fault.limits) ? empty('requests', 'give it `requests` or `limits`') : [];
    case 'env':
      return fault.env !== undefined && nothing(fault.env) ? empty('env', 'set or remove a variable') : [];
    case 'config':
      return fault.data !== undefined && nothing(fault.data) ? empty('data', 'set or remove a key') : [];
    case 'service':
      return [
        ...(fault.targetPort === undefined && nothing(fault.selector)
          ? empty('selector', 'give it a wrong `selector` or `targetPort`')
          : []),
        ...(fieldsOf(spec.rollback).kind === 'rollout-undo'
          ? [
              {
                path: ['spec', 'rollback', 'kind'],
                at: 'value' as const,
                message: 'a Service keeps no revisions: `rollout-undo` cannot bring it back',
                hint: 'use `reapply`',
              },
            ]
          : []),
      ];
    default:
      return [];
  }
}

function runbookProblems(spec: Fields, { folder }: ScenarioPlace): Problem[] {
  const runbook = textOf(spec.runbook);
  if (folder === undefined || runbook === undefined || runbook.includes('\0')) return [];
  const path = resolve(folder, runbook);
  if (existsSync(path) && statSync(path).isFile()) return [];
  return [
    {
      path: ['spec', 'runbook'],
      at: 'value',
      message: `there is no runbook ${JSON.stringify(runbook)}`,
      hint: `looked for ${path}`,
    },
  ];
}
