import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startApiServer } from './api/server.ts';
import { bootstrap, publishApiServer } from './bootstrap.ts';
import { createCredentials } from './certificates.ts';
import { systemClock } from './clock.ts';
import { startControllers } from './controllers/index.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { startKubelet } from './kubelet/kubelet.ts';
import { startNetwork } from './network/network.ts';
import { createEventRecorder } from './registry/event-recorder.ts';
import { createRegistry } from './registry/registry.ts';
import type { ControlLoopContext, Resources } from './registry/resources.ts';
import { startScheduler } from './scheduler/scheduler.ts';
import { allocateServiceAddresses } from './service-addresses.ts';

const SANDBOX_CONTEXT = 'rehearse-sandbox';
const USER = 'rehearse-admin';

export interface SandboxOptions {
  /** For the kubeconfig, the pods' files and logs. Made when it is not there; the caller removes it. */
  directory: string;
  /** Of the API server; any free one by default. */
  port?: number;
  /** The sandbox's own diagnostics. */
  log?: (message: string, details?: Record<string, unknown>) => void;
}

/** A running embedded Kubernetes. */
export interface Sandbox {
  /** `https://127.0.0.1:PORT`. */
  readonly server: string;
  /** YAML text with everything needed to reach it. */
  readonly kubeconfig: string;
  /** The same in a file that only its owner can read. */
  readonly kubeconfigPath: string;
  readonly context: string;
  readonly resources: Resources;
  /** Ends every pod and frees every port. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the sandbox: API server, controllers, scheduler, one node, its network.
 * @throws Error when the port is taken or the system has no loopback addresses to give to pods; nothing is left running then.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const log = options.log ?? (() => {});
  const clock = systemClock;
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const registry = createRegistry(clock);
  const context: ControlLoopContext = { resources: registry, clock, recordEvent: createEventRecorder(registry, clock), log };
  const teardown: (() => void | Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      for (const step of teardown.reverse()) await step();
    })();
    return stopping;
  };

  try {
    const token = randomBytes(32).toString('hex');
    const credentials = createCredentials(USER, clock.now());
    const network = await startNetwork(context);
    teardown.push(() => network.stop());
    allocateServiceAddresses(registry, network);
    const base = bootstrap(registry, credentials.ca);
    teardown.push(() => base.stop());
    const controllers = startControllers(context);
    teardown.push(() => controllers.stop());
    const scheduler = startScheduler(context);
    teardown.push(() => scheduler.stop());
    const kubelet = await startKubelet(context, { directory: options.directory, network });
    teardown.push(() => kubelet.stop());
    const api = await startApiServer({
      registry,
      clock,
      credentials,
      token,
      user: USER,
      port: options.port ?? 0,
      log,
      dial: network.dial,
      logs: kubelet.logs,
    });
    teardown.push(() => api.close());
    // Kept free for this one Service until now.
    network.releaseClusterIP(network.plan.kubernetesAddress);
    publishApiServer(registry, network.plan.kubernetesAddress, Number(new URL(api.address).port));
    const kubeconfig = kubeconfigText({ context: SANDBOX_CONTEXT, server: api.address, credentials, token });
    const kubeconfigPath = join(options.directory, 'kubeconfig');
    await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });
    await chmod(kubeconfigPath, 0o600);
    return { server: api.address, kubeconfig, kubeconfigPath, context: SANDBOX_CONTEXT, resources: registry, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
