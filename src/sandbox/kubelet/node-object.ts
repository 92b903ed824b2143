import { arch, cpus, release, totalmem } from 'node:os';
import type { AddressPlan } from '../network/addresses.ts';
import type { ControlLoopContext, KubeObject } from '../registry/resources.ts';
import { rfc3339 } from './pod-status.ts';

export const NODE_NAME = 'rehearse-sandbox';
const MAX_PODS = 250;
/** Upstream: the Lease every 10 s, the status every 5 min when nothing changes (pkg/kubelet/nodelease, nodeStatusReportFrequency). */
const LEASE_PERIOD_MS = 10_000;
const STATUS_PERIOD_MS = 300_000;
const LEASE_SECONDS = 40;

const CONDITIONS = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
] as const;

function nodeStatus(plan: AddressPlan, now: number, old: KubeObject | undefined): Record<string, unknown> {
  const resources = {
    cpu: String(cpus().length),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(MAX_PODS),
    'ephemeral-storage': '100Gi',
  };
  return {
    capacity: resources,
    allocatable: resources,
    conditions: CONDITIONS.map(([type, status, reason, message]) => ({
      type,
      status,
      lastHeartbeatTime: rfc3339(now),
      lastTransitionTime:
        old?.status?.conditions?.find((condition: { type: string }) => condition.type === type)?.lastTransitionTime ??
        rfc3339(now),
      reason,
      message,
    })),
    addresses: [
      { type: 'InternalIP', address: plan.nodeAddress },
      { type: 'Hostname', address: NODE_NAME },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: {
      machineID: '',
      systemUUID: '',
      bootID: '',
      kernelVersion: release(),
      osImage: 'rehearse sandbox (pods are processes)',
      containerRuntimeVersion: `rehearse://node-${process.versions.node}`,
      kubeletVersion: 'v1.34.4',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: arch() === 'x64' ? 'amd64' : arch(),
    },
  };
}

/** Registers the node and keeps its Lease and heartbeat. Returns the function that ends it. */
export function keepNode(context: ControlLoopContext, plan: AddressPlan, name: string): () => void {
  const { resources, clock } = context;
  if (!resources.get('nodes', undefined, name)) {
    resources.create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        labels: {
          'kubernetes.io/hostname': name,
          'kubernetes.io/os': 'linux',
          'kubernetes.io/arch': arch() === 'x64' ? 'amd64' : arch(),
          'node-role.kubernetes.io/control-plane': '',
        },
        annotations: { 'node.alpha.kubernetes.io/ttl': '0' },
      },
      spec: { podCIDR: plan.podCIDR, podCIDRs: [plan.podCIDR], providerID: `rehearse://${name}` },
    });
  }
  const report = () => {
    resources.modify(
      'nodes',
      undefined,
      name,
      draft => {
        draft.status = nodeStatus(plan, clock.now(), draft);
      },
      {
        subresource: 'status',
        fieldManager: 'kubelet',
      },
    );
  };
  const namespace = 'kube-node-lease';
  const renew = () => {
    const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
    try {
      const renewed = resources.modify('leases.coordination.k8s.io', namespace, name, draft => {
        draft.spec.renewTime = renewTime;
      });
      if (!renewed) {
        const owner = resources.get('nodes', undefined, name);
        resources.create({
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: {
            name,
            namespace,
            ...(owner?.metadata.uid
              ? { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: owner.metadata.uid }] }
              : {}),
          },
          spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime },
        });
      }
    } catch (error) {
      context.log('node lease not renewed', { error: String(error) });
    }
  };
  const cancels = new Map<() => void, () => void>();
  const repeat = (period: number, run: () => void) => {
    run();
    cancels.set(
      run,
      clock.after(period, () => repeat(period, run)),
    );
  };
  repeat(STATUS_PERIOD_MS, report);
  repeat(LEASE_PERIOD_MS, renew);
  const node = resources.get('nodes', undefined, name);
  if (node) context.recordEvent(node, 'Normal', 'Starting', 'Starting kubelet.', { component: 'kubelet', host: name });
  return () => {
    for (const cancel of cancels.values()) cancel();
  };
}
