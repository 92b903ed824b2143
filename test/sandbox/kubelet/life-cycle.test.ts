import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/sandbox/registry/resources.ts';
import { isReady, NAMESPACE, startTestNode, type TestNode } from './node-harness.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node.stop());

const busybox = (script: string, more: Record<string, unknown> = {}) => ({
  name: 'web',
  image: 'lab/busybox:1',
  command: ['sh', '-c', script],
  ...more,
});
const status = (pod: KubeObject | undefined) => pod?.status?.containerStatuses?.[0];
const historyOf = (name: string) =>
  node.history.filter(line => line.startsWith(`${name} `)).map(line => line.slice(name.length + 1));
async function logs(name: string, options = {}): Promise<string> {
  const pod = node.resources.get('pods', NAMESPACE, name) as KubeObject;
  const chunks: Buffer[] = [];
  for await (const chunk of node.kubelet.logs(pod, undefined, options, new AbortController().signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('a pod', () => {
  test('comes up and goes in the order of a real kubelet', async () => {
    node.pod('order', {
      containers: [
        {
          name: 'web',
          image: 'lab/busybox:1',
          command: ['httpd', '-f', '-p', '8080'],
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
        },
      ],
    });
    await node.until('pods', 'order', isReady);
    node.resources.delete('pods', NAMESPACE, 'order');
    await node.until('pods', 'order', pod => pod === undefined);
    const seen = historyOf('order').filter((line, index, all) => line !== all[index - 1]);
    const from = seen.indexOf('Normal Scheduled: Successfully assigned test/order to rehearse-sandbox');
    expect(seen.slice(from)).toEqual([
      'Normal Scheduled: Successfully assigned test/order to rehearse-sandbox',
      'MODIFIED Pending Ready=False/ContainersNotReady web=waiting/ContainerCreatingx0',
      'Normal Pulled: Container image "lab/busybox:1" already present on machine',
      'Normal Created: Created container: web',
      'Normal Started: Started container web',
      'MODIFIED Running Ready=False/ContainersNotReady web=runningx0',
      'MODIFIED Running Ready=True/ web=runningx0',
      'Normal Killing: Stopping container web',
      // BusyBox httpd is the container's first process and has no handler: SIGTERM does nothing, SIGKILL comes after the grace period.
      'MODIFIED Failed Ready=False/PodFailed web=terminated/Error/137x0',
      'DELETED Failed Ready=False/PodFailed web=terminated/Error/137x0',
    ]);
  });

  test('that crashes is restarted once at once, then backs off, and keeps its previous log', async () => {
    node.pod('crash', { containers: [busybox('echo boom; exit 3')] });
    const pod = await node.until('pods', 'crash', pod => status(pod)?.state?.waiting?.reason === 'CrashLoopBackOff');
    expect(status(pod)).toMatchObject({
      restartCount: 1,
      ready: false,
      started: false,
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    });
    const full = `crash_${NAMESPACE}(${pod.metadata.uid})`;
    expect(status(pod).state.waiting.message).toBe(`back-off 10s restarting failed container=web pod=${full}`);
    expect(node.events('crash')).toContain(`Warning BackOff: Back-off restarting failed container web in pod ${full}`);
    expect(pod.status.phase).toBe('Running');
    expect(await logs('crash', { previous: true })).toBe('boom\n');
    expect(historyOf('crash').filter(line => line.includes('Started'))).toHaveLength(2);
  });

  test('with restartPolicy Never ends as Succeeded or Failed with its exit code and message', async () => {
    node.pod('done', { restartPolicy: 'Never', containers: [busybox('echo fine; echo note > /dev/termination-log')] });
    node.pod('failed', {
      restartPolicy: 'Never',
      containers: [busybox('echo last words; exit 7', { terminationMessagePolicy: 'FallbackToLogsOnError' })],
    });
    const done = await node.until('pods', 'done', pod => pod?.status?.phase === 'Succeeded');
    expect(status(done).state.terminated).toMatchObject({ exitCode: 0, reason: 'Completed', message: 'note\n' });
    expect(done.status.conditions.find(({ type }: { type: string }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'PodCompleted',
    });
    const failed = await node.until('pods', 'failed', pod => pod?.status?.phase === 'Failed');
    expect(status(failed).state.terminated).toMatchObject({ exitCode: 7, reason: 'Error', message: 'last words\n' });
    expect(await logs('done')).toBe('fine\n');
  });

  test('sees its environment, its files and its name, and nothing of this machine', async () => {
    const { resources } = node;
    resources.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: NAMESPACE },
      data: { 'app.txt': 'hello', LEVEL: 'debug' },
    });
    resources.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: NAMESPACE },
      data: { token: Buffer.from('s3cret').toString('base64') },
    });
    node.pod('env', {
      restartPolicy: 'Never',
      volumes: [
        { name: 'config', configMap: { name: 'settings' } },
        { name: 'scratch', emptyDir: {} },
      ],
      containers: [
        busybox(
          'echo $A $LEVEL $TOKEN $POD $NODE_OPTIONS; cat /etc/app/app.txt; echo; echo x > /scratch/f; cat /scratch/f; echo no > /etc/app/app.txt; cat /etc/passwd; hostname; ls /; pwd',
          {
            workingDir: '/srv',
            envFrom: [{ configMapRef: { name: 'settings' } }],
            env: [
              { name: 'NODE_OPTIONS', value: '--require=/tmp/evil.js' },
              { name: 'A', value: 'pod-$(POD)' },
              { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
              { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            ],
            volumeMounts: [
              { name: 'config', mountPath: '/etc/app' },
              { name: 'scratch', mountPath: '/scratch' },
            ],
          },
        ),
      ],
    });
    await node.until('pods', 'env', pod => pod?.status?.phase === 'Succeeded');
    const text = await logs('env');
    // $(POD) is defined after A, so it stays as it is, as upstream.
    expect(text).toContain('pod-$(POD) debug s3cret env --require=/tmp/evil.js\nhello\nx\n');
    expect(text).toContain("can't create /etc/app/app.txt: Read-only file system");
    expect(text).toContain("cat: can't open '/etc/passwd': No such file or directory");
    expect(text).toMatch(/\nenv\n/);
    expect(text).toMatch(/^\/srv$/m);
  });

  test('waits for what it refers to, says so, and starts when it is there', async () => {
    node.pod('waiting', {
      containers: [busybox('sleep 100', { env: [{ name: 'T', valueFrom: { secretKeyRef: { name: 'absent', key: 't' } } }] })],
    });
    const pod = await node.until('pods', 'waiting', pod => status(pod)?.state?.waiting?.reason === 'CreateContainerConfigError');
    expect(status(pod).state.waiting.message).toBe('secret "absent" not found');
    expect(
      historyOf('waiting')
        .filter(line => line.startsWith('Normal Pulled') || line.startsWith('Warning'))
        .slice(0, 2),
    ).toEqual([
      'Normal Pulled: Container image "lab/busybox:1" already present on machine',
      'Warning Failed: Error: secret "absent" not found',
    ]);
    expect(() => logsNow('waiting')).toThrow('container "web" in pod "waiting" is waiting to start: CreateContainerConfigError');

    node.pod('unmounted', {
      volumes: [{ name: 'c', configMap: { name: 'later' } }],
      containers: [busybox('sleep 100', { volumeMounts: [{ name: 'c', mountPath: '/c' }] })],
    });
    const refused = 'Warning FailedMount: MountVolume.SetUp failed for volume "c" : configmap "later" not found';
    await expect.poll(() => node.events('unmounted'), { timeout: 5000 }).toContain(refused);
    node.resources.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later', namespace: NAMESPACE }, data: {} });
    await node.until('pods', 'unmounted', isReady);
  });

  test('whose command is not in its image fails as a container runtime fails it', async () => {
    node.pod('nocommand', {
      restartPolicy: 'Never',
      containers: [{ name: 'web', image: 'busybox:1.36', command: ['/usr/bin/python3', '-c', 'print(1)'] }],
    });
    const pod = await node.until('pods', 'nocommand', pod => pod?.status?.phase === 'Failed');
    expect(status(pod).state.terminated).toMatchObject({ exitCode: 128, reason: 'StartError' });
    expect(status(pod).state.terminated.message).toContain(
      'exec: "/usr/bin/python3": stat /usr/bin/python3: no such file or directory',
    );
  });

  test('over its memory limit is killed as OOMKilled with 137', async () => {
    node.pod('hungry', {
      restartPolicy: 'Never',
      containers: [busybox('while true; do x="$x$(seq 1 20000)"; done', { resources: { limits: { memory: '32Mi' } } })],
    });
    const pod = await node.until('pods', 'hungry', pod => pod?.status?.phase === 'Failed', 30_000);
    expect(status(pod).state.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  test('under a small limit that a container of its kind keeps is left alone', async () => {
    node.pod('small', {
      containers: [
        {
          name: 'web',
          image: 'nginx:1.27',
          resources: { limits: { memory: '16Mi' } },
          readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 },
        },
      ],
    });
    await node.until('pods', 'small', isReady);
    const used = () => node.kubelet.memory().get(`${NAMESPACE}/small/web`);
    await expect.poll(used, { timeout: 5000 }).toBeGreaterThan(0);
    expect(used()).toBeLessThan(16 * 2 ** 20);
    expect(status(node.resources.get('pods', NAMESPACE, 'small')).restartCount).toBe(0);
  });

  test('ends with its own exit code when it handles SIGTERM', async () => {
    node.pod('polite', {
      terminationGracePeriodSeconds: 20,
      containers: [
        busybox("trap 'echo bye; exit 0' TERM; touch /tmp/ready; sleep 100 & wait", {
          readinessProbe: { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1 },
        }),
      ],
    });
    await node.until('pods', 'polite', isReady);
    node.resources.delete('pods', NAMESPACE, 'polite');
    const last = await node.until('pods', 'polite', pod => pod?.status?.phase === 'Succeeded');
    expect(status(last).state.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
    await node.until('pods', 'polite', pod => pod === undefined);
  });

  test('is restarted by its liveness probe, and readiness takes it out', async () => {
    node.pod('probed', {
      containers: [
        busybox('sleep 1000', {
          livenessProbe: { exec: { command: ['test', '-f', '/tmp/alive'] }, periodSeconds: 1, failureThreshold: 1 },
          readinessProbe: { httpGet: { port: 81, path: '/x' }, periodSeconds: 1 },
        }),
      ],
    });
    const pod = await node.until('pods', 'probed', pod => (status(pod)?.restartCount ?? 0) > 0);
    expect(isReady(pod)).toBe(false);
    const events = node.events('probed');
    expect(events).toContain('Normal Killing: Container web failed liveness probe, will be restarted');
    expect(events).toContain(
      `Warning Unhealthy: Readiness probe failed: Get "http://${pod.status.podIP}:81/x": dial tcp ${pod.status.podIP}:81: connect: connection refused`,
    );
    expect(status(pod).lastState.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });
  });

  test('runs its init containers first, one after the other', async () => {
    node.pod('inits', {
      initContainers: [
        {
          name: 'one',
          image: 'busybox',
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', 'echo 1 > /shared/order'],
          volumeMounts: [{ name: 's', mountPath: '/shared' }],
        },
        {
          name: 'two',
          image: 'busybox',
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', 'echo 2 >> /shared/order'],
          volumeMounts: [{ name: 's', mountPath: '/shared' }],
        },
      ],
      volumes: [{ name: 's', emptyDir: {} }],
      restartPolicy: 'Never',
      containers: [busybox('cat /shared/order', { volumeMounts: [{ name: 's', mountPath: '/shared' }] })],
    });
    const pod = await node.until('pods', 'inits', pod => pod?.status?.phase === 'Succeeded');
    expect(await logsOf('inits', 'web')).toBe('1\n2\n');
    expect(
      pod.status.initContainerStatuses.map(
        (init: { state: { terminated: { exitCode: number } } }) => init.state.terminated.exitCode,
      ),
    ).toEqual([0, 0]);
  });

  test('sees a changed ConfigMap in its volume', async () => {
    node.resources.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'changing', namespace: NAMESPACE },
      data: { v: 'old' },
    });
    node.pod('reload', {
      volumes: [{ name: 'c', configMap: { name: 'changing' } }],
      restartPolicy: 'Never',
      containers: [
        busybox('while [ "$(cat /c/v)" = old ]; do touch /tmp/seen; sleep 0.05; done; cat /c/v', {
          volumeMounts: [{ name: 'c', mountPath: '/c' }],
          readinessProbe: { exec: { command: ['cat', '/tmp/seen'] }, periodSeconds: 1 },
        }),
      ],
    });
    await node.until('pods', 'reload', isReady);
    node.resources.modify('configmaps', NAMESPACE, 'changing', draft => {
      draft.data = { v: 'new' };
    });
    await node.until('pods', 'reload', pod => pod?.status?.phase === 'Succeeded');
    expect(await logs('reload')).toBe('new');
  });
});

function logsNow(name: string) {
  return node.kubelet.logs(
    node.resources.get('pods', NAMESPACE, name) as KubeObject,
    undefined,
    {},
    new AbortController().signal,
  );
}

async function logsOf(name: string, container: string): Promise<string> {
  const pod = node.resources.get('pods', NAMESPACE, name) as KubeObject;
  const chunks: Buffer[] = [];
  for await (const chunk of node.kubelet.logs(pod, container, {}, new AbortController().signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
