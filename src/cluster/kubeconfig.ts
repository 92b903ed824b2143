/**
 * Reads kubeconfigs as kubectl does and yields, for one context, where the server is and how to authenticate.
 * Credentials of exec plugins come from client-node; its whole configuration module, 2 MB, is loaded only for what
 * nothing else of it does: proxies and the old auth providers.
 */
import { access, readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import { homedir } from 'node:os';
import path from 'node:path';
import {
  type Cluster,
  type Context,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from '@kubernetes/client-node/dist/config_types.js';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { parse } from 'yaml';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { proxyFor } from './proxy-environment.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Name of the context that a pod's service account makes: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const IN_CLUSTER = 'in-cluster';

/** One context of a kubeconfig, ready to connect with. */
export interface ConnectionConfig {
  context: string;
  server: string;
  /** The context's default namespace. */
  namespace: string | undefined;
  tls: { ca?: Buffer; cert?: Buffer | string; key?: Buffer | string; rejectUnauthorized?: boolean; servername?: string };
  /** Headers that authenticate a request; asked for each time, so that an expired token is renewed. A client certificate of a plugin comes along. */
  credentials(): Promise<{ headers: Record<string, string>; cert?: string; key?: string }>;
  /** Set when the cluster is behind a proxy. */
  proxyAgent: Agent | undefined;
}

interface Kubeconfig {
  clusters: Cluster[];
  users: User[];
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
  cluster: Cluster,
  user: User | undefined,
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
    credentials: credentialsOf(user),
    proxyAgent: await proxyAgent(cluster, server, tls),
  };
}

function credentialsOf(user: User | undefined): ConnectionConfig['credentials'] {
  if (!user) return async () => ({ headers: {} });
  const exec = new ExecAuth();
  const tokenFile: unknown = user.authProvider?.config?.tokenFile;
  const fixed: Record<string, string> = {};
  if (user.impersonateUser) fixed['Impersonate-User'] = user.impersonateUser;
  if (user.username) fixed['Authorization'] = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  if (user.token) fixed['Authorization'] = `Bearer ${user.token}`;
  return async () => {
    const options: { headers: Record<string, string>; cert?: string; key?: string } = { headers: { ...fixed } };
    try {
      if (exec.isAuthProvider(user)) await exec.applyAuthentication(user, options);
      // Read for every request: a projected token is another one every hour, and is trimmed as client-go does.
      else if (typeof tokenFile === 'string')
        options.headers['Authorization'] = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
      else if (user.authProvider) {
        const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
        const config = new KubeConfig();
        config.loadFromClusterAndUser({ name: 'cluster', server: 'https://cluster', skipTLSVerify: false }, user);
        await (config as unknown as { applyAuthorizationHeader(options: object): Promise<void> }).applyAuthorizationHeader(
          options,
        );
      }
    } catch (cause) {
      if (typeof tokenFile === 'string')
        throw new RehearseError(`the token of user "${user.name}" cannot be read: ${(cause as Error).message}`, {
          hint: "the kubeconfig names the file, or it is that of the pod's service account: see that it is there and can be read",
          cause,
        });
      const what = user.exec?.command ? `the credential plugin \`${user.exec.command}\`` : 'the credential provider';
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new RehearseError(
        `${what} of user "${user.name}" ${missing ? 'is not installed' : `failed: ${(cause as Error).message.trim()}`}`,
        {
          hint: missing ? 'install it, and see that it is on the PATH' : 'run it by hand: it may want you to log in',
          cause,
        },
      );
    }
    return options;
  };
}

/** The kubeconfig's proxy-url goes before that of the environment, as in client-go. */
async function proxyAgent(cluster: Cluster, server: string, tls: ConnectionConfig['tls']): Promise<Agent | undefined> {
  const proxyUrl = cluster.proxyUrl ?? proxyFor(server, process.env);
  if (!proxyUrl) return undefined;
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig() as unknown as { createAgent(cluster: Cluster, options: object): Agent };
  return config.createAgent({ ...cluster, server, proxyUrl }, { ...tls, keepAlive: true });
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
  if (options.kubeconfig !== undefined) return { config: await readFileConfig(options.kubeconfig), source: options.kubeconfig };
  const listed = (process.env['KUBECONFIG'] ?? '').split(path.delimiter).filter(Boolean);
  const files = listed.length ? listed : [path.join(homedir(), '.kube', 'config')];
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
  return parseConfig(text, file, path.dirname(path.resolve(file)));
}

function parseConfig(text: string, source: string, folder: string): Kubeconfig {
  try {
    const document = parse(text) ?? {};
    if (typeof document !== 'object') throw new Error('not a mapping');
    const absolute = (file: string) => (path.isAbsolute(file) ? file : path.join(folder, file));
    const clusters = newClusters(document.clusters).map(cluster => ({
      ...cluster,
      ...(cluster.caFile ? { caFile: absolute(cluster.caFile) } : {}),
    }));
    // client-node reads a tokenFile at once, relative to the working directory, and never again; a projected token changes every hour.
    const tokenFiles = new Map<string, string>();
    for (const entry of document.users ?? []) {
      if (!entry?.user?.tokenFile) continue;
      tokenFiles.set(entry.name, absolute(entry.user.tokenFile));
      delete entry.user.tokenFile;
    }
    const users = newUsers(document.users).map(user => {
      const tokenFile = tokenFiles.get(user.name);
      return {
        ...user,
        ...(user.certFile ? { certFile: absolute(user.certFile) } : {}),
        ...(user.keyFile ? { keyFile: absolute(user.keyFile) } : {}),
        // As in client-go: a plugin with a path is looked for beside the kubeconfig, one without on the PATH.
        ...(user.exec?.command && /[/\\]/.test(user.exec.command)
          ? { exec: { ...user.exec, command: absolute(user.exec.command) } }
          : {}),
        ...(tokenFile && !user.token ? { authProvider: { name: 'tokenFile', config: { tokenFile } } } : {}),
      } as User;
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
