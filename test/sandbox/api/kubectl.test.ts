import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageFile } from '../../../src/package-file.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';

const found = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
const built = existsSync(packageFile('dist', 'programs', 'shop.mjs'));
const missing = [found.status === 0 ? '' : 'no kubectl on the PATH', built ? '' : 'dist is not built'].filter(Boolean).join(', ');

// Deployments of the demo app, driven by the engineer's own kubectl.
describe.skipIf(missing !== '')(`kubectl against the sandbox${missing && ` (skipped: ${missing})`}`, () => {
  let directory: string;
  let sandbox: Sandbox;
  let manifest: string;

  function kubectl(args: string[], input?: string): Promise<{ code: number; out: string; err: string }> {
    return new Promise(resolve => {
      const child = spawn('kubectl', ['--kubeconfig', sandbox.kubeconfigPath, '-n', 't', ...args], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { ...process.env, KUBECACHEDIR: join(directory, 'cache') },
      });
      let out = '';
      let err = '';
      child.stdout.on('data', chunk => {
        out += chunk;
      });
      child.stderr.on('data', chunk => {
        err += chunk;
      });
      child.on('close', code => resolve({ code: code ?? -1, out: out.trim(), err: err.trim() }));
      child.stdin.end(input);
    });
  }
  const ok = async (args: string[], input?: string) => {
    const { code, out, err } = await kubectl(args, input);
    expect(`${code} ${err}`).toMatch(/^0 (Warning.*)?/);
    return out;
  };

  const deployment = (change: (spec: Record<string, unknown>) => void = () => {}, name = 'web') => {
    const spec: Record<string, unknown> = {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'web',
              image: 'rehearse/shop:1.4.0',
              args: ['payments'],
              env: [{ name: 'PAYMENTS_API_KEY', value: 'test' }],
              ports: [{ containerPort: 8080, name: 'http' }],
            },
          ],
        },
      },
    };
    change(spec);
    return JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 't' }, spec });
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rehearse-kubectl-'));
    sandbox = await startSandbox({ directory });
    manifest = join(directory, 'web.json');
    await writeFile(manifest, deployment());
    await ok(['create', 'namespace', 't']);
  });
  afterAll(async () => {
    await sandbox?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test('apply three ways: created, unchanged, configured; and diff tells beforehand', async () => {
    expect(await ok(['apply', '-f', manifest])).toBe('deployment.apps/web created');
    expect(await ok(['apply', '-f', manifest])).toBe('deployment.apps/web unchanged');
    const changed = deployment(spec => {
      spec.replicas = 3;
    });
    const diff = await kubectl(['diff', '-f', '-'], changed);
    expect(diff.code).toBe(1);
    expect(diff.out).toMatch(/-\s+replicas: 2\n\+\s+replicas: 3/);
    expect(await ok(['apply', '-f', '-'], changed)).toBe('deployment.apps/web configured');
  });

  test('tables, wide, names, JSONPath, sorting and labels', async () => {
    expect(await ok(['get', 'deploy'])).toMatch(/^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+\d\/3/);
    expect(await ok(['get', 'deploy', '-o', 'wide'])).toContain('CONTAINERS');
    expect(await ok(['get', 'deploy,rs', '-o', 'name'])).toMatch(/^deployment.apps\/web\nreplicaset.apps\/web-/);
    expect(await ok(['get', 'deploy', 'web', '-o', 'jsonpath={.spec.strategy.rollingUpdate.maxSurge}'])).toBe('25%');
    expect(
      await ok(['get', 'pods', '-l', 'app in (web)', '--sort-by=.metadata.name', '--show-labels', '--no-headers']),
    ).toContain('app=web');
    expect(await ok(['get', 'pods', '--field-selector=metadata.name=none'])).toBe('');
    expect(await ok(['get', 'all', '-A'])).toContain('deployment.apps/web');
  });

  test('rollout: status, history, undo, pause, resume, restart, with set image, set env and scale', async () => {
    await ok(['rollout', 'status', 'deploy/web', '--timeout=30s']);
    await ok(['set', 'image', 'deploy/web', 'web=rehearse/shop:1.4.1']);
    await ok(['annotate', 'deploy', 'web', 'kubernetes.io/change-cause=to 1.4.1']);
    expect(await ok(['rollout', 'status', 'deploy/web', '--timeout=30s'])).toContain('successfully rolled out');
    expect(await ok(['rollout', 'history', 'deploy/web'])).toMatch(/1\s+<none>\n2\s+to 1.4.1/);
    expect(await ok(['rollout', 'undo', 'deploy/web'])).toBe('deployment.apps/web rolled back');
    expect(await ok(['get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}'])).toBe(
      'rehearse/shop:1.4.0',
    );
    await ok(['rollout', 'pause', 'deploy/web']);
    await ok(['set', 'env', 'deploy/web', 'X=1']);
    await ok(['rollout', 'resume', 'deploy/web']);
    await ok(['rollout', 'restart', 'deploy/web']);
    expect(await ok(['scale', 'deploy', 'web', '--replicas=1'])).toBe('deployment.apps/web scaled');
    await ok(['rollout', 'status', 'deploy/web', '--timeout=30s']);
    await ok(['wait', '--for=condition=Available', 'deploy/web', '--timeout=10s']);
    await ok(['wait', '--for=jsonpath={.status.readyReplicas}=1', 'deploy/web', '--timeout=10s']);
  });

  test('logs, describe and events of what runs', async () => {
    // Pods of the rollout before are on their way out: they must not vanish between being listed and being read.
    await expect.poll(async () => (await ok(['get', 'pods', '-l', 'app=web', '-o', 'name'])).split('\n').length).toBe(1);
    expect(await ok(['logs', 'deploy/web', '--tail=1'])).not.toBe('');
    expect(await ok(['logs', '-l', 'app=web', '--all-containers', '--timestamps', '--tail=1'])).toMatch(/^\d{4}-\d\d-\d\dT/);
    const description = await ok(['describe', 'deploy', 'web']);
    expect(description).toContain('NewReplicaSet:');
    expect(description).toMatch(/ScalingReplicaSet.*deployment-controller/);
    expect(await ok(['events', '--for', 'deployment/web'])).toContain('ScalingReplicaSet');
    expect(await ok(['describe', 'nodes'])).toContain('Allocated resources');
  });

  test('patches of three kinds, label, set resources', async () => {
    await ok([
      'patch',
      'deploy',
      'web',
      '-p',
      '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"Y","value":"2"}]}]}}}}',
    ]);
    await ok(['patch', 'deploy', 'web', '--type=merge', '-p', '{"spec":{"minReadySeconds":1}}']);
    await ok(['patch', 'deploy', 'web', '--type=json', '-p', '[{"op":"remove","path":"/spec/minReadySeconds"}]']);
    await ok(['set', 'resources', 'deploy/web', '--limits=memory=128Mi']);
    await ok(['label', 'deploy', 'web', 'team=x']);
    const spec = JSON.parse(await ok(['get', 'deploy', 'web', '-o', 'json'])).spec;
    expect(spec.template.spec.containers[0].env.map((e: { name: string }) => e.name).sort()).toEqual([
      'PAYMENTS_API_KEY',
      'X',
      'Y',
    ]);
    expect(spec.minReadySeconds).toBeUndefined();
  });

  test('server-side apply: a conflict names the field and its manager, force takes it', async () => {
    const config = deployment(spec => {
      spec.replicas = 2;
    }, 'ssa');
    await ok(['apply', '--server-side', '-f', '-'], config);
    await ok(['scale', 'deploy', 'ssa', '--replicas=0']);
    const conflict = await kubectl(['apply', '--server-side', '-f', '-'], config);
    expect(conflict.code).toBe(1);
    expect(conflict.err).toContain('conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas');
    expect(await ok(['apply', '--server-side', '--force-conflicts', '-f', '-'], config)).toBe(
      'deployment.apps/ssa serverside-applied',
    );
    await ok(['delete', 'deploy', 'ssa', '--cascade=foreground']);
  });

  test('generators, which send protobuf or JSON as they like', async () => {
    await ok(['create', 'configmap', 'c', '--from-literal=a=b']);
    await ok(['create', 'secret', 'generic', 's', '--from-literal=k=v']);
    await ok(['create', 'deployment', 'gen', '--image=rehearse/shop:1.4.0', '--replicas=0', '--port=80']);
    await ok(['create', 'job', 'j', '--image=rehearse/shop:nope']);
    await ok(['create', 'service', 'clusterip', 'svc', '--tcp=80:8080']);
    await ok(['expose', 'deploy', 'web', '--port=80', '--target-port=http']);
    await ok(['create', 'pdb', 'p', '--selector=app=web', '--min-available=1']);
    expect(await ok(['get', 'secret', 's', '-o', 'jsonpath={.data.k}'])).toBe(Buffer.from('v').toString('base64'));
    expect(await ok(['get', 'deploy', 'gen', '-o', 'jsonpath={.spec.template.spec.containers[0].ports[0].protocol}'])).toBe(
      'TCP',
    );
    expect(await ok(['get', 'svc', 'svc', '-o', 'jsonpath={.spec.ports[0].targetPort}'])).toBe('8080');
  });

  test.each([
    [
      'a wrong selector',
      (spec: Record<string, unknown>) => Object.assign(spec, { selector: { matchLabels: { app: 'x' } } }),
      '`selector` does not match template `labels`',
    ],
    [
      'an unknown field',
      (spec: Record<string, unknown>) => Object.assign(spec, { replica: 1 }),
      'strict decoding error: unknown field "spec.replica"',
    ],
    [
      'a wrong type',
      (spec: Record<string, unknown>) => Object.assign(spec, { replicas: 'two' }),
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
  ])('%s is refused as upstream refuses it', async (_name, change, message) => {
    const { code, err } = await kubectl(['apply', '-f', '-'], deployment(change, 'bad'));
    expect(code).toBe(1);
    expect(err).toContain(message);
  });

  test('about itself: discovery, explain, access, version, health', async () => {
    const resources = await ok(['api-resources', '-o', 'name']);
    for (const name of ['pods', 'deployments.apps', 'events.events.k8s.io', 'endpointslices.discovery.k8s.io'])
      expect(resources.split('\n')).toContain(name);
    expect(await ok(['explain', 'deployment.spec.strategy'])).toContain('rollingUpdate');
    expect(await ok(['auth', 'can-i', 'delete', 'pods'])).toBe('yes');
    expect(await ok(['auth', 'whoami'])).toContain('rehearse-admin');
    expect(await ok(['version'])).toContain('Server Version: v1.34');
    expect(await ok(['get', '--raw', '/readyz'])).toBe('ok');
  });

  test('a pod of the moment: its output arrives, its exit code is kubectl’s', async () => {
    const run = ['run', 'tmp', '--rm', '-i', '--image=busybox:1.36', '--restart=Never', '--', 'sh', '-c'];
    const { code, out } = await kubectl([...run, 'echo first; sleep 1; echo last; exit 4']);
    expect(out).toMatch(/^first\nlast\n/m);
    expect(code).toBe(4);
  });

  test('a container that ended: logs -f ends with it, logs -p shows the run before', async () => {
    await ok(['run', 'crash', '--image=busybox:1.36', '--', 'sh', '-c', 'echo dying; sleep 0.5; exit 3']);
    await ok(['wait', '--for=jsonpath={.status.containerStatuses[0].restartCount}=1', 'pod/crash', '--timeout=20s']);
    expect(await ok(['logs', '-f', 'crash'])).toBe('dying');
    expect(await ok(['logs', '-p', 'crash'])).toBe('dying');
    await ok(['delete', 'pod', 'crash', '--grace-period=0', '--force']);
  });

  test('a rollout that never gets ready fails at its progress deadline', async () => {
    const stuck = deployment(spec => {
      spec.progressDeadlineSeconds = 1;
    }, 'stuck');
    await ok(['apply', '-f', '-'], stuck.replace('rehearse/shop:1.4.0', 'rehearse/shop:none'));
    const { code, err } = await kubectl(['rollout', 'status', 'deploy/stuck', '--timeout=20s']);
    expect(`${code} ${err}`).toContain('1 error: deployment "stuck" exceeded its progress deadline');
    await ok(['delete', 'deploy', 'stuck']);
  });

  test('edit, replace --force, and apply --prune of what is no longer in the file', async () => {
    const map = (name: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {prune: me}}\ndata: {k: one}\n`;
    await ok(['apply', '-f', '-'], `${map('kept')}---\n${map('dropped')}`);
    expect(await ok(['apply', '-f', '-', '--prune', '-l', 'prune=me'], map('kept'))).toContain('configmap/dropped pruned');
    process.env.KUBE_EDITOR = 'sed -i s/one/two/';
    expect(await ok(['edit', 'configmap', 'kept'])).toBe('configmap/kept edited');
    delete process.env.KUBE_EDITOR;
    expect(await ok(['get', 'cm', 'kept', '-o', 'jsonpath={.data.k}'])).toBe('two');
    expect(await ok(['replace', '--force', '-f', '-'], map('kept'))).toContain('configmap/kept replaced');
  });

  test.each([
    [['exec', 'deploy/web', '--', 'ls'], 'the sandbox serves no exec, cp or port-forward'],
    [['port-forward', 'deploy/web', '0:80'], 'the sandbox serves no exec, cp or port-forward'],
    [
      ['create', 'cronjob', 'c', '--image=x', '--schedule=* * * * *'],
      'nothing in the sandbox acts on objects of kind CronJob: creating one is refused',
    ],
    [['create', 'token', 'default'], 'the sandbox has no serviceaccounts/token'],
    [['debug', 'deploy/web', '--image=busybox:1.36', '--profile=general'], 'ephemeral containers are disabled for this cluster'],
  ])('what is not served says so: %j', async (args, message) => {
    let asked = args;
    if (args[0] === 'debug') asked = ['debug', await ok(['get', 'pods', '-l', 'app=web', '-o', 'name']), ...args.slice(2)];
    const { code, err } = await kubectl(asked);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });

  test('delete: a Deployment takes its pods along, a namespace everything', async () => {
    expect(await ok(['delete', 'deploy', 'web'])).toContain('deleted');
    await ok(['wait', '--for=delete', 'pod', '-l', 'app=web', '--timeout=20s']);
    await ok(['delete', 'namespace', 't', '--timeout=20s']);
    expect((await kubectl(['get', 'ns', 't'])).err).toContain('namespaces "t" not found');
  });
});
