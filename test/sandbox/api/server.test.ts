import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';
import { startApi } from './api-client.ts';

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const CONFIG_MAPS = '/api/v1/namespaces/a/configmaps';
const configMap = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'a' },
  data,
});
const TABLE = { Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

describe('who may speak to it', () => {
  test('without credentials, and with wrong ones, nobody', async () => {
    for (const Authorization of ['', 'Bearer wrong', 'Bearer secret-tokem']) {
      const answer = await api.call('/api/v1/pods', { headers: { Authorization } });
      expect(answer.code).toBe(401);
      expect(answer.json).toMatchObject({ kind: 'Status', reason: 'Unauthorized', code: 401 });
    }
  });

  test('it listens on loopback', () => {
    expect(api.server.address).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });
});

describe('bad requests', () => {
  test.each([
    ['GET', '/api/v1/nope', undefined, 404, 'the server could not find the requested resource'],
    ['GET', '/apis/apps/v1/namespaces/a/deployments/x', undefined, 404, 'deployments.apps "x" not found'],
    ['GET', '/api/v1/pods?fieldSelector=spec.x=1', undefined, 400, 'field label not supported: spec.x'],
    ['GET', '/api/v1/pods?limit=x', undefined, 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['POST', '/api/v1/pods', {}, 405, 'the server does not allow this method on the requested resource'],
    ['GET', '/api/v1/namespaces/%E0%A4%A/pods', undefined, 400, 'invalid URL escape'],
    ['GET', '//x', undefined, 404, 'the server could not find the requested resource'],
    ['POST', CONFIG_MAPS, '{', 400, 'unexpected end of JSON input'],
    ['POST', CONFIG_MAPS, 'null', 400, 'cannot be handled as a ConfigMap'],
    ['POST', CONFIG_MAPS, '[]', 400, 'cannot unmarshal array'],
  ])('%s %s: a Status, never a broken connection', async (method, path, body, code, message) => {
    const answer = await api.call(path, { method, ...(body === undefined ? {} : { body }) });
    expect(answer.code).toBe(code);
    expect(answer.json).toMatchObject({ kind: 'Status', status: 'Failure', code });
    expect(answer.json.message).toContain(message);
  });

  test('a body that is too large is 413', async () => {
    const answer = await api.call(CONFIG_MAPS, { method: 'POST', body: configMap('big', { a: 'x'.repeat(3 * 1024 * 1024) }) });
    expect(answer.code).toBe(413);
  });

  test('what cannot be answered is 406, what cannot be read 415', async () => {
    const protobufOnly = await api.call('/api/v1/pods', { headers: { Accept: 'application/vnd.kubernetes.protobuf' } });
    expect(protobufOnly.code).toBe(406);
    const cbor = await api.call(CONFIG_MAPS, { method: 'POST', body: 'x', headers: { 'Content-Type': 'application/cbor' } });
    expect(cbor.code).toBe(415);
  });

  test('an unknown field is refused, warned of or ignored, as asked', async () => {
    const body = { ...configMap('unknown'), bogus: 1 };
    const strict = await api.call(`${CONFIG_MAPS}?fieldValidation=Strict&dryRun=All`, { method: 'POST', body });
    expect(strict.json.message).toContain('strict decoding error: unknown field "bogus"');
    const warned = await api.call(`${CONFIG_MAPS}?dryRun=All`, { method: 'POST', body });
    expect(warned.code).toBe(201);
    expect(warned.headers.warning).toBe('299 - "unknown field \\"bogus\\""');
    expect(warned.json).not.toHaveProperty('bogus');
    const ignored = await api.call(`${CONFIG_MAPS}?fieldValidation=Ignore&dryRun=All`, { method: 'POST', body });
    expect(ignored.headers.warning).toBeUndefined();
    expect(api.registry.get('configmaps', 'a', 'unknown')).toBeUndefined();
  });
});

describe('lists', () => {
  test('pages are one snapshot, whatever happens meanwhile', async () => {
    for (const name of ['p1', 'p2', 'p3', 'p4'])
      api.registry.create({ ...configMap(name), metadata: { name, namespace: 'a', labels: { page: 'y' } } });
    const path = `${CONFIG_MAPS}?labelSelector=page%3Dy&limit=2`;
    const first = await api.call(path);
    expect(first.json.items.map((item: KubeObject) => item.metadata.name)).toEqual(['p1', 'p2']);
    api.registry.delete('configmaps', 'a', 'p3');
    const second = await api.call(`${path}&continue=${first.json.metadata.continue}`);
    expect(second.json.items.map((item: KubeObject) => item.metadata.name)).toEqual(['p3', 'p4']);
    expect(second.json.metadata.resourceVersion).toBe(first.json.metadata.resourceVersion);
    expect(second.json.metadata.continue).toBeUndefined();
  });

  test('a table has the columns of upstream and rows with metadata', async () => {
    api.registry.create(configMap('table', { x: '1', y: '2' }));
    const { json } = await api.call(`${CONFIG_MAPS}?fieldSelector=metadata.name%3Dtable`, { headers: TABLE });
    expect(json.columnDefinitions.map((column: { name: string }) => column.name)).toEqual(['Name', 'Data', 'Age']);
    expect(json.rows[0].cells.slice(0, 2)).toEqual(['table', '2']);
    expect(json.rows[0].object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'table' } });
  });

  test('a version that is still to come is a Timeout, as upstream says', async () => {
    const { code, json } = await api.call(`${CONFIG_MAPS}?resourceVersion=99999999`);
    expect(code).toBe(504);
    expect(json.message).toMatch(/^Timeout: Too large resource version: 99999999, current: \d+$/);
  });
});

describe('watches', () => {
  test('from a version: what happened since, then what happens', async () => {
    const from = api.registry.version();
    api.registry.create(configMap('w1'));
    const events = await api.watch(`${CONFIG_MAPS}?watch=1&resourceVersion=${from}`, 3, () => {
      api.registry.update(configMap('w1', { a: 'b' }));
      api.registry.delete('configmaps', 'a', 'w1');
    });
    expect(events.map(event => [event.type, event.object.metadata.name])).toEqual([
      ['ADDED', 'w1'],
      ['MODIFIED', 'w1'],
      ['DELETED', 'w1'],
    ]);
    const versions = events.map(event => Number(event.object.metadata.resourceVersion));
    expect([...versions].sort((x, y) => x - y)).toEqual(versions);
  });

  test('an object that leaves the selection is DELETED, one that enters it ADDED', async () => {
    api.registry.create({ ...configMap('sel'), metadata: { name: 'sel', namespace: 'a', labels: { sel: 'in' } } });
    const from = api.registry.version();
    const label = (value: string) =>
      api.registry.modify('configmaps', 'a', 'sel', draft => {
        draft.metadata.labels = { sel: value };
      });
    const events = await api.watch(`${CONFIG_MAPS}?watch=1&resourceVersion=${from}&labelSelector=sel%3Din`, 2, () => {
      label('out');
      label('in');
    });
    expect(events.map(event => event.type)).toEqual(['DELETED', 'ADDED']);
  });

  test('WatchList: the state, then a bookmark that says it is complete', async () => {
    const path = `${CONFIG_MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
    const count = api.registry.list('configmaps', { namespace: 'a' }).length;
    const events = await api.watch(path, count + 1);
    expect(events.at(-1)).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    expect(events.slice(0, -1).every(event => event.type === 'ADDED')).toBe(true);
  });

  test('too old a version is told in the stream: 410 Expired', async () => {
    for (let i = 0; i < 2_500; i++)
      api.registry.modify('namespaces', undefined, 'a', draft => {
        draft.metadata.labels = { i: String(i) };
      });
    const [event] = await api.watch('/api/v1/namespaces?watch=1&resourceVersion=1', 1);
    expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', reason: 'Expired', code: 410 } });
    expect(event.object.message).toMatch(/^too old resource version: 1 \(\d+\)$/);
  });

  test('tables in a watch name their columns once', async () => {
    const events = await api.watch(`${CONFIG_MAPS}?watch=1`, 2, () => {}, TABLE);
    expect(events[0].object.columnDefinitions).toHaveLength(3);
    expect(events[1].object.columnDefinitions).toBeNull();
  });

  test('timeoutSeconds ends it', async () => {
    const answer = await api.call(`${CONFIG_MAPS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dnone`);
    expect(answer.text).toBe('');
  });
});

describe('Events in both groups', () => {
  test('written as core/v1, read as events.k8s.io/v1', async () => {
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'a' },
      involvedObject: { kind: 'Pod', name: 'p' },
      reason: 'Killing',
      message: 'Stopping',
      source: { component: 'kubelet' },
      count: 2,
      type: 'Normal',
    };
    await api.call('/api/v1/namespaces/a/events', { method: 'POST', body: event });
    const { json } = await api.call('/apis/events.k8s.io/v1/namespaces/a/events/e');
    expect(json).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      regarding: { name: 'p' },
      note: 'Stopping',
      deprecatedCount: 2,
    });
    expect(json).not.toHaveProperty('involvedObject');
  });
});

describe('service proxy', () => {
  const PROXY = '/api/v1/namespaces/a/services/web:80/proxy';
  const app = createServer((request, response) => {
    let body = '';
    request.on('data', chunk => {
      body += chunk;
    });
    request.on('end', () => {
      response.writeHead(request.url === '/teapot' ? 418 : 200, { 'Content-Type': 'text/plain', 'X-App': 'yes' });
      response.end(`${request.method} ${request.url} ${request.headers.authorization ?? 'no credentials'} ${body}`);
    });
  });
  const endpoints = (port: number, ready = true): KubeObject => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'web-1', namespace: 'a', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: '', port, protocol: 'TCP' }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready } }],
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>(resolve => app.listen(0, '127.0.0.1', () => resolve()));
    port = (app.address() as AddressInfo).port;
    api.registry.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'a' },
      spec: { ports: [{ port: 80 }] },
    });
    api.registry.create(endpoints(port));
  });
  afterAll(() => {
    app.closeAllConnections();
    app.close();
  });

  test('method, path, query, body, status and headers go through; the credentials of the API do not', async () => {
    const answer = await api.call(`${PROXY}/teapot`, { method: 'POST', body: 'hello' });
    expect(answer.code).toBe(418);
    expect(answer.headers['x-app']).toBe('yes');
    expect(answer.text).toBe('POST /teapot no credentials hello');
    expect((await api.call(`${PROXY}/a%2Fb?x=1&y=2`)).text).toBe('GET /a%2Fb?x=1&y=2 no credentials ');
  });

  test('no ready endpoint, a refused connection, no such port or service: as upstream', async () => {
    const message = async (path: string) => (await api.call(path)).json.message;
    expect(await message('/api/v1/namespaces/a/services/web:81/proxy/')).toBe('no service port 81 found for service "web"');
    expect(await message('/api/v1/namespaces/a/services/none:80/proxy/')).toBe('services "none" not found');
    api.registry.update(endpoints(port, false));
    const none = await api.call(`${PROXY}/`);
    expect(none.code).toBe(503);
    expect(none.json).toMatchObject({ reason: 'ServiceUnavailable', message: 'no endpoints available for service "web"' });
    api.registry.update(endpoints(1));
    expect(await message(`${PROXY}/`)).toBe('error trying to reach service: dial tcp 127.0.0.1:1: connect: connection refused');
  });
});
