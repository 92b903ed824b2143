/**
 * Reads kubeconfigs as kubectl does and yields, for one context, where the server is and how to authenticate.
 * Credentials (exec plugins, token files) come from client-node; its whole configuration module, 2 MB, is loaded only for what
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
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js';
import { parse } from 'yaml';
import { EXIT, RehearseError } from '../errors/errors.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

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
    proxyAgent: cluster.proxyUrl ? await proxyAgent(cluster, tls) : undefined,
  };
}

function credentialsOf(user: User | undefined): ConnectionConfig['credentials'] {
  if (!user) return async () => ({ headers: {} });
  const exec = new ExecAuth();
  const tokenFile = new FileAuth();
  const fixed: Record<string, string> = {};
  if (user.impersonateUser) fixed['Impersonate-User'] = user.impersonateUser;
  if (user.username) fixed['Authorization'] = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  if (user.token) fixed['Authorization'] = `Bearer ${user.token}`;
  return async () => {
    const options: { headers: Record<string, string>; cert?: string; key?: string } = { headers: { ...fixed } };
    try {
      if (exec.isAuthProvider(user)) await exec.applyAuthentication(user, options);
      else if (tokenFile.isAuthProvider(user)) await tokenFile.applyAuthentication(user, options);
      else if (user.authProvider) {
        const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
        const config = new KubeConfig();
        config.loadFromClusterAndUser({ name: 'cluster', server: 'https://cluster', skipTLSVerify: false }, user);
        await (config as unknown as { applyAuthorizationHeader(options: object): Promise<void> }).applyAuthorizationHeader(
          options,
        );
      }
    } catch (cause) {
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

async function proxyAgent(cluster: Cluster, tls: ConnectionConfig['tls']): Promise<Agent> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig() as unknown as { createAgent(cluster: Cluster, options: object): Agent };
  return config.createAgent(cluster, { ...tls, keepAlive: true });
}

/** KUBECONFIG may list several files; as in client-go the first definition of a name wins and missing files are skipped. */
async function readConfig(options: {
  kubeconfig?: string;
  kubeconfigText?: string;
}): Promise<{ config: Kubeconfig; source: string }> {
  if (options.kubeconfigText !== undefined)
    return { config: parseConfig(options.kubeconfigText, 'the kubeconfig', process.cwd()), source: 'the kubeconfig' };
  if (options.kubeconfig !== undefined) return { config: await readFileConfig(options.kubeconfig), source: options.kubeconfig };
  const listed = (process.env['KUBECONFIG'] ?? '').split(path.delimiter).filter(Boolean);
  const files = listed.length ? listed : [path.join(homedir(), '.kube', 'config')];
  const present = (await Promise.all(files.map(async file => ((await exists(file)) ? file : undefined)))).filter(
    file => file !== undefined,
  );
  if (present.length) {
    const configs = await Promise.all(present.map(readFileConfig));
    return { config: merge(configs), source: present.join(', ') };
  }
  if (!listed.length && process.env['KUBERNETES_SERVICE_HOST'] && (await exists(`${SERVICE_ACCOUNT}/token`)))
    return { config: await inClusterConfig(), source: 'the service account of this pod' };
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

async function inClusterConfig(): Promise<Kubeconfig> {
  const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const namespace = await readFile(`${SERVICE_ACCOUNT}/namespace`, 'utf8').catch(() => undefined);
  return {
    clusters: [
      {
        name: 'in-cluster',
        server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
        caFile: `${SERVICE_ACCOUNT}/ca.crt`,
        skipTLSVerify: false,
      },
    ],
    users: [{ name: 'service-account', authProvider: { name: 'tokenFile', config: { tokenFile: `${SERVICE_ACCOUNT}/token` } } }],
    contexts: [
      { name: 'in-cluster', cluster: 'in-cluster', user: 'service-account', ...(namespace === undefined ? {} : { namespace }) },
    ],
    currentContext: 'in-cluster',
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
