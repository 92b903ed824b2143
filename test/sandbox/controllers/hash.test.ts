import { describe, expect, test } from 'vitest';
import { podTemplateHash } from '../../../src/sandbox/controllers/pod-template-hash.ts';
import { createKindTable } from '../../../src/sandbox/kinds/index.ts';
import { deployment } from './fixture.ts';

/** The Deployment of the recorded timelines of a real cluster, as its API server defaults it. */
function web(change: (container: Record<string, unknown>) => void = () => {}) {
  const object = deployment({
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'web',
            image: 'lab/busybox:1',
            command: ['httpd', '-f', '-p', '8080'],
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  });
  change(object.spec.template.spec.containers[0]);
  createKindTable().byResource('deployments.apps')?.defaults(object);
  return object.spec.template;
}

describe('pod-template-hash: a ReplicaSet has the name that it would have in Kubernetes 1.34', () => {
  // Names that kind with Kubernetes 1.34.4 gave for these very templates.
  test.each([
    ['64446c5576', web()],
    ['d794bcf77', web(container => Object.assign(container, { image: 'lab/busybox:nope' }))],
    ['7b4cbf8895', web(container => Object.assign(container, { command: ['sh', '-c', 'echo boom; exit 3'] }))],
    ['6868746585', web(container => Object.assign(container, { readinessProbe: { tcpSocket: { port: 9 }, periodSeconds: 1 } }))],
    [
      '5c665b69f9',
      web(container =>
        Object.assign(container, { env: [{ name: 'T', valueFrom: { secretKeyRef: { name: 'absent', key: 't' } } }] }),
      ),
    ],
    ['75f9d79c96', web(container => Object.assign(container, { resources: { requests: { memory: '900Gi' } } }))],
    ['6b966dcd78', web(container => Object.assign(container, { env: [{ name: 'A', value: '1' }] }))],
  ])('%s', (hash, template) => {
    expect(podTemplateHash(template)).toBe(hash);
  });

  test('a collision gives another name', () => {
    expect(podTemplateHash(web(), 1)).not.toBe(podTemplateHash(web()));
    expect(podTemplateHash(web(), 1)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{8,10}$/);
  });
});
