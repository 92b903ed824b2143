/** A world for the engine: its ports as plain objects whose behaviour a test changes. Time is virtual. */
import type { CheckResult, RehearsalEvent, Suspect } from '../../src/record/events.ts';
import type { RehearsalOptions } from '../../src/rehearsal/options.ts';
import type {
  Check,
  Clock,
  Cluster,
  Detector,
  DetectorSignal,
  PlannedChange,
  Probe,
  ProbeSample,
  RawObject,
  RoleContext,
} from '../../src/rehearsal/ports.ts';
import { scenarioSchema } from '../../src/scenario/schema.ts';
import { virtualClock } from '../fixtures/virtual-clock.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'payments' };

export function suspectOf(name: string, revision: string, score = 0.9): Suspect {
  return {
    workload: { ...target, name },
    revision,
    change: 'image',
    changedTMs: 0,
    score,
    reasons: [{ text: 'it changed just before', weight: score }],
  };
}

const deployment = (image: string): RawObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'payments', namespace: 'shop', uid: 'u1' },
  spec: { replicas: 2, template: { spec: { containers: [{ name: 'app', image }] } } },
});

export function createWorld(objectives: Record<string, string> = {}) {
  const clock: Clock & { stop(): void } = virtualClock();
  const events: RehearsalEvent[] = [];
  const calls: string[] = [];
  const interrupt = new AbortController();
  const abandon = new AbortController();
  let context: RoleContext | undefined;
  let onKnownGood: (equal: boolean) => void = () => {};
  let onHalt: (reason: string) => void = () => {};
  let onLost: (why: string) => void = () => {};
  let broken = false;
  const listeners = new Set<() => void>();
  const setBroken = (now: boolean) => {
    broken = now;
    for (const listener of listeners) listener();
  };

  const behaviour = {
    guard: (): CheckResult[] => [{ name: 'context opted in', ok: true, detail: 'yes' }],
    preflight: (): CheckResult[] => [],
    detectAfterMs: 4000 as number | undefined,
    answers: (): Suspect[] => [suspectOf('payments', '2')],
    undo: async () => ({
      journal: 'undo.json',
      cluster: { apiVersion: 'v1', kind: 'Secret', namespace: 'shop', name: 'undo' },
      objects: [target],
    }),
    inject: async () => {},
    rollbackMs: 3000,
    rollbackWorks: true,
    /** Throws when another run holds the lease. */
    lease: (): void => {},
    confirm: (): void => {},
    restoreProven: true,
  };

  const check = (name: string): Check => ({
    name,
    summary: name,
    async start(_context, signal, onChange) {
      listeners.add(onChange);
      signal.addEventListener('abort', () => listeners.delete(onChange));
    },
    now: () => ({ name, ok: !broken, detail: broken ? 'broken' : 'fine' }),
  });

  const probeListeners = new Set<() => void>();
  const probe: Probe = {
    name: 'checkout',
    summary: 'GET /checkout',
    intervalMs: 100,
    errorRateLimit: 0.05,
    latencyLimitMs: undefined,
    async start(given, signal, onSample) {
      context = given;
      void (async () => {
        while (!signal.aborted) {
          await given.clock.sleep(100, signal).catch(() => {});
          if (signal.aborted) return;
          const sample: ProbeSample = { sentTMs: given.tMs(), ok: !broken, latencyMs: 10, status: broken ? 502 : 200 };
          onSample(sample);
          for (const listener of probeListeners) listener();
        }
      })();
    },
    level: () => ({ ok: !broken, judged: true, detail: '' }),
    onChange(listener) {
      probeListeners.add(listener);
      return () => probeListeners.delete(listener);
    },
  };

  let raise: ((found: DetectorSignal) => void) | undefined;
  let clear: ((message: string) => void) | undefined;
  const detector: Detector = {
    name: 'slo',
    kind: 'probe',
    summary: 'the service level',
    async start(_context, _signal, on) {
      raise = on.signal;
      clear = on.clear;
    },
  };

  const change: PlannedChange = { object: target, action: 'update', diff: '-good\n+bad', before: deployment('good'), patch: [] };
  const scenario = scenarioSchema.parse({
    apiVersion: 'rehearse.dev/v1',
    kind: 'Scenario',
    metadata: { name: 'error-rate', title: 'Errors' },
    spec: {
      target: { workload: 'deployment/payments' },
      probes: [{ name: 'checkout', service: 'frontend' }],
      steadyState: { checks: [{ kind: 'probe', probe: 'checkout' }] },
      fault: { kind: 'image', image: 'bad' },
      detectors: [{ kind: 'probe', probe: 'checkout' }],
      rollback: { kind: 'rollout-undo' },
      verification: { checks: [{ kind: 'probe', probe: 'checkout' }] },
      objectives,
    },
  });

  const options: RehearsalOptions = {
    runId: 'run-1',
    rehearse: '0.0.0',
    scenario: { scenario, path: 'scenarios/error-rate.yaml', digest: 'd' },
    operator: 'tester',
    play: { mode: 'automatic' },
    environment: {
      node: 'v20',
      platform: 'linux',
      provider: 'sandbox',
      context: 'c',
      server: 'https://127.0.0.1',
      kubernetes: 'v1.34',
      namespace: 'shop',
    },
    target,
    cluster: {} as Cluster,
    clock,
    roles: {
      fault: {
        kind: 'image',
        summary: 'good → bad',
        plan: async () => [change],
        async inject(given) {
          calls.push('inject');
          const sentTMs = given.tMs();
          await behaviour.inject();
          setBroken(true);
          const { detectAfterMs } = behaviour;
          if (detectAfterMs !== undefined) {
            void clock.sleep(detectAfterMs).then(() => raise?.({ message: 'error rate 31 %', uncertaintyMs: 100 }));
          }
          return { sentTMs, acceptedTMs: given.tMs() };
        },
      },
      decoys: [],
      probes: new Map([['checkout', probe]]),
      detectors: [detector],
      diagnosis: { kind: 'automatic', start: async () => {}, answer: async () => behaviour.answers() },
      rollback: {
        kind: 'rollout-undo',
        summary: 'undo',
        prepare: async () => ({ toRevision: '1' }),
        async issue() {
          calls.push('rollback');
          if (behaviour.rollbackWorks) {
            void clock.sleep(behaviour.rollbackMs - 1000).then(() => onKnownGood(true));
            void clock.sleep(behaviour.rollbackMs).then(() => setBroken(false));
          }
          return { summary: 'undo to 1', toRevision: '1' };
        },
        async done(_context, _workload, signal) {
          await clock.sleep(behaviour.rollbackMs, signal);
          return 'rolled out';
        },
      },
      steadyState: [check('service level')],
      verification: [check('service level')],
      runbook: undefined,
      show: async () => '',
      candidates: async () => [],
      hints: [],
    },
    safety: {
      guard: async () => {
        const checks = behaviour.guard();
        return { allowed: checks.every(entry => entry.ok), checks };
      },
      preflight: async () => behaviour.preflight(),
      writeUndo: async () => {
        calls.push('undo');
        return behaviour.undo();
      },
      extendUndo: async object => void calls.push(`undo ${object.name}`),
      observeOwn: () => () => {},
      acquireLease: async (_signal, lost) => {
        calls.push('lease');
        behaviour.lease();
        onLost = lost;
        return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'shop', name: 'l' };
      },
      confirm: async () => behaviour.confirm(),
      watchHalt: async (_signal, halt) => {
        onHalt = halt;
      },
      restore: async signal => {
        calls.push('restore');
        signal.throwIfAborted();
        setBroken(false);
        return {
          proven: behaviour.restoreProven,
          objects: [{ object: target, action: 'as-found', equal: behaviour.restoreProven, diff: '' }],
          removedRevisions: [],
        };
      },
      release: async ({ proven }) => void calls.push(`release ${proven}`),
      remedy: () => 'rehearse restore run-1',
    },
    observer: {
      preflight: async () => [],
      liveRevision: async () => '2',
      watchKnownGood: async (_snapshot, _signal, on) => {
        onKnownGood = on;
        on(false);
      },
      lastChange: async () => ({ manager: 'kubectl-edit', how: 'by kubectl edit' }),
    },
    onWrite: () => () => {},
    clockSkew: async () => ({ source: 'API server', skewMs: 0, uncertaintyMs: 500 }),
    record: event => void events.push(event),
    interrupt: interrupt.signal,
    abandon: abandon.signal,
    log: { debug() {}, info() {}, warn() {} },
  };

  return {
    options,
    behaviour,
    events,
    calls,
    clock,
    interrupt,
    abandon,
    halt: (reason: string) => onHalt(reason),
    loseLease: (why: string) => onLost(why),
    raise: () => raise?.({ message: 'p95 above its limit', uncertaintyMs: 100 }),
    clear: () => clear?.('fine again'),
    breakNow: () => setBroken(true),
    rollBackByHand: () => {
      onKnownGood(true);
      void clock.sleep(500).then(() => setBroken(false));
    },
    context: () => context,
    types: () => events.map(event => event.type).filter(type => type !== 'probe.sampled'),
    moment: (name: string) =>
      events.find(event => event.type === 'moment.reached' && event.moment === name) as
        | Extract<RehearsalEvent, { type: 'moment.reached' }>
        | undefined,
  };
}
