import type { KubeObject, ResourceName } from '../registry/resources.ts';
import { podSpecDefaults } from './pod-defaults.ts';

type Defaults = (object: KubeObject) => void;

// biome-ignore lint/suspicious/noExplicitAny: open JSON
type Draft = any;

const set = (object: Draft, field: string, value: unknown) => {
  if (object[field] === undefined || object[field] === null) object[field] = value;
};

function templateDefaults(spec: Draft): void {
  if (!spec?.template) return;
  spec.template.metadata ??= {};
  podSpecDefaults(spec.template.spec, false);
}

/** Upstream's SetDefaults functions, by kind (pkg/apis/STAR/v1/defaults.go). */
const byResource: Record<ResourceName, Defaults> = {
  pods(pod) {
    podSpecDefaults(pod.spec, true);
  },
  'deployments.apps'({ spec }) {
    if (!spec) return;
    set(spec, 'replicas', 1);
    set(spec, 'strategy', {});
    if (!spec.strategy.type) spec.strategy.type = 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      set(spec.strategy, 'rollingUpdate', {});
      set(spec.strategy.rollingUpdate, 'maxUnavailable', '25%');
      set(spec.strategy.rollingUpdate, 'maxSurge', '25%');
    }
    set(spec, 'revisionHistoryLimit', 10);
    set(spec, 'progressDeadlineSeconds', 600);
    templateDefaults(spec);
  },
  'replicasets.apps'({ spec }) {
    if (!spec) return;
    set(spec, 'replicas', 1);
    templateDefaults(spec);
  },
  'statefulsets.apps'({ spec }) {
    if (!spec) return;
    if (!spec.podManagementPolicy) spec.podManagementPolicy = 'OrderedReady';
    set(spec, 'updateStrategy', {});
    if (!spec.updateStrategy.type) spec.updateStrategy.type = 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      set(spec.updateStrategy, 'rollingUpdate', {});
      set(spec.updateStrategy.rollingUpdate, 'partition', 0);
    }
    set(spec, 'persistentVolumeClaimRetentionPolicy', { whenDeleted: 'Retain', whenScaled: 'Retain' });
    set(spec, 'replicas', 1);
    set(spec, 'revisionHistoryLimit', 10);
    templateDefaults(spec);
  },
  'daemonsets.apps'({ spec }) {
    if (!spec) return;
    set(spec, 'updateStrategy', {});
    if (!spec.updateStrategy.type) spec.updateStrategy.type = 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      set(spec.updateStrategy, 'rollingUpdate', {});
      set(spec.updateStrategy.rollingUpdate, 'maxUnavailable', 1);
      set(spec.updateStrategy.rollingUpdate, 'maxSurge', 0);
    }
    set(spec, 'revisionHistoryLimit', 10);
    templateDefaults(spec);
  },
  'jobs.batch'({ spec }) {
    if (!spec) return;
    if (spec.completions === undefined && spec.parallelism === undefined) {
      spec.completions = 1;
      spec.parallelism = 1;
    }
    set(spec, 'parallelism', 1);
    set(spec, 'backoffLimit', 6);
    set(spec, 'completionMode', 'NonIndexed');
    set(spec, 'suspend', false);
    set(spec, 'podReplacementPolicy', spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed');
    templateDefaults(spec);
  },
  services({ spec }) {
    if (!spec) return;
    if (!spec.sessionAffinity) spec.sessionAffinity = 'None';
    if (!spec.type) spec.type = 'ClusterIP';
    for (const port of spec.ports ?? []) {
      if (!port.protocol) port.protocol = 'TCP';
      set(port, 'targetPort', port.port);
    }
    if (spec.type !== 'ExternalName') set(spec, 'internalTrafficPolicy', 'Cluster');
    if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') set(spec, 'externalTrafficPolicy', 'Cluster');
    if (spec.type === 'LoadBalancer') set(spec, 'allocateLoadBalancerNodePorts', true);
  },
  secrets(secret) {
    if (!secret.type) secret.type = 'Opaque';
  },
};

export const defaultsFor = (resource: ResourceName): Defaults => byResource[resource] ?? (() => {});
