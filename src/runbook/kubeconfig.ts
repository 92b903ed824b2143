import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { RehearseError } from '../errors/errors.ts';

interface PinnedKubeconfig {
  /** Value of KUBECONFIG for commands. */
  value: string;
  /** Tokens and keys in it: never to be shown. */
  secrets: string[];
  remove(): Promise<void>;
}

interface Kubeconfig {
  contexts?: { name: string; context?: { cluster?: string; user?: string; namespace?: string } }[];
  users?: { user?: Record<string, unknown> }[];
}

/**
 * A KUBECONFIG whose current context and namespace are those of the run, whatever the file itself says: a command of a runbook
 * that names neither goes to the rehearsal's target and nowhere else. Kubernetes clients take the first file of the list that
 * has a current-context, and the first that has a context of a name
 * (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files).
 * The file written holds names only, no credentials.
 *
 * @param kubeconfig path, or several joined as in KUBECONFIG; without one the commands reach no cluster, but that of the pod when the
 *   context is `in-cluster`
 * @param server of the run, for a pod
 * @throws RehearseError when no file has the context
 */
export async function pinKubeconfig(
  kubeconfig: string | undefined,
  { context, namespace, server }: { context: string; namespace: string; server?: string },
): Promise<PinnedKubeconfig> {
  const files = filesOf(kubeconfig ?? '');
  const configs = await readKubeconfigs(kubeconfig ?? '');
  const found = configs.flatMap(config => config.contexts ?? []).find(one => one.name === context)?.context;
  if (!found && kubeconfig !== undefined) {
    throw new RehearseError(`The kubeconfig has no context "${context}": ${kubeconfig}`, {
      hint: 'Commands of a runbook run only where the rehearsal runs; give the kubeconfig that has its context.',
    });
  }
  const directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  const path = join(directory, 'pinned.yaml');
  const own = kubeconfig === undefined && context === IN_CLUSTER && server !== undefined ? ofPod(server) : ofNobody;
  const pinned = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context,
    contexts: [{ name: context, context: { ...(found ?? { cluster: NOWHERE, user: NOWHERE }), namespace } }],
    ...(found ? {} : { clusters: [{ name: NOWHERE, cluster: own.cluster }], users: [{ name: NOWHERE, user: own.user }] }),
  };
  await writeFile(path, stringify(pinned), { mode: 0o600 });
  const users = configs.flatMap(config => config.users ?? []).map(one => one.user ?? {});
  const secrets = users.flatMap(user => ['token', 'password', 'client-key-data'].map(field => user[field]));
  return {
    value: [path, ...files].join(delimiter),
    secrets: secrets.filter(value => typeof value === 'string'),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** What a client then says is the reason: "lookup no-kubeconfig-of-the-run.invalid: no such host". */
const NOWHERE = 'no-kubeconfig-of-the-run';

/** In a pod: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const IN_CLUSTER = 'in-cluster';

const ofNobody = { cluster: { server: `https://${NOWHERE}.invalid` }, user: {} };

/** By path, so that a token that rotates is followed and none is written anywhere. */
const ofPod = (server: string) => ({
  cluster: { server, 'certificate-authority': join(SERVICE_ACCOUNT, 'ca.crt') },
  user: { tokenFile: join(SERVICE_ACCOUNT, 'token') },
});

/** Every file of a KUBECONFIG that can be read, in order. */
export async function readKubeconfigs(kubeconfig: string): Promise<Kubeconfig[]> {
  const texts = await Promise.all(filesOf(kubeconfig).map(path => readFile(path, 'utf8').catch(() => undefined)));
  return texts.flatMap(text => (text === undefined ? [] : [(parse(text) as Kubeconfig | null) ?? {}]));
}

function filesOf(kubeconfig: string): string[] {
  return kubeconfig.split(delimiter).filter(path => path !== '');
}
