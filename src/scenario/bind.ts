/** Binds a scenario to the workload that it is run on: its own, or a target of rehearse.yaml. */
import { EXIT, RehearseError } from '../errors/errors.ts';
import { abortText } from './abort-text.ts';
import type { CheckSpec, ProbeSpec, Scenario } from './schema.ts';

/** A workload of somebody's, and how its users reach it. */
export interface BindingTarget {
  namespace: string;
  workload: string;
  container?: string | undefined;
  probe?: { service: string; port: number | string; path: string; expectStatus: number } | undefined;
}

export interface BoundScenario {
  scenario: Scenario;
  /** `deployment/payments`. */
  workload: string;
  /** What of the scenario does not apply to the target, for people. */
  notes: string[];
}

/**
 * With a target, what the scenario leaves open is the target's. What it says of another workload (which service is asked, decoys) does not
 * hold for the target and is replaced or left out. The scenario given is not changed.
 * @throws RehearseError (usage) when something is still open.
 */
export function bindScenario(given: Scenario, target: BindingTarget | undefined): BoundScenario {
  const scenario = structuredClone(given);
  const { spec, metadata } = scenario;
  const own = spec.target.workload;
  const notes: string[] = [];
  if (target) {
    const foreign = own !== undefined && own !== target.workload;
    spec.target = { ...spec.target, namespace: target.namespace, workload: target.workload };
    if (target.container !== undefined && 'kind' in spec.fault && takesContainer(spec.fault))
      spec.fault.container ??= target.container;
    bindProbes(scenario, target, foreign, notes);
    if (foreign) leaveOutOthers(scenario, notes);
  }
  const { workload } = spec.target;
  if (workload === undefined)
    throw unbound(`scenario ${metadata.name} names no workload`, 'bind it to a target of rehearse.yaml: --target NAME');
  const open = spec.probes.find(probe => probe.service === undefined && probe.url === undefined);
  if (open)
    throw unbound(
      `probe ${open.name} of scenario ${metadata.name} names neither a service nor a url`,
      'bind the scenario to a target of rehearse.yaml that has a `probe`: --target NAME',
    );
  if (spec.fault.kind === 'service' && spec.fault.service === undefined) {
    const service = spec.probes.find(probe => probe.service !== undefined)?.service;
    if (service === undefined)
      throw unbound(`the fault of scenario ${metadata.name} names no service`, 'name it, or give the target a `probe`');
    spec.fault.service = service;
  }
  return { scenario, workload, notes };
}

function takesContainer(fault: Scenario['spec']['fault']): fault is Extract<typeof fault, { container?: string | undefined }> {
  return fault.kind !== 'config' && fault.kind !== 'service';
}

function bindProbes({ spec, metadata }: Scenario, target: BindingTarget, foreign: boolean, notes: string[]): void {
  const isOpen = (probe: ProbeSpec) => probe.url === undefined && (foreign || probe.service === undefined);
  const open = spec.probes.filter(isOpen);
  if (open.length === 0) return;
  const { probe } = target;
  if (probe) {
    // Several of them would all ask the same: one is enough.
    const [first, ...others] = open;
    for (const one of open)
      Object.assign(one, { service: probe.service, port: probe.port, path: probe.path, expectStatus: probe.expectStatus });
    if (foreign && first) Object.assign(first, { method: 'GET', body: undefined });
    if (first && others.length > 0) {
      moveAbortConditions(spec, others, first, probe.service, notes);
      leaveOutProbes(spec, others, metadata.name);
    }
    return;
  }
  refuseLostLimits(spec, open, metadata.name);
  leaveOutProbes(spec, open, metadata.name);
  notes.push(
    `the target has no probe: only what Kubernetes shows of it tells that it is broken (left out: ${open.map(({ name }) => name).join(', ')})`,
  );
}

/** Limits of what a drill may cost hold for the target too: its one probe takes over those of the probes that it stands for. */
function moveAbortConditions(
  spec: Scenario['spec'],
  from: readonly ProbeSpec[],
  to: ProbeSpec,
  service: string,
  notes: string[],
): void {
  const gone = new Set(from.map(({ name }) => name));
  for (const condition of spec.abort) {
    if (!gone.has(condition.probe)) continue;
    notes.push(
      `abort condition ${abortText(condition)}: the target has no such probe, it is judged by probe ${to.name}, which asks service ${service}`,
    );
    condition.probe = to.name;
  }
}

/** Nobody's limit is dropped without their word. */
function refuseLostLimits(spec: Scenario['spec'], probes: readonly ProbeSpec[], name: string): void {
  const lost = spec.abort.filter(condition => probes.some(probe => probe.name === condition.probe));
  if (lost.length > 0)
    throw unbound(
      `scenario ${name} is to be ended by what the target has no probe for: ${lost.map(abortText).join('; ')}`,
      'give the target a `probe`: how users reach it; or run a copy of the scenario without these `abort` conditions',
    );
}

function leaveOutProbes(spec: Scenario['spec'], probes: readonly ProbeSpec[], name: string): void {
  const gone = new Set(probes.map(probe => probe.name));
  const stays = (item: { kind: string; probe?: string }) => item.kind !== 'probe' || !gone.has(item.probe ?? '');
  spec.probes = spec.probes.filter(probe => !gone.has(probe.name));
  spec.detectors = spec.detectors.filter(stays);
  spec.steadyState.checks = spec.steadyState.checks.filter(stays) as CheckSpec[];
  spec.verification.checks = spec.verification.checks.filter(stays) as CheckSpec[];
  for (const [what, list] of [
    ['detector', spec.detectors],
    ['check of the steady state', spec.steadyState.checks],
    ['check of the verification', spec.verification.checks],
  ] as const) {
    if (list.length === 0)
      throw unbound(`scenario ${name} has no ${what} without a probe`, 'give the target a `probe`: how users reach it');
  }
}

function leaveOutOthers({ spec }: Scenario, notes: string[]): void {
  if (spec.decoys.length > 0)
    notes.push(`decoys left out, they are of another app: ${spec.decoys.map(decoy => decoy.workload).join(', ')}`);
  spec.decoys = [];
  for (const detector of spec.detectors) if (detector.kind === 'conditions') delete detector.workloads;
}

function unbound(message: string, hint: string): RehearseError {
  return new RehearseError(message, { exitCode: EXIT.usage, hint });
}
