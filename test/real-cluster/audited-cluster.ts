/**
 * A kind cluster of `rehearse cluster up` whose API server writes an audit log, and can be killed: what it says itself of who asked it for what.
 * Policy and log: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createWorkplace, type Workplace } from '../cli/rehearse.ts';

export const BASE_IMAGE = process.env['REHEARSE_TEST_BASE_IMAGE'] ?? 'lab/node-js:1';

function works(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What a test that makes kind clusters lacks on this machine; empty when it can run. */
export const missingForKind: readonly string[] = [
  ...(process.env['REHEARSE_KIND_IMAGE'] ? [] : ['REHEARSE_KIND_IMAGE is not set']),
  ...(works('kind', 'version') ? [] : ['there is no kind']),
  ...(works('docker', 'image', 'inspect', BASE_IMAGE) ? [] : [`Docker does not answer, or has no image ${BASE_IMAGE}`]),
];

/** A line of the audit log: a request that was answered. */
export interface AuditedRequest {
  auditID: string;
  verb: string;
  requestURI: string;
  userAgent: string;
  user: { username: string };
  responseStatus: { code: number };
}

export interface AuditedCluster {
  context: string;
  /** Opted in to the cluster, with a kubeconfig whose user is the audited account: an admin of the cluster, so that nothing but the guard refuses. */
  workplace: Workplace;
  kubectl(...args: string[]): string;
  /** The rows that the audit log has gained since the last call, of the audited account alone. */
  requests(): AuditedRequest[];
  /** SIGKILL for the API server; kubelet starts it again. Returns when it is gone. */
  killApiServer(): void;
  /** Waits until it answers again. */
  untilReady(): Promise<void>;
  remove(): void;
}

const ACCOUNT = 'system:serviceaccount:default:audited';
const LOG = '/var/log/kubernetes/audit.log';
const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: ["${ACCOUNT}"]
  - level: None
`;

export async function auditedCluster(name: string): Promise<AuditedCluster> {
  const workplace = createWorkplace();
  const kubeconfig = join(workplace.directory, 'kubeconfig');
  workplace.environment['KUBECONFIG'] = kubeconfig;
  const policies = join(workplace.directory, 'policies');
  mkdirSync(policies);
  writeFileSync(join(policies, 'policy.yaml'), POLICY);
  const config = join(workplace.directory, 'kind.yaml');
  writeFileSync(config, stringify(kindConfig(policies)));
  const up = await workplace.run(
    ...['cluster', 'up', '--name', name, '--base-image', BASE_IMAGE, '--kind-config', config, '--no-guard'],
  );
  if (up.code !== 0) throw new Error(up.stderr);

  const context = `kind-${name}`;
  const node = `${name}-control-plane`;
  const kubectl = (...args: string[]) =>
    execFileSync('kubectl', ['--context', context, ...args], {
      encoding: 'utf8',
      env: { ...workplace.environment, KUBECONFIG: admin },
    });
  // The admin's own, for what the test does itself: it must not stand in the rows of the audited account.
  const admin = join(workplace.directory, 'admin');
  execFileSync('cp', [kubeconfig, admin]);
  kubectl('create', 'serviceaccount', 'audited');
  kubectl('create', 'clusterrolebinding', 'audited', '--clusterrole=cluster-admin', '--serviceaccount=default:audited');
  const token = kubectl('create', 'token', 'audited', '--duration=2h').trim();
  const own = (...args: string[]) => execFileSync('kubectl', ['config', '--kubeconfig', kubeconfig, ...args]);
  own('set-credentials', 'audited', `--token=${token}`);
  own('set-context', context, '--user=audited');

  let read = 0;
  return {
    context,
    workplace,
    kubectl,
    requests() {
      const log = execFileSync('docker', ['exec', node, 'cat', LOG], { encoding: 'utf8', maxBuffer: 1 << 28 });
      const rows = log.split('\n').filter(line => line !== '');
      const fresh = rows.slice(read).map(row => JSON.parse(row) as AuditedRequest);
      read = rows.length;
      return fresh;
    },
    killApiServer: () => void execFileSync('docker', ['exec', node, 'pkill', '-9', '-x', 'kube-apiserver']),
    async untilReady() {
      const ready = () =>
        works('kubectl', '--kubeconfig', admin, '--context', context, '--request-timeout=2s', 'get', '--raw', '/readyz');
      while (!ready()) await sleep(200);
    },
    remove() {
      execFileSync('kind', ['delete', 'cluster', '--name', name, '--kubeconfig', kubeconfig], { stdio: 'ignore' });
      workplace.remove();
    },
  };
}

function kindConfig(policies: string): object {
  const volume = (name: string, path: string, readOnly: boolean) => ({
    name,
    hostPath: path,
    mountPath: path,
    readOnly,
    pathType: 'DirectoryOrCreate',
  });
  const apiServer = {
    kind: 'ClusterConfiguration',
    apiServer: {
      extraArgs: {
        'audit-log-path': LOG,
        'audit-policy-file': '/etc/kubernetes/policies/policy.yaml',
        'audit-log-mode': 'blocking',
      },
      extraVolumes: [volume('policies', '/etc/kubernetes/policies', true), volume('audit', '/var/log/kubernetes', false)],
    },
  };
  // A control plane that is killed a few times in a row comes back at once: by default it is left away for minutes.
  const kubelet = { kind: 'KubeletConfiguration', crashLoopBackOff: { maxContainerRestartPeriod: '1s' } };
  return {
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    featureGates: { KubeletCrashLoopBackOffMax: true },
    nodes: [
      {
        role: 'control-plane',
        extraMounts: [{ hostPath: policies, containerPath: '/etc/kubernetes/policies', readOnly: true }],
        kubeadmConfigPatches: [stringify(apiServer), stringify(kubelet)],
      },
    ],
  };
}
