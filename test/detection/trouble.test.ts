import { describe, expect, test } from 'vitest';
import { podTroubles, type Trouble } from '../../src/cluster/pod-trouble.ts';
import { type Subject, TroubleBoard } from '../../src/detection/trouble-board.ts';
import { container, notReady, pod } from './pods.ts';

describe("a pod's status", () => {
  const kinds = (object: ReturnType<typeof pod>) =>
    podTroubles(object, 10_000).map(({ kind, afterMs }) => `${kind} after ${afterMs}`);

  test('of a pod that serves says nothing', () => {
    expect(podTroubles(pod(), 10_000)).toEqual([]);
  });

  test.each([
    'CrashLoopBackOff',
    'ImagePullBackOff',
    'ErrImagePull',
    'CreateContainerConfigError',
    'CreateContainerError',
    'InvalidImageName',
    'RunContainerError',
  ])('%s is a trouble at once', reason => {
    expect(kinds(pod({ ...notReady, phase: 'Pending', ...container({ waiting: { reason } }) }))).toEqual(['waiting after 0']);
  });

  test.each(['ContainerCreating', 'PodInitializing'])('%s is how every pod starts', reason => {
    expect(kinds(pod({ ...notReady, phase: 'Pending', ...container({ waiting: { reason } }) }))).toEqual(['unready after 10000']);
  });

  test('a first crash is told before the back-off, with its exit code and the time of the server', () => {
    const [crash] = podTroubles(
      pod({ ...notReady, ...container({ terminated: { exitCode: 3, reason: 'Error', finishedAt: '2026-11-22T19:00:00Z' } }) }),
      10_000,
    );
    expect(crash).toMatchObject({
      kind: 'crash',
      message: 'container payments exited with 3',
      sourceAt: '2026-11-22T19:00:00Z',
      level: 1,
    });
  });

  test('an OOM kill is told from a crash, and stays visible when the container runs again', () => {
    const status = container(
      { running: {} },
      { restartCount: 1, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } },
    );
    expect(kinds(pod(status))).toEqual(['oom after 0']);
  });

  test('a pod that is being ended on purpose is in no trouble, however it ends', () => {
    const ending = { deletionTimestamp: '2026-11-22T19:00:00Z' };
    expect(podTroubles(pod({ ...notReady, ...container({ terminated: { exitCode: 143 } }) }, ending), 10_000)).toEqual([]);
  });

  test('no node for it', () => {
    const conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: '0/1 nodes are available: 1 Insufficient memory.',
      },
    ];
    expect(podTroubles(pod({ phase: 'Pending', conditions, containerStatuses: [] }), 10_000)[0]?.message).toContain(
      'Insufficient memory',
    );
  });
});

describe('the board of troubles', () => {
  function board() {
    const told: string[] = [];
    const timers: { ms: number; fire: () => void; signal: AbortSignal }[] = [];
    const kept = new TroubleBoard(
      {
        fire: (subject, found) => told.push(`${subject.id} ${found.key}`),
        clear: subject => told.push(`${subject.workload} clear`),
      },
      (ms, signal) =>
        new Promise((resolve, reject) => {
          timers.push({ ms, fire: resolve, signal });
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
    return { told, timers, see: (who: Subject, troubles: Trouble[], atStart = false) => kept.see(who, troubles, atStart) };
  }
  const subject = (id: string, workload = 'deployment/payments'): Subject => ({ id, workload });
  const trouble = (kind: Trouble['kind'], given: Partial<Trouble> = {}): Trouble => ({
    key: kind,
    kind,
    message: kind,
    level: 0,
    afterMs: 0,
    ...given,
  });

  test('tells once for all pods of a workload, and clears with the last of them', () => {
    const { told, see } = board();
    for (const id of ['a', 'b', 'c']) see(subject(id), [trouble('crash')]);
    expect(told).toEqual(['a crash']);
    see(subject('a'), []);
    see(subject('b'), []);
    expect(told).toEqual(['a crash']);
    see(subject('c'), []);
    expect(told).toEqual(['a crash', 'deployment/payments clear']);
  });

  test('ErrImagePull and ImagePullBackOff in turns are one trouble', () => {
    const { told, see } = board();
    for (const key of ['ErrImagePull', 'ImagePullBackOff', 'ErrImagePull', 'ImagePullBackOff'])
      see(subject('a'), [trouble('waiting', { key })]);
    expect(told).toEqual(['a ErrImagePull']);
  });

  test('what was wrong before the drill counts only when it gets worse', () => {
    const { told, see } = board();
    see(subject('a'), [trouble('crash', { level: 4 })], true);
    see(subject('a'), [trouble('crash', { level: 4 })]);
    expect(told).toEqual([]);
    see(subject('a'), [trouble('crash', { level: 5 })]);
    expect(told).toEqual(['a crash']);
  });

  test('a pod that gets ready in time was never in trouble', async () => {
    const { told, timers, see } = board();
    see(subject('a'), [trouble('unready', { afterMs: 10_000 })]);
    see(subject('a'), []);
    expect(timers[0]?.signal.aborted).toBe(true);
    timers[0]?.fire();
    await Promise.resolve();
    expect(told).toEqual([]);
  });

  test('a pod that does not get ready in time is told of', async () => {
    const { told, timers, see } = board();
    see(subject('a'), [trouble('unready', { afterMs: 10_000 })]);
    expect(told).toEqual([]);
    timers[0]?.fire();
    await Promise.resolve();
    expect(told).toEqual(['a unready']);
  });

  test('troubles of different workloads are told apart', () => {
    const { told, see } = board();
    see(subject('a'), [trouble('crash')]);
    see(subject('b', 'deployment/checkout'), [trouble('crash')]);
    expect(told).toEqual(['a crash', 'b crash']);
  });
});
