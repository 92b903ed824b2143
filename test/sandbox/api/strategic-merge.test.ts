import { describe, expect, test } from 'vitest';
import { strategicMerge } from '../../../src/sandbox/api/patch/strategic-merge.ts';
import { schemaOf } from '../../../src/sandbox/schema/schemas.ts';

const deployment = schemaOf('apps', 'v1', 'Deployment');
const service = schemaOf('', 'v1', 'Service');

const containers = (patched: unknown) =>
  (patched as { spec: { template: { spec: { containers: unknown[] } } } }).spec.template.spec.containers;
const withContainers = (...list: unknown[]) => ({ spec: { template: { spec: { containers: list } } } });
const patchContainers = (live: unknown[], patch: Record<string, unknown>) =>
  containers(strategicMerge(withContainers(...live), { spec: { template: { spec: patch } } }, deployment));

describe('lists with a merge key', () => {
  const live = [
    { name: 'a', image: 'a:1', env: [{ name: 'X', value: '1' }] },
    { name: 'b', image: 'b:1' },
  ];

  test('a container is changed by name and its neighbours stay', () => {
    expect(patchContainers(live, { containers: [{ name: 'a', image: 'a:2' }] })).toEqual([
      { name: 'a', image: 'a:2', env: [{ name: 'X', value: '1' }] },
      { name: 'b', image: 'b:1' },
    ]);
  });

  test('$patch: delete removes one item', () => {
    expect(patchContainers(live, { containers: [{ name: 'a', $patch: 'delete' }] })).toEqual([{ name: 'b', image: 'b:1' }]);
  });

  test('$patch: replace replaces the list', () => {
    expect(patchContainers(live, { containers: [{ name: 'c', image: 'c' }, { $patch: 'replace' }] })).toEqual([
      { name: 'c', image: 'c' },
    ]);
  });

  test('null removes a field inside an item', () => {
    expect(patchContainers(live, { containers: [{ name: 'a', env: null }] })[0]).toEqual({ name: 'a', image: 'a:1' });
  });

  test('an item without its key is refused', () => {
    expect(() => patchContainers(live, { containers: [{ image: 'x' }] })).toThrow(
      'map: map[image:x] does not contain declared merge key: name',
    );
  });

  test('$setElementOrder gives the order; what only the server has keeps its place', () => {
    const order = { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] };
    const server = [{ name: 'a' }, { name: 'injected' }, { name: 'b' }];
    expect(patchContainers(server, order).map(item => (item as { name: string }).name)).toEqual(['injected', 'b', 'a']);
  });
});

test('ports of a Service merge by port, as upstream declares', () => {
  const live = { spec: { ports: [{ port: 80, targetPort: 1 }] } };
  const patched = strategicMerge(live, { spec: { ports: [{ port: 80, targetPort: 2 }, { port: 81 }] } }, service);
  expect(patched).toEqual({ spec: { ports: [{ port: 80, targetPort: 2 }, { port: 81 }] } });
});

test('lists of plain values are replaced, sets are merged and can lose items', () => {
  const args = patchContainers([{ name: 'a', args: ['x', 'y'] }], { containers: [{ name: 'a', args: ['z'] }] });
  expect(args).toEqual([{ name: 'a', args: ['z'] }]);
  const live = { metadata: { finalizers: ['a', 'b'] } };
  expect(strategicMerge(live, { metadata: { finalizers: ['c'] } }, deployment)).toEqual({
    metadata: { finalizers: ['a', 'b', 'c'] },
  });
  expect(strategicMerge(live, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }, deployment)).toEqual({
    metadata: { finalizers: ['b'] },
  });
});

test('$retainKeys drops the other members of a union: RollingUpdate to Recreate', () => {
  const live = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
  const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
  expect(strategicMerge(live, patch, deployment)).toEqual({ spec: { strategy: { type: 'Recreate' } } });
});
