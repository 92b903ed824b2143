/** A cluster of the user's own: any context of any kubeconfig. */
import { readConfig } from '../config.ts';
import { connect } from '../connection.ts';
import { isOurContext } from '../kind/cluster-mark.ts';
import { IN_CLUSTER, usersKubeconfig } from '../kubeconfig.ts';
import type { ProvidedCluster } from './provided-cluster.ts';
import { serverVersion } from './server-version.ts';

/** @throws RehearseError for a kubeconfig, a context or an opt-in file with a mistake, and for a server that does not answer. */
export async function provideContext(options: {
  context: string;
  kubeconfig: string | undefined;
  config: string;
  /** Where it is kept which kind clusters are ours. */
  stateDir: string;
}): Promise<ProvidedCluster> {
  const { staging } = await readConfig(options.config);
  const cluster = await connect({
    context: options.context,
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
  });
  return {
    cluster,
    provider: (await isOurContext(options.stateDir, cluster)) ? 'kind' : 'context',
    kubernetes: await serverVersion(cluster),
    kubeconfig: options.kubeconfig ?? (options.context === IN_CLUSTER ? undefined : usersKubeconfig(process.env)),
    optIns: staging,
    async close() {
      cluster.close();
    },
  };
}
