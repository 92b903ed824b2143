/** Reads kubeconfigs as kubectl does and yields, for one context, where the server is and how to authenticate. */
import { access, readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import { homedir } from 'node:os';
import path from 'node:path';
import { type Cluster, type Context, newClusters, newContexts, newUsers } from '@kubernetes/client-node/dist/config_types.js';
import { parse } from 'yaml';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { type CredentialSource, credentialsOf, type KubeconfigUser } from './credentials.ts';
import type { ExecCluster } from './exec-plugin.ts';
import { keepTokens } from './kept-tokens.ts';
import type { OidcTokens } from './oidc.ts';
import { proxyAgent } from './proxy-agent.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Name of the context that a pod's service account makes: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
export const IN_CLUSTER = 'in-cluster';
/** A cluster's settings for credential plugins: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#client-authentication-k8s-io-v1-Cluster */
const EXEC_EXTENSION = 'client.authentication.k8s.io/exec';

/** One context of a kubeconfig, ready to connect with. */
export interface ConnectionConfig {
  context: string;
  server: string;
  /** The context's default namespace. */
  namespace: string | undefined;
  tls: { ca?: Buffer; cert?: Buffer | string; key?: Buffer | string; rejectUnauthorized?: boolean; servername?: string };
  /** Shared by all connections of this context, so that they renew a token once. */
  credentials: CredentialSource;
  /** Set when the cluster is behind a proxy. */
  proxyAgent: Agent | undefined;
}

/** A cluster of a kubeconfig, with what client-node leaves out. */
interface KubeconfigCluster extends Cluster {
  /** The settings of the cluster for credential plugins. */
  execConfig?: unknown;
}

interface Kubeconfig {
  clusters: KubeconfigCluster[];
  users: KubeconfigUser[];
  contexts: Context[];
  currentContext: string | undefined;
}

/** @throws RehearseError (exit code 2) for a file that is missing or malformed, and for an unknown context. */
export async function loadKubeconfig(options: {
  kubeconfig?: string;
  kubeconfigText?: string;
  context?: string;
  /** Folder of the pod's service account, elsewhere than Kubernetes puts it. */
  serviceAccount?: string;
}): Promise<ConnectionConfig> {
  const { config, source } = await readConfig(options);
  const name = options.context ?? config.currentContext;
  const known = config.contexts.map(context => context.name);
  if (!name)
    throw usage(
      `${source} has no current context`,
      known.length ? `name one with --context: ${known.join(', ')}` : 'it lists no context at all',
    );
  const context = config.contexts.find(candidate => candidate.name === name);
  if (!context)
    throw usage(
      `there is no context "${name}" in ${source}`,
      known.length ? `there are: ${known.join(', ')}` : 'it lists no context at all',
    );
  const cluster = config.clusters.find(candidate => candidate.name === context.cluster);
  if (!cluster)
    throw usage(
      `context "${name}" in ${source} names the cluster "${context.cluster}", which is not there`,
      'fetch the kubeconfig again',
    );
  const user = config.users.find(candidate => candidate.name === context.user);
  if (context.user && !user)
    throw usage(
      `context "${name}" in ${source} names the user "${context.user}", which is not there`,
      'fetch the kubeconfig again',
    );
  return connectionConfig(name, context, cluster, user);
}

async function connectionConfig(
  name: string,
  context: Context,
  cluster: KubeconfigCluster,
  user: KubeconfigUser | undefined,
): Promise<ConnectionConfig> {
  const ca = await fileOrData(cluster.caFile, cluster.caData);
  const cert = await fileOrData(user?.certFile, user?.certData);
  const key = await fileOrData(user?.keyFile, user?.keyData);
  const tls: ConnectionConfig['tls'] = {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
    ...(cluster.tlsServerName ? { servername: cluster.tlsServerName } : {}),
  };
  const server = cluster.server.replace(/\/+$/, '');
  return {
    context: name,
    server,
    namespace: context.namespace,
    tls,
    credentials: credentialsOf(user, execCluster(cluster, server, ca)),
    proxyAgent: await proxyAgent(server, { proxyUrl: cluster.proxyUrl, tls }),
  };
}

function execCluster(cluster: KubeconfigCluster, server: string, ca: Buffer | undefined): ExecCluster {
  return {
    server,
    ...(cluster.tlsServerName ? { 'tls-server-name': cluster.tlsServerName } : {}),
    ...(cluster.skipTLSVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(ca ? { 'certificate-authority-data': ca.toString('base64') } : {}),
    ...(cluster.proxyUrl ? { 'proxy-url': cluster.proxyUrl } : {}),
    ...(cluster.execConfig === undefined ? {} : { config: cluster.execConfig }),
  };
}

/** What kubectl reads when it is told nothing: KUBECONFIG, which may list several files, or the file in the user's home. */
export function usersKubeconfig(environment: NodeJS.ProcessEnv): string {
  return environment['KUBECONFIG'] || path.join(homedir(), '.kube', 'config');
}

/** KUBECONFIG may list several files; as in client-go the first definition of a name wins and missing files are skipped. */
async function readConfig(options: {
  kubeconfig?: string;
  kubeconfigText?: string;
  context?: string;
  serviceAccount?: string;
}): Promise<{ config: Kubeconfig; source: string }> {
  if (options.kubeconfigText !== undefined)
    return { config: parseConfig(options.kubeconfigText, 'the kubeconfig', process.cwd()), source: 'the kubeconfig' };
  // A journal keeps what KUBECONFIG said when its drill ran.
  if (options.kubeconfig !== undefined && !options.kubeconfig.includes(path.delimiter))
    return { config: await readFileConfig(options.kubeconfig), source: options.kubeconfig };
  const listed = (options.kubeconfig ?? process.env['KUBECONFIG'] ?? '').split(path.delimiter).filter(Boolean);
  const files = listed.length ? listed : usersKubeconfig({}).split(path.delimiter);
  const present = (await Promise.all(files.map(async file => ((await exists(file)) ? file : undefined)))).filter(
    file => file !== undefined,
  );
  const folder = options.serviceAccount ?? SERVICE_ACCOUNT;
  const inPod = Boolean(process.env['KUBERNETES_SERVICE_HOST']) && (await exists(path.join(folder, 'token')));
  if (present.length) {
    const config = merge(await Promise.all(present.map(readFileConfig)));
    const named = options.context === IN_CLUSTER && !config.contexts.some(({ name }) => name === IN_CLUSTER);
    if (!(named && inPod)) return { config, source: present.join(', ') };
  }
  if (inPod && (!listed.length || options.context === IN_CLUSTER))
    return { config: await inClusterConfig(folder), source: 'the service account of this pod' };
  if (options.context === IN_CLUSTER)
    throw usage(
      'there is no service account of a pod here: KUBERNETES_SERVICE_HOST or its token file is not there',
      'the context "in-cluster" is for programs that run in the cluster; see automountServiceAccountToken of the pod',
    );
  throw usage(
    `there is no kubeconfig: ${files.join(', ')} ${files.length === 1 ? 'does' : 'do'} not exist`,
    'set KUBECONFIG or give --kubeconfig; `rehearse run` without --context uses the embedded sandbox',
  );
}

async function readFileConfig(file: string): Promise<Kubeconfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw usage(
      `the kubeconfig ${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}`,
      'check the path and its permissions',
      cause,
    );
  }
  return parseConfig(text, file, path.dirname(path.resolve(file)), file);
}

/** @param file where it stands, when it does */
function parseConfig(text: string, source: string, folder: string, file?: string): Kubeconfig {
  try {
    const document = parse(text) ?? {};
    if (typeof document !== 'object') throw new Error('not a mapping');
    const absolute = (file: string) => (path.isAbsolute(file) ? file : path.join(folder, file));
    const clusters = newClusters(document.clusters).map((cluster, index) => {
      const extensions: { name: string; extension: unknown }[] = document.clusters[index].cluster.extensions ?? [];
      const exec = extensions.find(({ name }) => name === EXEC_EXTENSION);
      return {
        ...cluster,
        ...(cluster.caFile ? { caFile: absolute(cluster.caFile) } : {}),
        ...(exec ? { execConfig: exec.extension } : {}),
      };
    });
    // client-node reads a tokenFile at once, relative to the working directory, and never again; a projected token changes every hour.
    const tokenFiles = new Map<string, string>();
    for (const entry of document.users ?? []) {
      if (!entry?.user?.tokenFile) continue;
      tokenFiles.set(entry.name, absolute(entry.user.tokenFile));
      delete entry.user.tokenFile;
    }
    const users = newUsers(document.users).map((user, index) => {
      const tokenFile = tokenFiles.get(user.name);
      return {
        ...user,
        ...(file === undefined ? {} : { keepTokens: (tokens: OidcTokens) => keepTokens(file, user.name, tokens) }),
        actAs: document.users[index].user ?? {},
        ...(user.certFile ? { certFile: absolute(user.certFile) } : {}),
        ...(user.keyFile ? { keyFile: absolute(user.keyFile) } : {}),
        // As in client-go: a plugin with a path is looked for beside the kubeconfig, one without on the PATH.
        ...(user.exec?.command && /[/\\]/.test(user.exec.command)
          ? { exec: { ...user.exec, command: absolute(user.exec.command) } }
          : {}),
        ...(tokenFile && !user.token ? { authProvider: { name: 'tokenFile', config: { tokenFile } } } : {}),
      } as KubeconfigUser;
    });
    return { clusters, users, contexts: newContexts(document.contexts), currentContext: document['current-context'] };
  } catch (cause) {
    throw usage(
      `${source} is not a valid kubeconfig: ${(cause as Error).message.split('\n')[0]}`,
      '`kubectl config view` may tell more',
      cause,
    );
  }
}

function merge(configs: Kubeconfig[]): Kubeconfig {
  const first = <Item extends { name: string }>(items: Item[]) =>
    [...new Map([...items].reverse().map(item => [item.name, item])).values()].reverse();
  return {
    clusters: first(configs.flatMap(config => config.clusters)),
    users: first(configs.flatMap(config => config.users)),
    contexts: first(configs.flatMap(config => config.contexts)),
    currentContext: configs.find(config => config.currentContext)?.currentContext,
  };
}

async function inClusterConfig(folder: string): Promise<Kubeconfig> {
  const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const namespace = await readFile(path.join(folder, 'namespace'), 'utf8').catch(() => undefined);
  return {
    clusters: [
      {
        name: IN_CLUSTER,
        server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
        caFile: path.join(folder, 'ca.crt'),
        skipTLSVerify: false,
      },
    ],
    users: [{ name: 'service-account', authProvider: { name: 'tokenFile', config: { tokenFile: path.join(folder, 'token') } } }],
    contexts: [
      { name: IN_CLUSTER, cluster: IN_CLUSTER, user: 'service-account', ...(namespace === undefined ? {} : { namespace }) },
    ],
    currentContext: IN_CLUSTER,
  };
}

async function fileOrData(file: string | undefined, data: string | undefined): Promise<Buffer | undefined> {
  if (data) return Buffer.from(data, 'base64');
  if (!file) return undefined;
  try {
    return await readFile(file);
  } catch (cause) {
    throw usage(
      `${file}, named in the kubeconfig, cannot be read: ${(cause as NodeJS.ErrnoException).code}`,
      'fetch the kubeconfig again',
      cause,
    );
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function usage(message: string, hint: string, cause?: unknown): RehearseError {
  return new RehearseError(message, { exitCode: EXIT.usage, hint, ...(cause === undefined ? {} : { cause }) });
}
