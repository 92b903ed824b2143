import { describe, expect, test } from 'vitest';
import { deadServices } from '../../src/diagnosis/dead-services.ts';
import { rankSuspects } from '../../src/diagnosis/rank.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { change, observation, revision, traffic, workload } from './situations.ts';

const service = (spec: object): RawObject => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec });
const pod = (labels: Record<string, string>, ports?: object[], metadata: object = {}): RawObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', labels, ...metadata },
  spec: { containers: [{ name: 'main', ...(ports ? { ports } : {}) }] },
});
const why = (spec: object, ...pods: RawObject[]) => deadServices([service(spec)], pods).get('web');

describe('a Service that leads nowhere', () => {
  const ports = [{ name: 'http', containerPort: 8080 }];
  test.each([
    ['selects no pod', { selector: { app: 'wbe' }, ports: [{ port: 80 }] }, 'no pod has the labels that it selects (app=wbe)'],
    [
      'leads to a port that no pod has',
      { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 9 }] },
      'its port 80 leads to port 9',
    ],
    [
      'leads to a port without a name like that',
      { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'htpp' }] },
      'to port htpp',
    ],
  ])('is found when it %s', (_what, spec, expected) => {
    expect(why(spec, pod({ app: 'web' }, ports))).toContain(expected);
  });

  test.each([
    [
      'leads to a port by number',
      { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
      pod({ app: 'web' }, ports),
    ],
    [
      'leads to a port by name',
      { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
      pod({ app: 'web' }, ports),
    ],
    ['leads to pods that declare no port', { selector: { app: 'web' }, ports: [{ port: 80 }] }, pod({ app: 'web' })],
    ['has endpoints that are kept by hand', { ports: [{ port: 80 }] }, pod({ app: 'web' }, ports)],
    ['is an external name', { type: 'ExternalName', selector: { app: 'x' } }, pod({ app: 'web' }, ports)],
  ])('is not one that %s', (_what, spec, only) => {
    expect(why(spec, only)).toBeUndefined();
  });

  test('is one whose only pods are being deleted', () => {
    const going = pod({ app: 'web' }, ports, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(why({ selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] }, going)).toContain('no pod');
  });
});

describe('the diagnosis of a changed Service', () => {
  const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'payments' };
  const rerouted = change('payments', 10_000, {
    workload: ref,
    hash: '',
    revision: 'abc1234',
    text: 'selector app=payments → app=paymnets',
  });
  const fails = (name: string, calls: string, answered: number) =>
    workload(
      name,
      revision('new', {
        traffic: traffic({ failed: 30, firstFailureTMs: 10_500, calls: [{ target: calls, total: 60, failed: 30, answered }] }),
        normal: traffic({ requests: 0 }),
      }),
    );
  const given = {
    // Both callers were deployed just before: their failures must not be taken for their own.
    changes: [change('checkout', 8000), change('frontend', 9000), rerouted],
    impact: { sinceTMs: 10_600, detail: '40 % fail' },
    workloads: [fails('checkout', 'payments', 0), fails('frontend', 'checkout', 30)],
  };

  test('names it, not the callers that fail because of it', () => {
    const suspects = rankSuspects(observation({ ...given, deadServices: new Map([['payments', 'no pod has the labels']]) }));
    expect(suspects[0]).toMatchObject({ workload: ref, revision: 'abc1234' });
    expect(suspects[0]?.score).toBeGreaterThan(0.5);
    expect(suspects[0]?.reasons[0]?.text).toBe('no pod has the labels');
    expect(
      suspects.slice(1).every(suspect => suspect.score < 0.25),
      JSON.stringify(suspects, undefined, 1),
    ).toBe(true);
  });

  test('does not accuse a change of a Service that still leads to its pods', () => {
    const [first] = rankSuspects(observation(given));
    expect(first?.workload.kind).toBe('Deployment');
  });
});
