/** The one way to a cluster: a kubeconfig's context, spoken to in raw JSON so that nothing of an object is lost. */
import type { ObjectRef } from '../record/events.ts';
import { systemClock } from '../rehearsal/clock.ts';
import type { ApiResponse, Clock, Cluster, RawObject } from '../rehearsal/ports.ts';
import { type ConnectionConfig, loadKubeconfig } from './kubeconfig.ts';
import { errorOfResponse, KubernetesError } from './kubernetes-error.ts';
import { type ClusterWrite, createRequests, PATCH_TYPES } from './requests.ts';
import { collectionPath, createRestMapper, objectPath } from './rest-mapping.ts';
import { createTransport, type TransportRequest } from './transport.ts';
import { listAndWatch } from './watch.ts';

export { KubernetesError } from './kubernetes-error.ts';
export type { ClusterWrite } from './requests.ts';

const FIELD_MANAGER = 'kubectl';
export interface ConnectOptions {
  /** Path of a kubeconfig; otherwise KUBECONFIG, ~/.kube/config or the pod's service account. */
  kubeconfig?: string;
  /** A kubeconfig itself, as YAML. */
  kubeconfigText?: string;
  /** Its current context when left out. */
  context?: string;
  clock?: Clock;
  /** Told of troubles that a watch works around. */
  onTrouble?: (message: string) => void;
}

/** A cluster whose connections can be closed. */
export interface ConnectedCluster extends Cluster {
  /** The context's default namespace. */
  readonly defaultNamespace: string | undefined;
  /** The same cluster on connections of its own, so that probes and control traffic do not queue behind each other. */
  separate(): ConnectedCluster;
  /** Told of every request that changed, or was to change, something on the server. Returns the function that ends it. */
  onWrite(listener: (write: ClusterWrite) => void): () => void;
  close(): void;
}

/**
 * Reads the kubeconfig; asks nothing of the server yet.
 * @throws RehearseError (exit code 2) for a kubeconfig that is missing or malformed.
 */
export async function connect(options: ConnectOptions): Promise<ConnectedCluster> {
  return clusterOf(await loadKubeconfig(options), options);
}

function clusterOf(config: ConnectionConfig, options: ConnectOptions): ConnectedCluster {
  const writes = new Set<(write: ClusterWrite) => void>();
  const clock = options.clock ?? systemClock;
  const transport = createTransport(config);
  const { send, persist } = createRequests(transport, clock, write => {
    for (const listener of writes) listener(write);
  });

  /** @throws KubernetesError for an answer that is an error, too */
  async function call(request: TransportRequest, onRetry?: () => void): Promise<ApiResponse> {
    const response = await persist(request, onRetry);
    if (response.status >= 400) throw errorOfResponse({ ...request, server: config.server }, response);
    return response;
  }
  const json = async (request: TransportRequest) => JSON.parse((await call(request)).body);
  const mapping = createRestMapper(path => json({ method: 'GET', path }));
  const pathOf = async (ref: ObjectRef) => objectPath(ref, await mapping(ref));

  return {
    server: config.server,
    context: config.context,
    defaultNamespace: config.namespace,

    async request(method, path, { patient = false, ...requestOptions } = {}) {
      return (patient ? persist : send)({ method, path, ...requestOptions });
    },

    async get(ref) {
      try {
        return await json({ method: 'GET', path: await pathOf(ref) });
      } catch (error) {
        if (error instanceof KubernetesError && error.status === 404 && isMissingObject(error)) return undefined;
        throw error;
      }
    },

    async list(kind, listOptions = {}) {
      const query = selection(listOptions);
      query.set('limit', '500');
      const path = collectionPath(kind.apiVersion, await mapping(kind), listOptions.namespace);
      const items: RawObject[] = [];
      for (;;) {
        const page = await json({ method: 'GET', path: `${path}?${query}` });
        for (const item of page.items ?? []) items.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
        if (!page.metadata.continue) return { resourceVersion: page.metadata.resourceVersion, items };
        query.set('continue', page.metadata.continue);
      }
    },

    async create(object, createOptions = {}) {
      const path = collectionPath(object.apiVersion, await mapping(object), object.metadata.namespace);
      return json({ method: 'POST', path: `${path}?${writing(createOptions.dryRun, FIELD_MANAGER)}`, body: object });
    },

    async replace(object) {
      const { apiVersion, kind, metadata } = object;
      const path = await pathOf({
        apiVersion,
        kind,
        name: metadata.name,
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      });
      return json({ method: 'PUT', path: `${path}?${writing(false, FIELD_MANAGER)}`, body: object });
    },

    async patch(ref, patch, type, patchOptions = {}) {
      const path = `${await pathOf(ref)}${patchOptions.subresource ? `/${patchOptions.subresource}` : ''}`;
      const query = writing(patchOptions.dryRun, patchOptions.fieldManager ?? FIELD_MANAGER);
      if (type === 'apply') query.set('force', 'true');
      return json({ method: 'PATCH', path: `${path}?${query}`, body: patch, contentType: PATCH_TYPES[type] });
    },

    async delete(ref, deleteOptions = {}) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(deleteOptions.uid === undefined ? {} : { preconditions: { uid: deleteOptions.uid } }),
        ...(deleteOptions.propagationPolicy === undefined ? {} : { propagationPolicy: deleteOptions.propagationPolicy }),
      };
      let repeated = false;
      await call({ method: 'DELETE', path: await pathOf(ref), body }, () => {
        repeated = true;
      }).catch(error => {
        // The attempt before did it, only its answer was lost.
        if (!repeated || !(error instanceof KubernetesError) || error.status !== 404) throw error;
      });
    },

    async watch(kind, { namespace, labelSelector, fieldSelector, signal }, onEvent) {
      await listAndWatch({
        transport,
        list: call,
        clock,
        path: collectionPath(kind.apiVersion, await mapping(kind), namespace),
        query: selection({ labelSelector, fieldSelector }),
        apiVersion: kind.apiVersion,
        kind: kind.kind,
        signal,
        onEvent,
        ...(options.onTrouble ? { onTrouble: options.onTrouble } : {}),
      });
    },

    separate: () => clusterOf(config, options),
    onWrite(listener) {
      writes.add(listener);
      return () => void writes.delete(listener);
    },
    close: () => transport.close(),
  };
}

/** A 404 for the object, not for its kind or its path: "the server could not find the requested resource" has no name in its details. */
function isMissingObject(error: KubernetesError): boolean {
  return (
    error.reason === 'NotFound' &&
    !error.serverMessage.startsWith('the server could not find') &&
    !error.serverMessage.startsWith('the server has no kind')
  );
}

function selection(options: { labelSelector?: string | undefined; fieldSelector?: string | undefined }): URLSearchParams {
  const query = new URLSearchParams();
  if (options.labelSelector) query.set('labelSelector', options.labelSelector);
  if (options.fieldSelector) query.set('fieldSelector', options.fieldSelector);
  return query;
}

function writing(dryRun: boolean | undefined, fieldManager: string): URLSearchParams {
  const query = new URLSearchParams({ fieldManager });
  if (dryRun) query.set('dryRun', 'All');
  return query;
}

/**
 * The server's clock minus ours, from the Date header: the median of a few answers.
 * The header has a resolution of 1 s, so a single answer is off by up to 1 s plus the round trip; both are in the uncertainty.
 * @throws KubernetesError when the server cannot be reached or sends no Date.
 */
export async function clockSkew(cluster: Cluster, clock: Clock): Promise<{ skewMs: number; uncertaintyMs: number }> {
  const samples: { skewMs: number; roundTripMs: number }[] = [];
  for (let index = 0; index < 5; index++) {
    const startedMs = clock.monotonicMs();
    const path = '/version';
    const response = await cluster.request('GET', path, { patient: true });
    const roundTripMs = clock.monotonicMs() - startedMs;
    const date = Date.parse(response.headers['date'] ?? '');
    if (Number.isNaN(date))
      throw new KubernetesError({
        status: response.status,
        reason: 'NoDate',
        message: `${cluster.server} sends no Date header`,
        method: 'GET',
        path,
      });
    // The header is cut to whole seconds: on average the server's clock is half a second later than it says.
    samples.push({ skewMs: date + 500 - (clock.now().getTime() - roundTripMs / 2), roundTripMs });
  }
  samples.sort((left, right) => left.skewMs - right.skewMs);
  const median = samples[Math.floor(samples.length / 2)] as (typeof samples)[number];
  return { skewMs: Math.round(median.skewMs), uncertaintyMs: Math.round(500 + median.roundTripMs / 2) };
}
