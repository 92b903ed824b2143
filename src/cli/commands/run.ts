import { relative, resolve } from 'node:path';
import pino from 'pino';
import { listCandidates } from '../../cluster/candidates.ts';
import { clockSkew, connect } from '../../cluster/connection.ts';
import { createEvidence } from '../../cluster/evidence.ts';
import { usersKubeconfig } from '../../cluster/kubeconfig.ts';
import type { ProvidedCluster } from '../../cluster/providers/provided-cluster.ts';
import { createSafetyNet } from '../../cluster/safety-net.ts';
import { createTargetObserver } from '../../cluster/target-observer.ts';
import { stateDirectory } from '../../cluster/undo-journal.ts';
import { workloadRef } from '../../cluster/workloads.ts';
import { createDetector } from '../../detection/detectors.ts';
import { createProbe } from '../../detection/probe.ts';
import { createDiagnosis } from '../../diagnosis/diagnosis.ts';
import { createDecoy, createFault, faultedObject } from '../../faults/faults.ts';
import { hintsFor } from '../../insights/hints.ts';
import { scoreOf, scoreText } from '../../insights/score.ts';
import type { RehearsalEvent } from '../../record/events.ts';
import { foldEvents } from '../../record/fold.ts';
import type { RunRecord } from '../../record/run-record.ts';
import { createRunStore, REPORT_FILE, type RunStore } from '../../record/store.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import type { Decoy, Roles } from '../../rehearsal/options.ts';
import type { Probe, Runbook } from '../../rehearsal/ports.ts';
import { runRehearsal } from '../../rehearsal/rehearsal.ts';
import { renderReport } from '../../report/report.ts';
import { createRollback } from '../../rollback/rollbacks.ts';
import { chooseRunbook } from '../../runbook/choose.ts';
import type { RunbookEnvironment } from '../../runbook/environment.ts';
import { loadPlainRunbook } from '../../runbook/load.ts';
import { durationMs } from '../../scenario/schema.ts';
import { createCheck } from '../../verification/checks.ts';
import { bind, type ClusterArguments } from '../bind.ts';
import { type Interrupts, listenForInterrupts } from '../interrupts.ts';
import { permissionsOf } from '../needs.ts';
import { announceOrphans } from '../orphans.ts';
import { packageVersion } from '../package-version.ts';
import { choosePlay, type Play, type PlayArguments } from '../play.ts';
import { previousRuns } from '../previous-runs.ts';
import { provide } from '../provide.ts';
import { INDEX_HREF, writeIndex } from '../report-index.ts';
import { chooseScreens, type Screens } from '../reporter-choice.ts';
import { runId } from '../run-id.ts';
import { loadScenarioRunbook, runbookPath } from '../scenario-runbook.ts';

export interface RunArguments extends PlayArguments, ClusterArguments {
  reports: string;
  json: boolean;
  plain: boolean;
  breakGlassKubeconfig?: string | undefined;
  breakGlassContext?: string | undefined;
}

/** `rehearse run`: everything is checked before anything is started; from then on a report is written whatever happens. */
export async function run(args: RunArguments): Promise<void> {
  const play = await choosePlay(args);
  const { loaded, blind } = play;
  const bound = await bind(loaded.scenario, args);
  loaded.scenario = bound.scenario;
  // Its mistakes are told before anything is started.
  await loadScenarioRunbook(loaded, { tags: loaded.scenario.metadata.tags });
  const breakGlass = await breakGlassAccess(args);
  const id = runId(blind ? 'blind' : loaded.scenario.metadata.name, systemClock.now());
  const store = createRunStore(resolve(args.reports, id), { sealed: blind !== undefined });
  // Written before anything is started: a full disk or a folder without permission is told now, not after the drill.
  const log = pino({ level: 'debug', base: null, timestamp: pino.stdTimeFunctions.isoTime }, store.openLog());
  const screens = chooseScreens(args, play, process);
  const { reporter } = screens;
  const interrupts = listenForInterrupts(text => reporter.say(text));
  try {
    await announceOrphans(stateDirectory(process.env), text => reporter.say(text));
    if (blind) reporter.say(`blind drill: one of ${blind.candidates.length} scenarios, sealed until the end`);
    else for (const note of bound.notes) reporter.say(note);
    process.exitCode = await rehearse({ args, play, bound, id, store, log, screens, interrupts, breakGlass });
  } finally {
    reporter.close();
    interrupts.stop();
    store.close();
  }
}

interface RunParts {
  args: RunArguments;
  play: Play;
  bound: Awaited<ReturnType<typeof bind>>;
  id: string;
  store: RunStore;
  log: pino.Logger;
  screens: Screens;
  interrupts: Interrupts;
  breakGlass: RunbookEnvironment['breakGlass'];
}

async function rehearse(parts: RunParts): Promise<number> {
  const { args, play, bound, id, store, log, interrupts } = parts;
  const { reporter } = parts.screens;
  const { blind, loaded, operator } = play;
  const { spec, metadata } = loaded.scenario;
  const { namespace } = spec.target;
  const provided = await provide({
    ...args,
    context: bound.context,
    signal: interrupts.interrupt,
    onProgress: text => reporter.say(text),
    log: (message, details) => log.debug({ part: 'sandbox', ...details }, message),
  });
  try {
    const { cluster } = provided;
    if (play.mode === 'practice') reporter.say(ownTools(provided, namespace));
    const target = workloadRef(bound.workload, namespace);
    const faulted = faultedObject(spec.fault, namespace);
    const roles = await createRoles(parts, provided);
    const events: RehearsalEvent[] = [];
    const result = await runRehearsal({
      runId: id,
      rehearse: packageVersion(),
      // Paths in a report are those a reader can follow: from where the drill was started.
      scenario: { ...loaded, path: relative(process.cwd(), loaded.path) },
      operator,
      ...(blind ? { quietMs: blind.quietMs } : {}),
      play: {
        mode: play.mode,
        ...(blind ? { blind: { seed: blind.seed, scenarios: blind.common.scenarios } } : {}),
        ...(play.roles.length > 0 ? { roles: play.roles } : {}),
      },
      environment: {
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        provider: provided.provider,
        context: cluster.context,
        server: cluster.server,
        kubernetes: provided.kubernetes,
        namespace,
      },
      target: faulted ?? target,
      workload: target,
      cluster,
      clock: systemClock,
      roles,
      safety: createSafetyNet({
        cluster,
        clock: systemClock,
        target,
        namespace,
        runId: id,
        scenario: metadata.name,
        operator,
        provider: provided.provider,
        kubeconfig: provided.kubeconfig,
        optIns: provided.optIns,
        stateDir: stateDirectory(process.env),
        ...(blind ? { blind: { directory: store.directory } } : {}),
        byHand: play.mode === 'practice',
        onTrouble: message => log.warn(message),
        steadyState: { target, probes: spec.probes, spec: spec.steadyState },
      }),
      observer: createTargetObserver(cluster, target, {
        tolerate: spec.target.tolerate,
        decoys: spec.decoys.map(decoy => workloadRef(decoy.workload, namespace)),
        // Whoever may speak to the sandbox may do everything.
        permissions:
          provided.provider === 'sandbox'
            ? []
            : permissionsOf(loaded.scenario, bound.workload, { practice: play.mode === 'practice', blind: blind !== undefined }),
        ...(faulted === undefined ? {} : { faulted }),
      }),
      onWrite: listener => cluster.onWrite(listener),
      clockSkew: async () => ({ source: 'API server', ...(await clockSkew(cluster, systemClock)) }),
      record(event) {
        store.append(event);
        events.push(event);
        reporter.onEvent(event);
        if (event.type !== 'probe.sampled') log.info(event, event.type);
      },
      interrupt: interrupts.interrupt,
      abandon: interrupts.abandon,
      log,
    });
    store.unseal();
    const record = foldEvents(events);
    store.writeRecord(record);
    const previous = previousRuns(resolve(args.reports), record);
    const report = store.writeFile(REPORT_FILE, renderReport(record, { indexHref: INDEX_HREF, previous }));
    writeIndex(resolve(args.reports));
    if (blind) for (const line of blindResult(record)) reporter.say(line);
    reporter.finish(record, { report, directory: store.directory });
    return result.exitCode;
  } finally {
    await provided.close();
  }
}

/** How people reach the cluster with their own tools, in another window. */
function ownTools({ provider, kubeconfig, cluster }: ProvidedCluster, namespace: string): string {
  return provider === 'sandbox' && kubeconfig !== undefined
    ? `your own tools, in another window: export KUBECONFIG=${kubeconfig}; kubectl -n ${namespace} get pods`
    : `your own tools, in another window: kubectl --context ${cluster.context} -n ${namespace} get pods`;
}

/** What a blind drill has for its players beside what every drill tells. Only now the seed: with it the same drill can be had elsewhere. */
function blindResult(record: RunRecord): string[] {
  const score = scoreOf(record);
  return [
    `It was ${record.scenario.name}: ${record.scenario.title}. The same once more: --seed ${record.blind?.seed}`,
    ...(score ? [`Score: ${score.points} of ${score.of}`, ...scoreText(score)] : []),
  ];
}

async function createRoles(parts: RunParts, provided: ProvidedCluster): Promise<Roles> {
  const { spec } = parts.play.loaded.scenario;
  const { cluster } = provided;
  const { namespace } = spec.target;
  const probes = new Map<string, Probe>(spec.probes.map(probe => [probe.name, createProbe(probe)]));
  const decoys = spec.decoys.map(
    (decoy): Decoy => ({
      target: workloadRef(decoy.workload, namespace),
      fault: createDecoy(decoy),
      when: decoy.when,
      byMs: durationMs(decoy.by),
    }),
  );
  return {
    fault: createFault(spec.fault),
    decoys,
    probes,
    detectors: spec.detectors.map(detector => createDetector(detector, probes)),
    diagnosis: createDiagnosis(spec.diagnosis, probes),
    rollback: createRollback(spec.rollback, faultedObject(spec.fault, namespace)),
    steadyState: spec.steadyState.checks.map(check => createCheck(check, probes)),
    verification: spec.verification.checks.map(check => createCheck(check, probes)),
    runbook: await createRunbook(parts, provided),
    show: createEvidence(cluster, systemClock, namespace, probes),
    candidates: () => listCandidates(cluster, namespace),
    hints: hintsFor({
      specHints: spec.practice.hints,
      target: faultedObject(spec.fault, namespace) ?? workloadRef(parts.bound.workload, namespace),
      others: decoys.map(decoy => decoy.target),
    }),
  };
}

/** The scenario's; in a blind drill one of those that could be meant, opened after the alert. */
async function createRunbook(
  { play, id, screens, breakGlass }: RunParts,
  provided: ProvidedCluster,
): Promise<Runbook | undefined> {
  const { loaded, blind, roles } = play;
  const { spec, metadata } = loaded.scenario;
  const environment: RunbookEnvironment = {
    runId: id,
    roles,
    blind: blind !== undefined,
    // They are of the scenario: steps that come, or are answered, by them would tell which one it is.
    ...(blind ? {} : { tags: metadata.tags, answers: spec.answers }),
    ...('container' in spec.fault && spec.fault.container !== undefined ? { container: spec.fault.container } : {}),
    ...(provided.kubeconfig === undefined ? {} : { kubeconfig: provided.kubeconfig }),
    ...(breakGlass === undefined ? {} : { breakGlass }),
  };
  const { person } = screens;
  if (blind && person)
    return chooseRunbook(
      blind.candidates.flatMap(one => runbookPath(one) ?? []),
      { ...environment, person },
    );
  const book = await loadScenarioRunbook(loaded, { ...environment, ...(person ? { person } : {}) });
  return book ?? (person ? loadPlainRunbook({ ...environment, person }) : undefined);
}

/** @throws RehearseError (usage) */
async function breakGlassAccess(args: RunArguments): Promise<RunbookEnvironment['breakGlass']> {
  const { breakGlassKubeconfig: kubeconfig, breakGlassContext: context } = args;
  if (kubeconfig === undefined && context === undefined) return undefined;
  const { context: current } = await connect({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  });
  return { kubeconfig: kubeconfig ?? usersKubeconfig(process.env), context: current };
}
