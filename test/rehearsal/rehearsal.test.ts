import { afterEach, describe, expect, test } from 'vitest';
import { RehearseError } from '../../src/errors/errors.ts';
import { DrillEnded } from '../../src/rehearsal/ending.ts';
import { runRehearsal } from '../../src/rehearsal/rehearsal.ts';
import { createWorld, suspectOf } from './drill-world.ts';

let world: ReturnType<typeof createWorld>;
const given = (objectives?: Record<string, string>) => {
  world = createWorld(objectives);
  return world;
};
afterEach(() => world.clock.stop());

const span = (from: string, to: string) =>
  (world.moment(to)?.momentTMs ?? Number.NaN) - (world.moment(from)?.momentTMs ?? Number.NaN);

describe('a drill that goes well', () => {
  test('reaches t0..t4 in order, each phase as long as what happened in it', async () => {
    const { options } = given();
    const result = await runRehearsal(options);
    expect(result).toMatchObject({ outcome: 'met', exitCode: 0 });
    expect(span('deployed', 'detected')).toBe(4000);
    // 1 s of settling before the first answer.
    expect(span('detected', 'diagnosed')).toBe(1000);
    expect(span('diagnosed', 'rolled-back')).toBe(3000);
    expect(span('healthy-since', 'restored')).toBe(5000);
    const impact = world.moment('impact');
    expect(impact && impact.momentTMs >= (world.moment('deployed')?.momentTMs ?? Number.POSITIVE_INFINITY)).toBe(true);
  });

  test('writes the undo before the change, takes the lease before the fault, and releases after a proven restore', async () => {
    await runRehearsal(given().options);
    expect(world.calls).toEqual(['undo', 'lease', 'inject', 'rollback', 'restore', 'release true']);
  });

  test('a decoy that is still to come when it ends does not come after the restore', async () => {
    const { options, clock } = given();
    let deployed = false;
    options.roles = {
      ...options.roles,
      decoys: [
        {
          target: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'frontend' },
          when: 'after',
          byMs: 60_000,
          fault: {
            kind: 'decoy',
            summary: 'harmless',
            plan: async () => [],
            async inject() {
              deployed = true;
              return { sentTMs: 0, acceptedTMs: 0 };
            },
          },
        },
      ],
    };
    const result = await runRehearsal(options);
    expect(result.outcome).toBe('met');
    await clock.sleep(120_000);
    expect(deployed).toBe(false);
  });

  test('misses an objective: exit code 1, and says which', async () => {
    const result = await runRehearsal(given({ detection: '2s', total: '10m' }).options);
    expect(result).toMatchObject({ outcome: 'missed', exitCode: 1 });
    expect(result.reason).toContain('detection took 4.0 s, objective 2s');
  });
});

describe('refused: nothing is touched', () => {
  test.each([
    [
      'by the guard',
      () => {
        world.behaviour.guard = () => [{ name: 'namespace', ok: false, detail: 'not opted in', remedy: 'label it' }];
      },
    ],
    [
      'by the preflight',
      () => {
        world.behaviour.preflight = () => [{ name: 'halt switch', ok: false, detail: 'halted' }];
      },
    ],
    ['when the target is not steady', () => world.breakNow()],
  ])('%s', async (_name, arrange) => {
    const { options } = given();
    arrange();
    const result = await runRehearsal(options);
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 3 });
    expect(world.calls).toEqual([]);
    expect(world.types()).not.toContain('restore.started');
  });

  test('when the undo journal cannot be written', async () => {
    const { options, behaviour } = given();
    behaviour.undo = async () => {
      throw new RehearseError('disk full', { exitCode: 3 });
    };
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'refused', exitCode: 3 });
    expect(world.calls).toEqual(['undo']);
  });

  test('when another run takes the lease first: what is there may be its bad deploy, and is not put back', async () => {
    const { options, behaviour } = given();
    behaviour.lease = () => {
      throw new RehearseError('run first by mira holds the lease', { exitCode: 3 });
    };
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'refused', exitCode: 3 });
    expect(world.calls).toEqual(['undo', 'lease']);
    expect(world.types()).not.toContain('restore.started');
  });

  test('when the lease or the undo in the cluster is gone right before the injection', async () => {
    const { options, behaviour } = given();
    behaviour.confirm = () => {
      throw new RehearseError('somebody restored the target', { exitCode: 3 });
    };
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'refused', exitCode: 3 });
    expect(world.calls).not.toContain('inject');
  });

  test('when the guard changes its mind between the plan and the injection', async () => {
    const { options, behaviour } = given();
    let asked = 0;
    behaviour.guard = () => [{ name: 'namespace', ok: ++asked === 1, detail: 'label removed' }];
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'refused' });
    expect(asked).toBe(2);
    expect(world.calls).toEqual([]);
  });
});

describe('a detector that fires before the bad deploy', () => {
  const noisyDecoy = (quietAfterMs: number | undefined) => {
    const { options, clock } = given();
    options.roles = {
      ...options.roles,
      decoys: [
        {
          target: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'frontend' },
          when: 'before',
          byMs: 1000,
          fault: {
            kind: 'decoy',
            summary: 'harmless',
            plan: async () => [],
            async inject() {
              world.raise();
              if (quietAfterMs !== undefined) void clock.sleep(quietAfterMs).then(() => world.clear());
              return { sentTMs: 0, acceptedTMs: 0 };
            },
          },
        },
      ],
    };
    return options;
  };

  test('is waited for, so that what it tells afterwards is about the bad deploy', async () => {
    const result = await runRehearsal(noisyDecoy(5000));
    expect(result.outcome).toBe('met');
    expect(span('deployed', 'detected')).toBe(4000);
    const cleared = world.events.find(event => event.type === 'signal.cleared');
    expect(world.moment('deployed')?.momentTMs).toBeGreaterThanOrEqual(cleared?.tMs ?? Number.POSITIVE_INFINITY);
  });

  test('and does not stop: the bad deploy is never injected, the decoy is put back', async () => {
    const result = await runRehearsal(noisyDecoy(undefined));
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 3 });
    expect(result.reason).toContain('p95 above its limit');
    expect(world.calls).toEqual(['undo', 'lease', 'restore', 'release true']);
  });
});

describe('what goes wrong is a result', () => {
  test('never detected: censored, restored, exit code 1', async () => {
    const { options, behaviour } = given();
    behaviour.detectAfterMs = undefined;
    const result = await runRehearsal(options);
    expect(result).toMatchObject({ outcome: 'missed', exitCode: 1 });
    expect(result.reason).toContain('never detected');
    expect(world.moment('detected')).toBeUndefined();
    expect(world.calls).toContain('release true');
  });

  test('a wrong diagnosis is kept with its time, and only the right one is t2', async () => {
    const { options, behaviour } = given();
    let asked = 0;
    behaviour.answers = () => (++asked <= 4 ? [suspectOf('frontend', '2')] : [suspectOf('payments', '2')]);
    await runRehearsal(options);
    const answers = world.events.filter(event => event.type === 'diagnosis.answered');
    expect(answers.map(answer => answer.correct)).toEqual([false, true]);
    expect(span('detected', 'diagnosed')).toBe(2000);
  });

  test('the right workload with the wrong revision is a wrong answer', async () => {
    const { options, behaviour } = given();
    behaviour.answers = () => [suspectOf('payments', '1')];
    const result = await runRehearsal(options);
    expect(result.reason).toContain('never diagnosed');
    expect(world.calls).not.toContain('rollback');
    expect(world.calls).toContain('restore');
  });

  test('a rollback that reports done without the known-good state is not t3', async () => {
    const { options, behaviour } = given();
    behaviour.rollbackWorks = false;
    const result = await runRehearsal(options);
    expect(result.reason).toContain('never rolled back');
    expect(world.moment('rollback-issued')).toBeDefined();
    expect(world.calls).toContain('release true');
  });

  test('somebody rolls back with their own hands: it counts', async () => {
    const { options, behaviour } = given();
    behaviour.answers = () => [];
    void world.clock.sleep(9000).then(() => world.rollBackByHand());
    await runRehearsal(options);
    expect(world.moment('rollback-issued')?.by).toBe('seen in the cluster');
    expect(world.moment('rolled-back')).toBeDefined();
  });

  test('an injection that fails halfway is restored: exit code 4', async () => {
    const { options, behaviour } = given();
    behaviour.inject = async () => {
      throw new Error('connection reset');
    };
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'error', exitCode: 4 });
    expect(world.calls).toEqual(['undo', 'lease', 'inject', 'restore', 'release true']);
  });

  test('a record that cannot be written any more ends the drill and restores', async () => {
    const { options } = given();
    options.record = event => {
      if (event.type === 'signal.raised') throw new Error('no space left on device');
    };
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'error', reason: 'no space left on device' });
    expect(world.calls).toContain('release true');
  });

  test('a restore that is not proven: exit code 5, and what to do', async () => {
    const { options, behaviour } = given();
    behaviour.restoreProven = false;
    const result = await runRehearsal(options);
    expect(result).toMatchObject({ outcome: 'not-restored', exitCode: 5 });
    expect(result.reason).toContain('rehearse restore run-1');
    expect(world.calls).toContain('release false');
  });
});

describe('interrupted', () => {
  test.each([
    ['while waiting for detection', 3500],
    ['while verifying', 12_000],
  ])('%s: restored, exit code 130', async (_name, afterMs) => {
    const { options, interrupt, clock } = given();
    void clock.sleep(afterMs).then(() => interrupt.abort(new DrillEnded('interrupted', 'SIGINT')));
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    expect(world.calls.slice(-2)).toEqual(['restore', 'release true']);
  });

  test('before anything was injected: nothing to restore', async () => {
    const { options, interrupt, clock } = given();
    void clock.sleep(500).then(() => interrupt.abort(new DrillEnded('interrupted', 'SIGTERM')));
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    expect(world.calls).toEqual([]);
  });

  test('by the halt switch in the middle', async () => {
    const { options, clock } = given();
    void clock.sleep(5000).then(() => world.halt('halted by ConfigMap rehearse-halt'));
    expect(await runRehearsal(options)).toMatchObject({ outcome: 'interrupted', reason: 'halted by ConfigMap rehearse-halt' });
    expect(world.calls).toContain('release true');
  });

  test('by whoever restored the target meanwhile and took its lease: the drill does not go on', async () => {
    const { options, clock } = given();
    void clock.sleep(5000).then(() => world.loseLease('the lease is gone: somebody restored the target'));
    expect(await runRehearsal(options)).toMatchObject({
      outcome: 'interrupted',
      reason: 'the lease is gone: somebody restored the target',
    });
    expect(world.calls).not.toContain('rollback');
  });

  test('a second time: the restore is given up, and what is left to do is said', async () => {
    const { options, interrupt, abandon, clock } = given();
    void clock.sleep(3500).then(() => {
      interrupt.abort(new DrillEnded('interrupted', 'SIGINT'));
      abandon.abort(new DrillEnded('interrupted', 'given up'));
    });
    const result = await runRehearsal(options);
    expect(result).toMatchObject({ outcome: 'not-restored', exitCode: 5 });
    expect(result.reason).toContain('rehearse restore run-1');
  });
});

describe('abort conditions', () => {
  test('an error budget that is spent ends the drill, and the target is restored', async () => {
    const { options, calls, behaviour } = given();
    behaviour.rollbackWorks = false;
    options.scenario.scenario.spec.abort = [{ kind: 'error-budget', probe: 'checkout', requests: 20 }];
    const result = await runRehearsal(options);
    expect(result).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    expect(result.reason).toContain('21 failed requests of probe checkout, allowed are 20');
    expect(calls).toContain('restore');
  });

  test('a service level that is broken for too long ends the drill; one that recovers in time does not', async () => {
    const { options, behaviour } = given();
    behaviour.rollbackWorks = false;
    options.scenario.scenario.spec.abort = [{ kind: 'service-level', probe: 'checkout', for: '3s' }];
    const ended = await runRehearsal(options);
    expect(ended.reason).toContain('was broken for 3s');
    world.clock.stop();

    const { options: others } = given();
    others.scenario.scenario.spec.abort = [{ kind: 'service-level', probe: 'checkout', for: '60s' }];
    expect(await runRehearsal(others)).toMatchObject({ outcome: 'met' });
  });
});
