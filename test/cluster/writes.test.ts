/** Every write is told under the id that the API server's audit log has, also one whose answer was lost. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ClusterWrite, type ConnectedCluster, connect } from '../../src/cluster/connection.ts';
import { json, scriptedServer, status } from './scripted-server.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const path = '/api/v1/namespaces/shop/configmaps';

let asked: { method: string | undefined; id: string | string[] | undefined }[];
/** How many answers are lost from now on. */
let lose: number;
/** How many requests are forbidden after that. */
let refuse: number;
let server: Awaited<ReturnType<typeof scriptedServer>>;
let cluster: ConnectedCluster;
let told: ClusterWrite[];
beforeEach(async () => {
  asked = [];
  told = [];
  lose = 0;
  refuse = 0;
  server = await scriptedServer((request, response) => {
    asked.push({ method: request.method, id: request.headers['audit-id'] });
    if (lose-- > 0) response.destroy();
    else if (refuse-- > 0) json(response, 403, status(403, 'Forbidden', 'configmaps is forbidden'));
    else json(response, 201, {});
  });
  cluster = await connect({ kubeconfigText: server.kubeconfigText });
  cluster.onWrite(write => told.push(write));
});
afterEach(async () => {
  cluster.close();
  await server.stop();
});

test('the id of a write is sent along, and another one with each', async () => {
  await cluster.request('POST', path, { body: {} });
  await cluster.request('POST', path, { body: {} });
  expect(told).toEqual(asked.map(({ id }) => ({ verb: 'POST', path, status: 201, auditId: id })));
  expect(told[0]?.auditId).toMatch(UUID);
  expect(told[0]?.auditId).not.toBe(told[1]?.auditId);
});

test('a write whose answer was lost is told: it may have been done', async () => {
  lose = 1;
  await expect(cluster.request('POST', path, { body: {} })).rejects.toThrow();
  expect(told).toEqual([{ verb: 'POST', path, status: 0, auditId: asked[0]?.id }]);
  expect(told[0]?.auditId).toMatch(UUID);
});

test('one that no server ever saw is not, and neither are reads and dry runs', async () => {
  await cluster.request('GET', path);
  await cluster.request('POST', `${path}?dryRun=All`, { body: {} });
  await server.stop();
  // On a connection of its own: one that was there before could have carried it.
  const fresh = cluster.separate();
  fresh.onWrite(write => told.push(write));
  await expect(fresh.request('POST', path, { body: {} })).rejects.toThrow();
  expect(told).toEqual([]);
  expect(asked.map(({ id }) => id)).toEqual([undefined, undefined]);
});

test('a dry run whose answer was lost is asked again, whatever it would have done', async () => {
  const change = [{ op: 'test', path: '/spec/replicas', value: 3 }];
  await cluster.request('GET', path);
  lose = 1;
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'settings' };
  await cluster.patch(ref, change, 'json', { dryRun: true });
  expect(asked.filter(({ method }) => method === 'PATCH').length).toBe(2);
  expect(told).toEqual([]);
});

test('a server that was away and refuses what is allowed is asked again: it answers before it knows its users', async () => {
  await cluster.request('GET', path);
  lose = 1;
  refuse = 2;
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' } };
  await cluster.replace(object);
  expect(told.map(({ status }) => status)).toEqual([0, 403, 403, 201]);
});

test('a refusal of a server that was not away is one', async () => {
  refuse = 1;
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'shop' } };
  await expect(cluster.replace(object)).rejects.toThrow(/forbidden/i);
  expect(told).toHaveLength(1);
});
