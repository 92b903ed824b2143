import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';
import { isReady, NAMESPACE, startTestNode, type TestNode } from './node-harness.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode({ controllers: true });
});
afterAll(() => node.stop());

test('a pod reaches pods and Services by name on the ports that they declare, and nothing of this machine', async () => {
  const service = (name: string, spec: Record<string, unknown>) =>
    node.resources.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: NAMESPACE },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
    });
  service('web', {});
  service('headless', { clusterIP: 'None' });
  node.pod(
    'web',
    {
      containers: [
        {
          name: 'web',
          image: 'nginx:1.27',
          ports: [{ name: 'http', containerPort: 80 }],
          readinessProbe: { httpGet: { port: 'http' }, periodSeconds: 1 },
        },
      ],
    },
    { labels: { app: 'web' } },
  );
  const web = await node.until('pods', 'web', isReady);
  await expect
    .poll(
      () =>
        node.resources.list('endpointslices.discovery.k8s.io', { namespace: NAMESPACE }).filter(slice => slice.endpoints?.length)
          .length,
    )
    .toBe(2);
  const address: string = web.status.podIP;
  const commands = [
    ...['web', 'web.test', 'web.test.svc', 'web.test.svc.cluster.local', 'headless', address].map(
      host => `echo ${host} $(wget -qO- http://${host}/ | grep -c '<title>Welcome')`,
    ),
    'nc -zv web 81',
    'wget -qO- http://absent',
    'wget -qO- http://10.1.2.3/',
    // Every port of this machine's own loopback is another one inside the pod.
    'wget -qO- http://127.0.0.1:64565/',
  ];
  node.pod('client', {
    restartPolicy: 'Never',
    containers: [{ name: 'c', image: 'busybox:1.36', command: ['sh', '-c', commands.join('; ')] }],
  });
  await node.until('pods', 'client', pod => pod?.status?.phase === 'Failed');
  const chunks: Buffer[] = [];
  const client = node.resources.get('pods', NAMESPACE, 'client') as KubeObject;
  for await (const chunk of node.kubelet.logs(client, undefined, {}, new AbortController().signal)) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString().trim().split('\n');
  // Standard output and standard error are two pipes: their order among each other is not kept.
  expect(lines.filter(line => !line.includes(': '))).toEqual([
    'web 1',
    'web.test 1',
    'web.test.svc 1',
    'web.test.svc.cluster.local 1',
    'headless 1',
    `${address} 1`,
  ]);
  expect(lines.filter(line => line.includes(': '))).toEqual([
    'nc: web (web:81): Connection refused',
    "wget: bad address 'absent'",
    'wget: connect ENETUNREACH 10.1.2.3:80',
    expect.stringContaining('Connection refused'),
  ]);
});
