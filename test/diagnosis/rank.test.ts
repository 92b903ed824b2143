import { describe, expect, test } from 'vitest';
import type { Observation } from '../../src/diagnosis/observation.ts';
import { rankSuspects } from '../../src/diagnosis/rank.ts';
import { change, observation, ref, revision, traffic, trouble, workload } from './situations.ts';

const CONFIDENT = 0.5;
const old = revision('old', { traffic: traffic({}), normal: traffic({}) });
/** A decoy's new revision, rolled out and serving. */
const fine = (name: string) => workload(name, revision('new', { traffic: traffic({}) }));
/** Fails because what it calls answers 5xx. */
const victim = (name: string, calls: string, failed = 30) =>
  workload(
    name,
    revision('old', {
      traffic: traffic({ failed, firstFailureTMs: 11_000, calls: [{ target: calls, total: 100, failed, answered: failed }] }),
      normal: traffic({}),
    }),
  );

function top(given: Partial<Observation>) {
  const suspects = rankSuspects(observation(given));
  return { suspects, first: suspects[0] };
}

describe('names the cause, with confidence', () => {
  const situations: [name: string, culprit: string, given: Partial<Observation>][] = [
    [
      'errors at payments, felt at the frontend, decoys before and after',
      'payments',
      {
        changes: [change('checkout', 7000), change('payments', 10_000), change('frontend', 13_000)],
        impact: { sinceTMs: 11_500, detail: '30 % fail' },
        workloads: [
          workload('frontend', ...victim('frontend', 'checkout').revisions, revision('new', { pods: 1, ready: 1 })),
          workload(
            'checkout',
            revision('new', {
              traffic: traffic({
                failed: 30,
                firstFailureTMs: 11_000,
                calls: [{ target: 'payments', total: 100, failed: 30, answered: 30 }],
              }),
            }),
          ),
          workload('payments', revision('new', { traffic: traffic({ failed: 35, firstFailureTMs: 11_000 }) }), old),
        ],
      },
    ],
    [
      'the same, before payments itself was scraped for the first time: nobody else is blamed with confidence',
      '',
      {
        changes: [change('checkout', 7000), change('payments', 10_000)],
        workloads: [
          victim('frontend', 'checkout', 4),
          workload(
            'checkout',
            revision('new', {
              traffic: traffic({
                requests: 8,
                failed: 4,
                firstFailureTMs: 11_000,
                calls: [{ target: 'payments', total: 8, failed: 4, answered: 4 }],
              }),
            }),
          ),
          workload('payments', revision('new', { pods: 1, ready: 1 }), old),
        ],
      },
    ],
    [
      'slow payments make everybody slow',
      'payments',
      {
        changes: [change('frontend', 6000), change('payments', 10_000), change('checkout', 12_000)],
        impact: { sinceTMs: 12_500, detail: 'p95 900 ms' },
        workloads: [
          workload('frontend', revision('new', { traffic: traffic({ latencyMs: 800 }), normal: undefined }), old),
          workload('checkout', revision('new', { traffic: traffic({ latencyMs: 790 }) }), old),
          workload('payments', revision('new', { traffic: traffic({ latencyMs: 770, ownLatencyMs: 770 }) }), old),
        ],
      },
    ],
    [
      'checkout calls a service that does not exist: payments, whose name the failed calls carry, is well',
      'checkout',
      {
        changes: [
          change('payments', 7000),
          change('checkout', 10_000, {
            changes: [
              {
                aspect: 'env',
                name: 'PAYMENTS_URL',
                value: 'http://payments-v2',
                text: 'PAYMENTS_URL http://payments → http://payments-v2',
              },
            ],
          }),
        ],
        calls: [
          { from: 'frontend', service: 'checkout', to: ['checkout'], unresolved: false },
          { from: 'checkout', service: 'payments-v2', to: [], unresolved: true },
          { from: 'checkout', service: 'payments', to: ['payments'], unresolved: false },
        ],
        workloads: [
          victim('frontend', 'checkout', 60),
          workload(
            'checkout',
            revision('new', {
              traffic: traffic({
                failed: 60,
                firstFailureTMs: 11_000,
                calls: [{ target: 'payments', total: 60, failed: 60, answered: 0 }],
              }),
            }),
          ),
          fine('payments'),
        ],
      },
    ],
    [
      'an image that does not exist: users notice nothing',
      'frontend',
      {
        changes: [change('payments', 7000), change('frontend', 10_000)],
        workloads: [
          workload(
            'frontend',
            revision('new', { pods: 1, ready: 0, troubles: [trouble('waiting', 10_600, 'ErrImagePull')] }),
            old,
          ),
          fine('payments'),
        ],
      },
    ],
    [
      'a rollout that is stuck because new pods never get ready',
      'checkout',
      {
        changes: [change('payments', 7000), change('checkout', 10_000), change('frontend', 12_000)],
        workloads: [
          workload(
            'checkout',
            revision('new', { pods: 1, ready: 0, troubles: [trouble('unready', 11_000), trouble('deadline', 30_000)] }),
            old,
          ),
          fine('payments'),
          fine('frontend'),
        ],
      },
    ],
    [
      'a crash loop that takes down all of payments: its callers fail without an answer',
      'payments',
      {
        changes: [change('checkout', 8000), change('payments', 10_000)],
        workloads: [
          workload(
            'checkout',
            revision('new', {
              traffic: traffic({
                failed: 50,
                firstFailureTMs: 12_000,
                calls: [{ target: 'payments', total: 100, failed: 50, answered: 0 }],
              }),
            }),
          ),
          workload('payments', revision('new', { ready: 0, troubles: [trouble('crash', 11_500, 'exited with 3')] })),
        ],
      },
    ],
    [
      'memory that runs out long after the deploy, with a harmless deploy just before',
      'payments',
      {
        changes: [change('payments', 10_000), change('checkout', 128_000)],
        nowTMs: 135_000,
        workloads: [
          workload('payments', revision('new', { troubles: [trouble('oom', 130_000, 'OOMKilled')] })),
          fine('checkout'),
        ],
      },
    ],
    [
      'a cause whose pods are in trouble, although a probe complained before it (a busy machine)',
      'payments',
      {
        changes: [change('payments', 10_000), change('checkout', 8000)],
        impact: { sinceTMs: 7500, detail: 'p95 510 ms' },
        workloads: [
          workload('payments', revision('new', { pods: 1, ready: 0, troubles: [trouble('unready', 10_500)] }), old),
          fine('checkout'),
        ],
      },
    ],
  ];
  test.each(situations)('%s', (_name, culprit, given) => {
    const { suspects, first } = top(given);
    const confident = suspects.filter(suspect => suspect.score >= CONFIDENT).map(suspect => suspect.workload.name);
    expect(confident, JSON.stringify(suspects, undefined, 1)).toEqual(culprit ? [culprit] : []);
    if (culprit) expect(first?.workload).toEqual(ref(culprit));
  });
});

describe('does not accuse', () => {
  test('anybody when nothing changed', () => {
    const { suspects } = top({ workloads: [workload('payments', revision('old', { troubles: [trouble('crash', 5000)] }))] });
    expect(suspects).toEqual([]);
  });

  test('a change with confidence when nothing is wrong', () => {
    const { suspects } = top({ changes: [change('payments', 29_000)], workloads: [fine('payments')] });
    expect(suspects.every(suspect => suspect.score < 0.2)).toBe(true);
  });

  test('a change after the symptoms had begun', () => {
    const { suspects } = top({
      changes: [change('frontend', 20_000)],
      workloads: [
        victim('checkout', 'payments'),
        workload('payments', revision('old', { troubles: [trouble('crash', 10_000)] })),
        fine('frontend'),
      ],
    });
    expect(suspects).toEqual([]);
  });

  test('a revision whose predecessor has the same trouble: it is the node, or the secret, not the deploy', () => {
    const sick = { troubles: [trouble('waiting', 9000, 'ImagePullBackOff')], pods: 1, ready: 0 };
    const { suspects } = top({
      changes: [change('payments', 10_000)],
      workloads: [workload('payments', revision('new', sick), revision('old', sick))],
    });
    expect(suspects.every(suspect => suspect.score < CONFIDENT)).toBe(true);
  });

  test('a workload of another kind that has the same name', () => {
    const store = { ref: { ...ref('payments'), kind: 'StatefulSet' }, revisions: [old] };
    const broken = workload('payments', revision('new', { pods: 1, ready: 0, troubles: [trouble('crash', 10_500)] }), old);
    for (const workloads of [
      [store, broken],
      [broken, store],
    ]) {
      const { suspects, first } = top({ changes: [change('payments', 10_000)], workloads });
      expect(suspects).toHaveLength(1);
      expect(first?.score).toBeGreaterThan(CONFIDENT);
    }
  });

  test('anybody for a machine that slows everything down', () => {
    const slow = (name: string) =>
      workload(
        name,
        revision('new', { traffic: traffic({ ownLatencyMs: 150 }) }),
        revision('old', { pods: 0, ready: 0, normal: traffic({}) }),
      );
    const { suspects } = top({
      changes: [change('payments', 10_000), change('checkout', 11_000)],
      workloads: [slow('frontend'), slow('checkout'), slow('payments')],
    });
    expect(suspects.every(suspect => suspect.score < CONFIDENT)).toBe(true);
  });

  test('a revision that served well for long, once it fails', () => {
    const { suspects } = top({
      changes: [change('payments', -300_000)],
      workloads: [
        workload(
          'payments',
          revision('new', { traffic: traffic({ failed: 50, firstFailureTMs: 20_000 }), normal: traffic({ requests: 500 }) }),
        ),
      ],
    });
    expect(suspects.every(suspect => suspect.score < CONFIDENT)).toBe(true);
  });
});

describe('an answer', () => {
  const given: Partial<Observation> = {
    changes: [change('payments', 9000), change('checkout', 10_000)],
    workloads: [
      workload(
        'checkout',
        revision('new', { pods: 1, ready: 0, troubles: [trouble('crash', 11_000, 'container checkout exited with 3')] }),
        old,
      ),
      workload('payments', revision('new')),
    ],
  };

  test('has scores that sum to at most 1, each the sum of its reasons', () => {
    const { suspects } = top(given);
    expect(suspects.length).toBeGreaterThan(1);
    expect(suspects.reduce((sum, suspect) => sum + suspect.score, 0)).toBeLessThanOrEqual(1.001);
    for (const suspect of suspects) {
      const sum = suspect.reasons.reduce((total, reason) => total + reason.weight, 0);
      expect(Math.abs(sum - suspect.score)).toBeLessThan(0.01);
    }
  });

  test('says why in words with figures', () => {
    const texts = top(given).first?.reasons.map(reason => reason.text);
    expect(texts).toContain('1 of 1 pods of this revision: container checkout exited with 3');
    expect(texts).toContain('changed 1.0 s before the first symptoms');
  });

  test('is the same for the same observation', () => {
    expect(rankSuspects(observation(given))).toEqual(rankSuspects(observation(given)));
  });
});
