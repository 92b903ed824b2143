import type { StartControlLoop } from '../registry/resources.ts';
import type { ControlLoop, ControllerContext } from './control-loop.ts';
import { startDaemonSetController } from './daemonset.ts';
import { Dependents } from './dependents.ts';
import { startDeploymentController } from './deployment.ts';
import { startDisruptionController } from './disruption.ts';
import { startEndpointsController } from './endpoints.ts';
import { startEndpointSliceController } from './endpointslice.ts';
import { startGarbageCollector } from './garbage-collector.ts';
import { startJobController, startTtlController } from './job.ts';
import { startNamespaceController } from './namespaces.ts';
import { startReplicaSetController } from './replicaset.ts';
import { startStatefulSetController } from './statefulset.ts';

const CONTROLLERS: ((context: ControllerContext) => ControlLoop)[] = [
  startNamespaceController,
  startDeploymentController,
  startReplicaSetController,
  startStatefulSetController,
  startDaemonSetController,
  startJobController,
  startTtlController,
  startDisruptionController,
  startEndpointsController,
  startEndpointSliceController,
  startGarbageCollector,
];

/** Starts every control loop of the sandbox: what kube-controller-manager is to a cluster. */
export const startControllers: StartControlLoop = context => {
  const pods = new Dependents<never>(context.resources, 'pods');
  const replicaSets = new Dependents<never>(context.resources, 'replicasets.apps');
  const revisions = new Dependents<never>(context.resources, 'controllerrevisions.apps');
  const shared: ControllerContext = { ...context, pods, replicaSets, revisions };
  const loops = CONTROLLERS.map(start => start(shared));
  return {
    stop() {
      for (const loop of loops) loop.stop();
      for (const index of [pods, replicaSets, revisions]) index.stop();
    },
  };
};
