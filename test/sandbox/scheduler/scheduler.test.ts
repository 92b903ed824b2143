import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEventRecorder } from '../../../src/sandbox/registry/event-recorder.ts';
import { createRegistry } from '../../../src/sandbox/registry/registry.ts';
import type { KubeObject, Resources } from '../../../src/sandbox/registry/resources.ts';
import { startScheduler } from '../../../src/sandbox/scheduler/scheduler.ts';
import { fakeClock } from '../kubelet/fake-clock.ts';

let resources: Resources;
let stop: () => void;
let settle: () => Promise<void>;

beforeEach(() => {
  const clock = fakeClock();
  resources = createRegistry(clock);
  for (const name of ['default', 't']) resources.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  resources.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { disk: 'ssd' } }, spec: {} });
  resources.modify(
    'nodes',
    undefined,
    'n1',
    draft => {
      draft.status = { allocatable: { cpu: '2', memory: '1Gi', pods: '3' } };
    },
    { subresource: 'status' },
  );
  const loop = startScheduler({ resources, clock, recordEvent: createEventRecorder(resources, clock), log: () => {} });
  stop = () => void loop.stop();
  settle = () => clock.advance(10);
});
afterEach(() => stop());

const create = (name: string, requests: Record<string, string> = {}, spec: Record<string, unknown> = {}): KubeObject =>
  resources.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 't' },
    spec: { containers: [{ name: 'c', image: 'busybox', resources: { requests } }], ...spec },
  });
const get = (name: string) => resources.get('pods', 't', name) as KubeObject;
const scheduled = (name: string) =>
  get(name).status?.conditions?.find((condition: { type: string }) => condition.type === 'PodScheduled');
const messages = (reason: string) =>
  resources
    .list('events', { namespace: 't' })
    .filter(event => event.reason === reason)
    .map(event => event.message);

describe('the scheduler', () => {
  test('binds a pod, says so, and sets PodScheduled', async () => {
    create('a', { cpu: '500m' });
    await settle();
    expect(get('a').spec.nodeName).toBe('n1');
    expect(scheduled('a')).toMatchObject({ status: 'True' });
    expect(messages('Scheduled')).toEqual(['Successfully assigned t/a to n1']);
  });

  test('a pod that asks for more than the node has stays Pending with the text of a real cluster', async () => {
    create('big', { memory: '900Gi' });
    await settle();
    const message =
      '0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
    expect(scheduled('big')).toMatchObject({ status: 'False', reason: 'Unschedulable', message });
    expect(messages('FailedScheduling')).toEqual([message]);
    expect(get('big').spec.nodeName).toBeUndefined();
  });

  test('requests add up, and a pod that did not fit gets its turn when another one is gone', async () => {
    create('first', { memory: '700Mi' });
    await settle();
    create('second', { memory: '700Mi' });
    await settle();
    expect(get('second').spec.nodeName).toBeUndefined();
    resources.delete('pods', 't', 'first', { gracePeriodSeconds: 0 });
    await settle();
    expect(get('second').spec.nodeName).toBe('n1');
    expect(scheduled('second')).toMatchObject({ status: 'True' });
  });

  test.each([
    ["1 node(s) didn't match Pod's node affinity/selector", { nodeSelector: { disk: 'tape' } }, {}],
    ['1 Insufficient cpu', {}, { cpu: '3' }],
    ['1 Insufficient cpu, 1 Insufficient memory', {}, { cpu: '3', memory: '2Gi' }],
  ])('says %s', async (reason, spec, requests) => {
    create('p', requests, spec);
    await settle();
    expect(messages('FailedScheduling')[0]).toContain(`0/1 nodes are available: ${reason}. `);
  });
});
