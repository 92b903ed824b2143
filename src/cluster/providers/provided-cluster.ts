import type { EventBody } from '../../record/events.ts';
import type { StagingOptIn } from '../config.ts';
import type { ConnectedCluster } from '../connection.ts';

/** A cluster to rehearse on, however it came about. The engine sees only `cluster`. */
export interface ProvidedCluster {
  cluster: ConnectedCluster;
  provider: Extract<EventBody, { type: 'run.started' }>['environment']['provider'];
  /** Version of its Kubernetes, e.g. v1.34.4. */
  kubernetes: string;
  /** Path of the kubeconfig, or several as in KUBECONFIG, for the commands of a runbook; undefined in a pod that has none. */
  kubeconfig: string | undefined;
  optIns: readonly StagingOptIn[];
  close(): Promise<void>;
}
