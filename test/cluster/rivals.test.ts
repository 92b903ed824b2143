import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConnectedCluster, connect } from '../../src/cluster/connection.ts';
import { type Rival, rivalChecks } from '../../src/cluster/rivals.ts';
import type { RawObject } from '../../src/rehearsal/ports.ts';
import { json, scriptedServer, status } from './scripted-server.ts';

const target = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' };
const deployment = (metadata: object = {}): RawObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop', ...metadata },
  spec: { template: { metadata: { labels: { app: 'web', tier: 'front' } } } },
});
const HPA = 'autoscaling/v2/horizontalpodautoscalers';
const PDB = 'policy/v1/poddisruptionbudgets';

let server: Awaited<ReturnType<typeof scriptedServer>>;
let cluster: ConnectedCluster;
/** Objects by group/version/plural; a kind that is not named is not served. */
let objects: Record<string, object[]>;
let forbidden: string | undefined;
beforeEach(async () => {
  objects = { [HPA]: [], [PDB]: [] };
  forbidden = undefined;
  server = await scriptedServer(({ path }, response) => {
    const [group = '', version = '', , , plural] = path.replace(/^\/apis\//, '').split('/');
    const served = Object.keys(objects).filter(key => key.startsWith(`${group}/${version}/`));
    if (plural === undefined && served.length > 0) {
      const kinds: Record<string, string> = { scaledobjects: 'ScaledObject', verticalpodautoscalers: 'VerticalPodAutoscaler' };
      const resources = served.map(key => key.split('/')[2] ?? '').map(name => ({ name, kind: kinds[name], namespaced: true }));
      json(response, 200, { kind: 'APIResourceList', resources });
      return;
    }
    const items = objects[`${group}/${version}/${plural}`];
    if (plural !== undefined && plural === forbidden)
      json(response, 403, status(403, 'Forbidden', `User "me" cannot list resource "${plural}"`));
    else if (items) json(response, 200, { metadata: { resourceVersion: '1' }, items });
    else json(response, 404, status(404, 'NotFound', 'the server could not find the requested resource'));
  });
  cluster = await connect({ kubeconfigText: server.kubeconfigText });
});
afterEach(async () => {
  cluster.close();
  await server.stop();
});

async function refusals(workload = deployment(), tolerated: readonly Rival[] = [], faulted: RawObject[] = []) {
  return (await rivalChecks(cluster, workload, target, faulted, tolerated)).filter(check => !check.ok);
}

describe('what would fight a drill is refused, with what was seen', () => {
  test('nothing of it: nothing is refused, and only reads were sent', async () => {
    expect(await refusals()).toEqual([]);
    expect(new Set(server.asked.map(({ method }) => method))).toEqual(new Set(['GET']));
  });

  test.each([
    ['Argo CD', { annotations: { 'argocd.argoproj.io/tracking-id': 'front:apps/Deployment:shop/web' } }, 'argocd app set front'],
    ['Argo CD', { labels: { 'argocd.argoproj.io/instance': 'front' } }, 'argocd app set front'],
    ['Argo CD', { managedFields: [{ manager: 'argocd-controller', operation: 'Apply' }] }, 'argocd app set APP'],
    ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'front' } }, 'flux suspend kustomization front'],
    ['Flux', { labels: { 'helm.toolkit.fluxcd.io/name': 'front' } }, 'flux suspend helmrelease front'],
  ])('%s, by %j', async (who, metadata, remedy) => {
    const [found, ...others] = await refusals(deployment(metadata));
    expect(others).toEqual([]);
    expect(found?.detail).toContain(`${who} manages deployment/web`);
    expect(found?.remedy).toContain(remedy);
  });

  test('a GitOps controller that manages only the Service which the drill changes', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', labels: { 'kustomize.toolkit.fluxcd.io/name': 'front' } },
    };
    expect((await refusals(deployment(), [], [service]))[0]?.detail).toContain('Flux manages service/web');
  });

  test('an operator that owns the workload', async () => {
    const ownerReferences = [{ apiVersion: 'x/v1', kind: 'Kafka', name: 'bus', uid: '1', controller: true }];
    expect((await refusals(deployment({ ownerReferences })))[0]?.detail).toContain('Kafka bus owns it');
  });

  test('a HorizontalPodAutoscaler on it, told with its range; one on another workload is none', async () => {
    const scaler = (name: string) => ({
      metadata: { name },
      spec: { scaleTargetRef: { kind: 'Deployment', name }, minReplicas: 2, maxReplicas: 9 },
    });
    objects[HPA] = [scaler('other')];
    expect(await refusals()).toEqual([]);
    objects[HPA] = [scaler('other'), scaler('web')];
    expect((await refusals())[0]?.detail).toContain('HorizontalPodAutoscaler web (2 to 9 replicas) scales deployment/web');
  });

  test('a VerticalPodAutoscaler that acts, and KEDA, where they are installed', async () => {
    objects['autoscaling.k8s.io/v1/verticalpodautoscalers'] = [
      {
        metadata: { name: 'off' },
        spec: { targetRef: { kind: 'Deployment', name: 'web' }, updatePolicy: { updateMode: 'Off' } },
      },
    ];
    expect(await refusals()).toEqual([]);
    objects['autoscaling.k8s.io/v1/verticalpodautoscalers']?.push({
      metadata: { name: 'on' },
      spec: { targetRef: { kind: 'Deployment', name: 'web' } },
    });
    objects['keda.sh/v1alpha1/scaledobjects'] = [{ metadata: { name: 'queue' }, spec: { scaleTargetRef: { name: 'web' } } }];
    cluster.close();
    cluster = await connect({ kubeconfigText: server.kubeconfigText });
    expect((await refusals())[0]?.detail).toContain('VerticalPodAutoscaler on and ScaledObject queue scale');
  });

  const budget = (disruptionsAllowed: number, selector: object | undefined, expectedPods = 2) => ({
    metadata: { name: 'web', namespace: 'shop' },
    spec: { minAvailable: 2, ...(selector ? { selector } : {}) },
    status: { disruptionsAllowed, currentHealthy: 2, desiredHealthy: 2, expectedPods },
  });
  test.each([
    ['by its labels', { matchLabels: { app: 'web' } }],
    ['by expressions', { matchExpressions: [{ key: 'tier', operator: 'In', values: ['front', 'back'] }] }],
    ['because it selects everything', {}],
  ])('a PodDisruptionBudget without room that selects its pods %s', async (_how, selector) => {
    objects[PDB] = [budget(0, selector)];
    expect((await refusals())[0]?.detail).toBe('PodDisruptionBudget web allows 0 disruptions (2 pods healthy, 2 needed)');
  });
  test.each([
    ['with room', budget(1, { matchLabels: { app: 'web' } })],
    ['of another app', budget(0, { matchLabels: { app: 'other' } })],
    ['that selects nothing', budget(0, undefined)],
    ['that expects no pods', budget(0, {}, 0)],
  ])('a PodDisruptionBudget %s is no obstacle', async (_what, given) => {
    objects[PDB] = [given];
    expect(await refusals()).toEqual([]);
  });

  test('what cannot be read is refused: nobody knows who would fight', async () => {
    forbidden = 'horizontalpodautoscalers';
    const [found] = await refusals();
    expect(found).toMatchObject({ name: 'no autoscaler', ok: false });
    expect(found?.detail).toContain('cannot list resource');
  });

  test('a scenario that is about one of them says so, and is not refused for that one', async () => {
    objects[PDB] = [budget(0, {})];
    const owned = deployment({ labels: { 'helm.toolkit.fluxcd.io/name': 'front' } });
    const both = await refusals(owned);
    expect(both.map(check => check.remedy?.split('target: ')[1])).toEqual([
      '{ tolerate: [gitops] }',
      '{ tolerate: [disruption-budget] }',
    ]);
    expect((await refusals(owned, ['gitops'])).map(check => check.name)).toEqual(['disruption budget has room']);
  });
});
