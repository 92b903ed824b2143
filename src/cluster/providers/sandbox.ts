/** The embedded sandbox with the demo app in it: a cluster that lives as long as the run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT, RehearseError } from '../../errors/errors.ts';
import { packageFile } from '../../package-file.ts';
import type { Clock } from '../../rehearsal/ports.ts';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { connect } from '../connection.ts';
import { readManifests } from '../manifests.ts';
import { settle } from '../settle.ts';
import { refOf } from '../workloads.ts';
import type { ProvidedCluster } from './provided-cluster.ts';
import { serverVersion } from './server-version.ts';

export interface SandboxOptions {
  clock: Clock;
  signal: AbortSignal;
  port?: number;
  /** Without the demo app. */
  empty?: boolean;
  log?: (message: string, details?: Record<string, unknown>) => void;
  onProgress?: (message: string) => void;
}

/** @throws RehearseError when it cannot start or the demo app does not become ready; nothing is left behind then. */
export async function provideSandbox(options: SandboxOptions): Promise<ProvidedCluster & { kubeconfig: string }> {
  const { clock, signal } = options;
  const startedMs = clock.monotonicMs();
  const seconds = () => `${((clock.monotonicMs() - startedMs) / 1000).toFixed(1)} s`;
  const directory = await mkdtemp(join(tmpdir(), 'rehearse-'));
  const undo: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step();
  };
  try {
    const sandbox = await startSandbox({
      directory,
      ...(options.port === undefined ? {} : { port: options.port }),
      ...(options.log === undefined ? {} : { log: options.log }),
    });
    undo.push(() => sandbox.stop());
    signal.throwIfAborted();
    const cluster = await connect({ kubeconfigText: sandbox.kubeconfig });
    undo.push(async () => cluster.close());
    const kubernetes = await serverVersion(cluster);
    options.onProgress?.(`sandbox: Kubernetes API ${kubernetes} up after ${seconds()}`);
    const objects = options.empty ? [] : await readManifests(packageFile('src', 'shop', 'manifests'));
    for (const object of objects) await cluster.create(object);
    const workloads = objects.filter(object => object['spec']?.template !== undefined);
    await Promise.all(workloads.map(workload => settle(cluster, clock, refOf(workload), signal)));
    if (workloads.length > 0) options.onProgress?.(`sandbox: demo app ready after ${seconds()}`);
    const namespaces = objects.filter(object => object.kind === 'Namespace').map(object => object.metadata.name);
    return {
      cluster,
      provider: 'sandbox',
      kubernetes,
      kubeconfig: sandbox.kubeconfigPath,
      // It was made for this run: there is nobody else in it.
      optIns: [{ context: cluster.context, server: cluster.server, namespaces }],
      close,
    };
  } catch (error) {
    await close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new RehearseError(`port ${options.port} on 127.0.0.1 is taken`, {
      exitCode: EXIT.usage,
      hint: 'choose another with --port, or leave it out for a free one',
      cause: error,
    });
  }
}
