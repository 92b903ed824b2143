import { describe, expect, test } from 'vitest';
import { differences, pathText, withFieldsOf } from '../../src/cluster/fields.ts';

const container = (name: string, more: object = {}) => ({ name, image: `${name}:1`, ...more });
const workload = (containers: object[], more: object = {}) => ({
  spec: { replicas: 3, template: { spec: { containers } }, ...more },
});
const paths = (before: object, after: object) => differences(before, after).map(({ path }) => pathText(path));

describe('fields of an object', () => {
  test.each([
    ['a number', workload([]), workload([], { replicas: 5 }), ['spec.replicas']],
    [
      'an image, whatever the place of its container',
      workload([container('a'), container('b')]),
      workload([container('a'), container('b', { image: 'b:2' })]),
      ['spec.template.spec.containers[name=b].image'],
    ],
    [
      'a variable as a whole: half of a value and half of a reference is no variable',
      workload([container('a', { env: [{ name: 'KEY', value: '1' }] })]),
      workload([container('a', { env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] })]),
      ['spec.template.spec.containers[name=a].env[name=KEY]'],
    ],
    [
      'a probe as a whole',
      workload([container('a', { readinessProbe: { httpGet: { path: '/' }, periodSeconds: 1 } })]),
      workload([container('a', { readinessProbe: { tcpSocket: { port: 1 }, periodSeconds: 1 } })]),
      ['spec.template.spec.containers[name=a].readinessProbe'],
    ],
    [
      'the order of a list',
      workload([container('a'), container('b')]),
      workload([container('b'), container('a')]),
      ['spec.template.spec.containers[order]'],
    ],
    [
      'a list without merge keys as a whole',
      workload([container('a', { command: ['x'] })]),
      workload([container('a', { command: ['x', 'y'] })]),
      ['spec.template.spec.containers[name=a].command'],
    ],
    [
      'a port of a Service by its number',
      { spec: { ports: [{ port: 80, targetPort: 'http' }] } },
      { spec: { ports: [{ port: 80, targetPort: 1 }] } },
      ['spec.ports[port=80].targetPort'],
    ],
    ['names with dots', { metadata: { labels: { 'a.b/c': '1' } } }, { metadata: { labels: {} } }, ['metadata.labels["a.b/c"]']],
  ])('%s', (_what, before, after, expected) => {
    expect(paths(before, after)).toEqual(expected);
  });

  test('every field put back is the whole object put back, its lists in their order', () => {
    const before = workload([
      container('a', {
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
          { name: 'C', value: '3' },
        ],
      }),
      container('b', { resources: { limits: { cpu: '1' } } }),
    ]);
    const after = workload(
      [
        container('new'),
        container('b', { resources: {}, command: ['x'] }),
        container('a', {
          image: 'a:2',
          env: [
            { name: 'C', value: '3' },
            { name: 'A', value: '9' },
            { name: 'D', value: '4' },
          ],
        }),
      ],
      { paused: true },
    );
    const changed = differences(before, after).map(({ path }) => path);
    expect(withFieldsOf(after, before, changed)).toEqual(before);
  });

  test('what is not put back stays', () => {
    const before = workload([container('a', { env: [{ name: 'A', value: '1' }] })]);
    const after = workload(
      [
        container('a', {
          image: 'a:2',
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '2' },
          ],
        }),
      ],
      {
        replicas: 5,
      },
    );
    const back = withFieldsOf(after, before, [['spec', 'template', 'spec', 'containers', '[name=a]', 'image']]);
    expect(back).toEqual(
      workload(
        [
          container('a', {
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
          }),
        ],
        { replicas: 5 },
      ),
    );
  });
});
