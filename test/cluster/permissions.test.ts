import { describe, expect, test } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { type Permission, permissionCheck, reviewPermissions, roleFor } from '../../src/cluster/permissions.ts';
import { json, scriptedServer } from './scripted-server.ts';

const need = (verb: string, group: string, resource: string, name?: string): Permission => ({
  verb,
  group,
  resource,
  why: 'a reason',
  ...(name === undefined ? {} : { name }),
});

describe('a Role', () => {
  const rules = (...permissions: Permission[]) => roleFor('drill', 'shop', permissions)[0]?.['rules'];

  test('has one rule for what is used alike, and names objects where only these are touched', () => {
    expect(
      rules(
        need('list', '', 'pods'),
        need('watch', '', 'pods'),
        need('watch', '', 'services'),
        need('list', '', 'services'),
        need('get', '', 'pods/log'),
        need('patch', 'apps', 'deployments', 'web'),
        need('update', 'apps', 'deployments', 'web'),
      ),
    ).toEqual([
      { apiGroups: [''], resources: ['pods', 'services'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
      { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['web'], verbs: ['patch', 'update'] },
    ]);
  });

  test('does not repeat for one object what is granted for all of the kind', () => {
    expect(rules(need('get', '', 'secrets'), need('get', '', 'secrets', 'one'))).toEqual([
      { apiGroups: [''], resources: ['secrets'], verbs: ['get'] },
    ]);
  });
});

describe('permissions', () => {
  test('are asked of the server one by one, and a missing one is named with what it is for', async () => {
    const server = await scriptedServer(({ path, body }, response) => {
      if (path === '/apis/keda.sh') return json(response, 404, {});
      const { verb } = JSON.parse(body).spec.resourceAttributes;
      return json(response, 201, { status: { allowed: verb !== 'patch' } });
    });
    const cluster = await connect({ kubeconfigText: server.kubeconfigText });
    try {
      const reviewed = await reviewPermissions(cluster, 'shop', [
        need('get', '', 'pods/log'),
        need('patch', 'apps', 'deployments', 'web'),
        { ...need('list', 'keda.sh', 'scaledobjects'), ifServed: true },
      ]);
      expect(reviewed.map(({ allowed }) => allowed)).toEqual([true, false]);
      expect(permissionCheck(reviewed)).toMatchObject({
        ok: false,
        detail: '1 of 2 missing: patch deployments.apps/web (a reason)',
      });
      expect(
        server.asked.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body).spec.resourceAttributes),
      ).toEqual([
        { namespace: 'shop', verb: 'get', group: '', resource: 'pods', subresource: 'log' },
        { namespace: 'shop', verb: 'patch', group: 'apps', resource: 'deployments', name: 'web' },
      ]);
    } finally {
      cluster.close();
      await server.stop();
    }
  });

  test('a JSON patch is sent as Go encodes it: the server compares strings byte by byte', async () => {
    const server = await scriptedServer((_asked, response) => json(response, 200, {}));
    const cluster = await connect({ kubeconfigText: server.kubeconfigText });
    try {
      const patch = [{ op: 'test', path: '/spec', value: 'a && b > c < d' }];
      await cluster.patch({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'x' }, patch, 'json');
      expect(server.asked[0]?.body).toContain('a \\u0026\\u0026 b \\u003e c \\u003c d');
      expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual(patch);
    } finally {
      cluster.close();
      await server.stop();
    }
  });
});
