import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../../src/package-file.ts';
import { systemClock } from '../../../src/sandbox/clock.ts';
import { startControllers } from '../../../src/sandbox/controllers/index.ts';
import { type Kubelet, startKubelet } from '../../../src/sandbox/kubelet/kubelet.ts';
import { type Network, startNetwork } from '../../../src/sandbox/network/network.ts';
import { createEventRecorder } from '../../../src/sandbox/registry/event-recorder.ts';
import { createRegistry } from '../../../src/sandbox/registry/registry.ts';
import type { ControlLoopContext, KubeObject, Resources } from '../../../src/sandbox/registry/resources.ts';
import { startScheduler } from '../../../src/sandbox/scheduler/scheduler.ts';
import { allocateServiceAddresses } from '../../../src/sandbox/service-addresses.ts';

export interface TestNode {
  resources: Resources;
  context: ControlLoopContext;
  kubelet: Kubelet;
  network: Network;
  directory: string;
  /** One line for each change of a pod and each event about one, in order. */
  history: string[];
  /** Resolves when `condition` holds for the object; rejects after `timeoutMs` with what it was instead. */
  until<T extends KubeObject>(
    resource: string,
    name: string,
    condition: (object: T | undefined) => boolean,
    timeoutMs?: number,
  ): Promise<T>;
  pod(name: string, spec: Record<string, unknown>, metadata?: Record<string, unknown>): KubeObject;
  events(name: string): string[];
  stop(): Promise<void>;
}

export const NAMESPACE = 'test';

/** The node with its real parts and real processes; no HTTP. */
export async function startTestNode(options: { controllers?: boolean } = {}): Promise<TestNode> {
  if (!existsSync(packageFile('dist/programs/container.mjs'))) execFileSync(process.execPath, [packageFile('scripts/build.mjs')]);
  const directory = mkdtempSync(join(tmpdir(), 'rehearse-node-'));
  const resources = createRegistry(systemClock);
  const context: ControlLoopContext = {
    resources,
    clock: systemClock,
    recordEvent: createEventRecorder(resources, systemClock),
    log: (message, details) => process.stderr.write(`${message} ${JSON.stringify(details ?? {})}\n`),
  };
  for (const name of ['default', 'kube-node-lease', NAMESPACE]) {
    resources.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  const network = await startNetwork(context);
  allocateServiceAddresses(resources, network);
  const controllers = options.controllers ? startControllers(context) : undefined;
  const scheduler = startScheduler(context);
  const kubelet = await startKubelet(context, { directory, network });
  const history: string[] = [];
  resources.watch('events', ({ type, object }) => {
    if (type !== 'DELETED') history.push(`${object.involvedObject.name} ${object.type} ${object.reason}: ${object.message}`);
  });
  resources.watch('pods', ({ type, object }) => {
    const states = (object.status?.containerStatuses ?? []).map(
      (status: { name: string; restartCount: number; state: object }) => {
        const [kind, detail] = Object.entries(status.state)[0] ?? ['none', {}];
        return `${status.name}=${kind}${detail.reason ? `/${detail.reason}` : ''}${detail.exitCode === undefined ? '' : `/${detail.exitCode}`}x${status.restartCount}`;
      },
    );
    const ready = object.status?.conditions?.find((condition: { type: string }) => condition.type === 'Ready');
    history.push(
      `${object.metadata.name} ${type} ${object.status?.phase ?? ''} Ready=${ready?.status}/${ready?.reason ?? ''} ${states.join(' ')}`,
    );
  });
  return {
    resources,
    context,
    kubelet,
    network,
    directory,
    history,
    until: (resource, name, condition, timeoutMs = 15_000) =>
      new Promise((resolve, reject) => {
        let last: KubeObject | undefined;
        const timer = setTimeout(() => {
          stop();
          reject(
            new Error(
              `${resource}/${name} never got there:\n${JSON.stringify(last?.status, null, 1)}\n${history.filter(line => line.startsWith(`${name} `)).join('\n')}`,
            ),
          );
        }, timeoutMs);
        const check = (object: KubeObject | undefined) => {
          last = object;
          if (!condition(object as never)) return false;
          clearTimeout(timer);
          setImmediate(() => {
            stop();
            resolve(object as never);
          });
          return true;
        };
        let done = resources.get(resource, NAMESPACE, name) === undefined && check(undefined);
        const stop = resources.watch(
          resource,
          ({ type, object }) => {
            if (!done && object.metadata.name === name) done = check(type === 'DELETED' ? undefined : object);
          },
          { namespace: NAMESPACE },
        );
      }),
    pod: (name, spec, metadata = {}) =>
      resources.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: NAMESPACE, ...metadata },
        spec: { terminationGracePeriodSeconds: 1, ...spec },
      }),
    events: name =>
      resources
        .list('events', { namespace: NAMESPACE })
        .filter(event => event.involvedObject.name === name)
        .map(event => `${event.type} ${event.reason}: ${event.message}`),
    async stop() {
      await scheduler.stop();
      await controllers?.stop();
      await kubelet.stop();
      await network.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const isReady = (pod: KubeObject | undefined): boolean =>
  pod?.status?.conditions?.some(
    (condition: { type: string; status: string }) => condition.type === 'Ready' && condition.status === 'True',
  ) ?? false;
