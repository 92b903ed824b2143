import type { RawObject } from '../../src/rehearsal/ports.ts';

/** A pod of a ReplicaSet, running and ready unless said otherwise. */
export function pod(status: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'payments-abc-1', namespace: 'shop', uid: 'pod-1', ...metadata },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'payments', restartCount: 0, state: { running: {} } }],
      ...status,
    },
  };
}

export const notReady = {
  conditions: [{ type: 'Ready', status: 'False', message: 'containers with unready status: [payments]' }],
};

export function container(state: Record<string, unknown>, given: Record<string, unknown> = {}) {
  return { containerStatuses: [{ name: 'payments', restartCount: 0, state, ...given }] };
}
