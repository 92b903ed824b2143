import type { ProvidedCluster } from '../cluster/providers/provided-cluster.ts';
import { stateDirectory } from '../cluster/undo-journal.ts';
import { systemClock } from '../rehearsal/clock.ts';

/** The cluster that the command line names: a context of a kubeconfig, or the embedded sandbox. */
export function provide(options: {
  context: string | undefined;
  kubeconfig?: string | undefined;
  config: string;
  signal: AbortSignal;
  onProgress: (text: string) => void;
  log?: (message: string, details?: Record<string, unknown>) => void;
}): Promise<ProvidedCluster> {
  const { context, kubeconfig, config, signal, onProgress, log } = options;
  if (context !== undefined)
    return import('../cluster/providers/context.ts').then(provider =>
      provider.provideContext({ context, kubeconfig, config, stateDir: stateDirectory(process.env) }),
    );
  return import('../cluster/providers/sandbox.ts').then(provider =>
    provider.provideSandbox({ clock: systemClock, signal, onProgress, ...(log === undefined ? {} : { log }) }),
  );
}
