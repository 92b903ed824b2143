import { userInfo } from 'node:os';
import { join, relative, resolve } from 'node:path';
import pino from 'pino';
import { listCandidates } from '../../cluster/candidates.ts';
import { clockSkew } from '../../cluster/connection.ts';
import { createEvidence } from '../../cluster/evidence.ts';
import type { ProvidedCluster } from '../../cluster/providers/provided-cluster.ts';
import { createSafetyNet } from '../../cluster/safety-net.ts';
import { createTargetObserver } from '../../cluster/target-observer.ts';
import { stateDirectory } from '../../cluster/undo-journal.ts';
import { workloadRef } from '../../cluster/workloads.ts';
import { createDetector } from '../../detection/detectors.ts';
import { createProbe } from '../../detection/probe.ts';
import { createDiagnosis } from '../../diagnosis/diagnosis.ts';
import { createDecoy, createFault, faultedObject } from '../../faults/faults.ts';
import type { RehearsalEvent } from '../../record/events.ts';
import { foldEvents } from '../../record/fold.ts';
import { createRunStore, REPORT_FILE, type RunStore } from '../../record/store.ts';
import { systemClock } from '../../rehearsal/clock.ts';
import type { Probe } from '../../rehearsal/ports.ts';
import { type Decoy, type Roles, runRehearsal } from '../../rehearsal/rehearsal.ts';
import { renderReport } from '../../report/report.ts';
import { createRollback } from '../../rollback/rollbacks.ts';
import { loadRunbook } from '../../runbook/load.ts';
import { type LoadedScenario, loadScenario } from '../../scenario/load.ts';
import { durationMs } from '../../scenario/schema.ts';
import { createCheck } from '../../verification/checks.ts';
import { bind } from '../bind.ts';
import { type Interrupts, listenForInterrupts } from '../interrupts.ts';
import { permissionsOf } from '../needs.ts';
import { announceOrphans } from '../orphans.ts';
import { packageVersion } from '../package-version.ts';
import { provide } from '../provide.ts';
import { INDEX_HREF, writeIndex } from '../report-index.ts';
import { chooseReporter } from '../reporter-choice.ts';
import { runId } from '../run-id.ts';

export interface RunArguments {
  scenario: string;
  reports: string;
  json: boolean;
  plain: boolean;
  config: string;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
  target?: string | undefined;
}

/** `rehearse run`: everything is checked before anything is started; from then on a report is written whatever happens. */
export async function run(args: RunArguments): Promise<void> {
  const loaded = await loadScenario(args.scenario);
  const bound = await bind(loaded.scenario, args);
  loaded.scenario = bound.scenario;
  // Its mistakes are told before anything is started.
  const { runbook } = loaded.scenario.spec;
  if (runbook !== undefined) await loadRunbook(runbookPath(loaded.path, runbook), { tags: loaded.scenario.metadata.tags });
  const id = runId(loaded.scenario.metadata.name, systemClock.now());
  const store = createRunStore(resolve(args.reports, id));
  // Written before anything is started: a full disk or a folder without permission is told now, not after the drill.
  const logFile = store.writeFile('rehearse.log', '');
  const log = pino(
    { level: 'debug', base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: logFile, sync: true }),
  );
  const reporter = chooseReporter(args, process);
  const interrupts = listenForInterrupts(text => reporter.say(text));
  try {
    await announceOrphans(stateDirectory(process.env), text => reporter.say(text));
    for (const note of bound.notes) reporter.say(note);
    process.exitCode = await rehearse({ args, bound, loaded, id, store, log, reporter, interrupts });
  } finally {
    reporter.close();
    interrupts.stop();
    store.close();
  }
}

interface RunParts {
  args: RunArguments;
  bound: Awaited<ReturnType<typeof bind>>;
  loaded: LoadedScenario;
  id: string;
  store: RunStore;
  log: pino.Logger;
  reporter: ReturnType<typeof chooseReporter>;
  interrupts: Interrupts;
}

async function rehearse({ args, bound, loaded, id, store, log, reporter, interrupts }: RunParts): Promise<number> {
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
    const target = workloadRef(bound.workload, namespace);
    const faulted = faultedObject(spec.fault, namespace);
    const roles = await createRoles(id, loaded, provided);
    const events: RehearsalEvent[] = [];
    const operator = userInfo().username;
    const result = await runRehearsal({
      runId: id,
      rehearse: packageVersion(),
      // Paths in a report are those a reader can follow: from where the drill was started.
      scenario: { ...loaded, path: relative(process.cwd(), loaded.path) },
      operator,
      play: { mode: 'automatic' },
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
      }),
      observer: createTargetObserver(cluster, target, {
        tolerate: spec.target.tolerate,
        // Whoever may speak to the sandbox may do everything.
        permissions: provided.provider === 'sandbox' ? [] : permissionsOf(loaded.scenario, bound.workload),
        ...(faulted === undefined ? {} : { faulted }),
      }),
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
    const record = foldEvents(events);
    store.writeRecord(record);
    const report = store.writeFile(REPORT_FILE, renderReport(record, { indexHref: INDEX_HREF }));
    writeIndex(resolve(args.reports));
    reporter.finish(record, { report, directory: store.directory });
    return result.exitCode;
  } finally {
    await provided.close();
  }
}

async function createRoles(id: string, loaded: LoadedScenario, provided: ProvidedCluster): Promise<Roles> {
  const { spec } = loaded.scenario;
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
    runbook:
      spec.runbook === undefined
        ? undefined
        : await loadRunbook(runbookPath(loaded.path, spec.runbook), {
            runId: id,
            tags: loaded.scenario.metadata.tags,
            ...('container' in spec.fault && spec.fault.container !== undefined ? { container: spec.fault.container } : {}),
            ...(provided.kubeconfig === undefined ? {} : { kubeconfig: provided.kubeconfig }),
          }),
    show: createEvidence(cluster, systemClock, namespace, probes),
    candidates: () => listCandidates(cluster, namespace),
    hints: [],
  };
}

/** As a reader of the report can follow it: from where the drill was started. */
function runbookPath(scenario: string, runbook: string): string {
  return relative(process.cwd(), join(scenario, '..', runbook));
}
