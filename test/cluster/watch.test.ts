import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { connect } from '../../src/cluster/connection.ts';
import { type Asked, configMap, json, scriptedServer, status } from './scripted-server.ts';

const KIND = { apiVersion: 'v1', kind: 'ConfigMap' };
type Seen = [type: string, name: string, version: string];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Watches a server whose n-th list and n-th watch are answered by `lists[n]` and `watches[n]` (the last one again and again). */
async function watching(script: {
  lists: ((response: ServerResponse, asked: Asked) => void)[];
  watches: ((response: ServerResponse, asked: Asked) => void)[];
}) {
  let lists = 0;
  let watches = 0;
  const server = await scriptedServer((asked, response) => {
    const isWatch = asked.query.get('watch') === 'true';
    const steps = isWatch ? script.watches : script.lists;
    const step = steps[Math.min(isWatch ? watches++ : lists++, steps.length - 1)];
    step?.(response, asked);
  });
  const over = new AbortController();
  const cluster = await connect({ kubeconfigText: server.kubeconfigText });
  cleanups.push(
    () => server.stop(),
    () => cluster.close(),
    () => over.abort(),
  );
  const seen: Seen[] = [];
  const waiting: (() => void)[] = [];
  const started = cluster.watch(KIND, { namespace: 'shop', signal: over.signal }, (type, object) => {
    seen.push([type, object.metadata.name, object.metadata.resourceVersion ?? '']);
    for (const wake of waiting.splice(0)) wake();
  });
  return {
    server,
    seen,
    started,
    over,
    async until(count: number) {
      while (seen.length < count) await new Promise<void>(resolve => waiting.push(resolve));
      return seen;
    },
    watchesAsked: () => server.asked.filter(asked => asked.query.get('watch') === 'true'),
  };
}

const list =
  (version: number, ...items: unknown[]) =>
  (response: ServerResponse) =>
    json(response, 200, { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: String(version) }, items });
const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const stream =
  (...lines: string[]) =>
  (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(lines.join(''));
  };
const open =
  (...lines: string[]) =>
  (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(lines.join('') || '\n');
  };

describe('a watch', () => {
  test('delivers the first list before it resolves, then changes, resuming where a closed connection ended', async () => {
    const watch = await watching({
      lists: [list(10, configMap('a', 5), configMap('b', 6))],
      watches: [stream(line('MODIFIED', configMap('a', 11))), open(line('ADDED', configMap('c', 12)))],
    });
    await watch.started;
    expect(watch.seen.slice(0, 2)).toEqual([
      ['ADDED', 'a', '5'],
      ['ADDED', 'b', '6'],
    ]);
    await watch.until(4);
    expect(watch.seen.slice(2)).toEqual([
      ['MODIFIED', 'a', '11'],
      ['ADDED', 'c', '12'],
    ]);
    expect(watch.watchesAsked().map(asked => asked.query.get('resourceVersion'))).toEqual(['10', '11']);
    expect(watch.watchesAsked()[0]?.query.get('allowWatchBookmarks')).toBe('true');
  });

  test('resumes from a bookmark, so that a quiet watch does not fall behind', async () => {
    const bookmark = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: '90' } };
    const watch = await watching({
      lists: [list(10)],
      watches: [stream(line('BOOKMARK', bookmark)), open(line('ADDED', configMap('a', 91)))],
    });
    await watch.until(1);
    expect(watch.watchesAsked()[1]?.query.get('resourceVersion')).toBe('90');
    expect(watch.seen).toEqual([['ADDED', 'a', '91']]);
  });

  test.each([
    ['as an event in the stream', stream(line('ERROR', status(410, 'Expired', 'too old resource version: 10 (50)')))],
    ['as the answer', (response: ServerResponse) => json(response, 410, status(410, 'Expired', 'too old resource version'))],
  ])('told 410 %s, lists anew and tells what changed meanwhile as if it had been seen', async (_how, gone) => {
    const watch = await watching({
      lists: [
        list(10, configMap('same', 5), configMap('changed', 6), configMap('deleted', 7)),
        list(50, configMap('same', 5), configMap('changed', 40), configMap('new', 41)),
      ],
      watches: [gone, open()],
    });
    await watch.until(6);
    expect(watch.seen.slice(3)).toEqual([
      ['MODIFIED', 'changed', '40'],
      ['ADDED', 'new', '41'],
      ['DELETED', 'deleted', '7'],
    ]);
  });

  test('tells of an object that was deleted and created again under its name as both', async () => {
    const again = { ...configMap('a', 40), metadata: { ...configMap('a', 40).metadata, uid: 'another' } };
    const watch = await watching({
      lists: [list(10, configMap('a', 5)), list(50, again)],
      watches: [(response: ServerResponse) => json(response, 410, status(410, 'Expired', 'gone')), open()],
    });
    await watch.until(3);
    expect(watch.seen.slice(1)).toEqual([
      ['DELETED', 'a', '5'],
      ['ADDED', 'a', '40'],
    ]);
  });

  test('reads lines cut anywhere, also within a character, and drops one that the end of the stream cut off', async () => {
    const bytes = Buffer.from(
      line('ADDED', configMap('ä', 11, { text: 'größe 🫖' })) + line('ADDED', configMap('b', 12)).slice(0, 30),
    );
    const watch = await watching({
      lists: [list(10)],
      watches: [
        response => {
          response.writeHead(200);
          response.flushHeaders();
          void (async () => {
            for (const byte of bytes) {
              response.write(Buffer.from([byte]));
              await new Promise(resolve => setImmediate(resolve));
            }
            response.socket?.destroy();
          })();
        },
        open(line('ADDED', configMap('b', 12))),
      ],
    });
    await watch.until(2);
    expect(watch.seen).toEqual([
      ['ADDED', 'ä', '11'],
      ['ADDED', 'b', '12'],
    ]);
    expect(watch.watchesAsked()[1]?.query.get('resourceVersion')).toBe('11');
  });

  test('waits as long as a throttling server asks, then goes on', async () => {
    const times: number[] = [];
    const watch = await watching({
      lists: [list(10)],
      watches: [
        response => {
          times.push(performance.now());
          json(response, 429, status(429, 'TooManyRequests', 'slow down'), { 'retry-after': '1' });
        },
        response => {
          times.push(performance.now());
          open(line('ADDED', configMap('a', 11)))(response);
        },
      ],
    });
    await watch.until(1);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('survives a server that goes away and comes back with an older store', async () => {
    const watch = await watching({
      lists: [list(1000, configMap('a', 900), configMap('b', 901)), list(7, configMap('a', 3))],
      watches: [open(), open(line('ADDED', configMap('c', 8)))],
    });
    await watch.started;
    while (watch.watchesAsked().length === 0) await new Promise(resolve => setImmediate(resolve));
    await watch.server.stop();
    // A moment without anybody listening, so that it meets a refused connection.
    await new Promise(resolve => setTimeout(resolve, 150));
    await watch.server.restart();
    await watch.until(5);
    expect(watch.seen.slice(2)).toEqual([
      ['MODIFIED', 'a', '3'],
      ['DELETED', 'b', '901'],
      ['ADDED', 'c', '8'],
    ]);
  });

  test('does not ask without pause when a server closes every watch at once', async () => {
    const watch = await watching({ lists: [list(10)], watches: [stream()] });
    await watch.started;
    await new Promise(resolve => setTimeout(resolve, 1000));
    expect(watch.watchesAsked().length).toBeGreaterThan(1);
    expect(watch.watchesAsked().length).toBeLessThan(12);
  });

  test('ends with its signal and asks nothing more', async () => {
    const watch = await watching({ lists: [list(10)], watches: [open()] });
    await watch.started;
    watch.over.abort();
    const asked = watch.server.asked.length;
    await new Promise(resolve => setTimeout(resolve, 300));
    expect(watch.server.asked.length - asked).toBeLessThanOrEqual(1);
  });

  test('tells the reason when the first list is refused', async () => {
    const watch = await watching({
      lists: [
        response =>
          json(response, 403, status(403, 'Forbidden', 'configmaps is forbidden: User "x" cannot list resource "configmaps"')),
      ],
      watches: [open()],
    });
    await expect(watch.started).rejects.toMatchObject({
      status: 403,
      reason: 'Forbidden',
      hint: expect.stringContaining('kubectl auth can-i'),
    });
  });
});
