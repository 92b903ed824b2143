import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lastChange } from '../../src/cluster/last-change.ts';
import type { ObjectRef } from '../../src/record/events.ts';
import { type LiveCluster, liveCluster, realKubeconfig } from './live-clusters.ts';

describe.each([
  ['sandbox', true],
  ['real', realKubeconfig !== undefined],
] as const)('who changed a workload last, on the %s cluster', (kind, here) => {
  const ref: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: `last-change-${process.pid}`, name: 'web' };
  let live: LiveCluster;
  beforeAll(async () => {
    if (here) live = await liveCluster(kind, ref.namespace as string);
  });
  afterAll(() => live?.stop());

  test.skipIf(!here)(
    'kubectl, Argo CD, Flux and a dashboard are told apart by their field managers; the newest wins',
    async () => {
      const labels = { app: 'web' };
      await live.cluster.create({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: ref.namespace as string },
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:0' }] } },
        },
      });
      const found: string[] = [];
      for (const [index, manager] of [
        'kubectl-edit',
        'argocd-controller',
        'kustomize-controller',
        'Mozilla',
        'kubectl',
        'deploy-bot',
      ].entries()) {
        // Stamps of managed fields have a resolution of one second.
        await new Promise(resolve => setTimeout(resolve, 1050));
        const patch = { spec: { template: { spec: { containers: [{ name: 'web', image: `web:${index + 1}` }] } } } };
        await live.cluster.patch(ref, patch, 'strategic', { fieldManager: manager });
        const told = await lastChange(live.cluster, ref);
        expect(told.manager).toBe(manager);
        expect(Math.abs(Date.parse(told.at ?? '') - Date.now())).toBeLessThan(5000);
        found.push(told.how.replace(/ at .*/, ''));
      }
      expect(found).toEqual([
        'by kubectl edit (field manager kubectl-edit, Update)',
        'by an Argo CD sync (field manager argocd-controller, Update)',
        'by Flux (kustomize-controller) (field manager kustomize-controller, Update)',
        'by a dashboard in a browser (field manager Mozilla, Update)',
        'by kubectl (as its rollout undo and patch do) (field manager kubectl, Update)',
        'by deploy-bot',
      ]);
    },
  );
});
