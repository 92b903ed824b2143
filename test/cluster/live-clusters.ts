/**
 * Clusters that tests of roles run against: always the embedded sandbox; real Kubernetes too when REHEARSE_TEST_KUBECONFIG names
 * a kubeconfig (and REHEARSE_TEST_IMAGE an image on its nodes that has `sleep` and `true`).
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ConnectedCluster, connect } from '../../src/cluster/connection.ts';
import { systemClock } from '../../src/rehearsal/clock.ts';
import type { RawObject, RoleContext } from '../../src/rehearsal/ports.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';

export const realKubeconfig = process.env['REHEARSE_TEST_KUBECONFIG'];

export interface LiveCluster {
  cluster: ConnectedCluster;
  /** A fresh namespace, deleted at the end. */
  namespace: string;
  kubeconfigText: string;
  /** An image with `sleep` on it. */
  image: string;
  stop(): Promise<void>;
}

export async function liveCluster(kind: 'sandbox' | 'real', namespace: string): Promise<LiveCluster> {
  const namespaceObject: RawObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  if (kind === 'real') {
    const cluster = await connect({ kubeconfig: realKubeconfig ?? '' });
    await cluster.create(namespaceObject);
    return {
      cluster,
      namespace,
      kubeconfigText: await readFile(realKubeconfig ?? '', 'utf8'),
      image: process.env['REHEARSE_TEST_IMAGE'] ?? 'lab/busybox:1',
      async stop() {
        await cluster.delete({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
        cluster.close();
      },
    };
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'rehearse-roles-'));
  const sandbox = await startSandbox({ directory });
  const cluster = await connect({ kubeconfigText: sandbox.kubeconfig });
  await cluster.create(namespaceObject);
  return {
    cluster,
    namespace,
    kubeconfigText: sandbox.kubeconfig,
    image: 'busybox:1.36',
    async stop() {
      cluster.close();
      await sandbox.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What roles are handed, on the system's clock. */
export function roleContext(live: LiveCluster, kind: string, name: string): RoleContext {
  const startMs = performance.now();
  return {
    cluster: live.cluster,
    clock: systemClock,
    tMs: () => performance.now() - startMs,
    namespace: live.namespace,
    target: { apiVersion: 'apps/v1', kind, namespace: live.namespace, name },
    emit() {},
    log: { debug() {}, info() {}, warn() {} },
  };
}

/** A workload of one container that does nothing for long, with the names that faults and rollbacks need. */
export function workload(live: LiveCluster, kind: 'Deployment' | 'StatefulSet' | 'DaemonSet', name: string): RawObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: live.namespace, annotations: { 'kubernetes.io/change-cause': 'release 1' } },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas: 2 }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'main',
              image: live.image,
              imagePullPolicy: 'IfNotPresent',
              command: ['sleep', '3600'],
              env: [{ name: 'COLOUR', value: 'green' }],
              readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
            },
          ],
          volumes: [{ name: 'config', configMap: { name: 'settings', optional: true } }],
        },
      },
    },
  };
}
