/** The one way to a cluster: a kubeconfig's context, spoken to in raw JSON so that nothing of an object is lost. */
import type { ObjectRef } from '../record/events.ts';
import { systemClock } from '../rehearsal/clock.ts';
import type { ApiResponse, Clock, Cluster, RawObject } from '../rehearsal/ports.ts';
import { type ConnectionConfig, loadKubeconfig } from './kubeconfig.ts';
import { errorOfResponse, KubernetesError } from './kubernetes-error.ts';
import { isTransient, pauseMs } from './patience.ts';
import { collectionPath, createRestMapper, objectPath } from './rest-mapping.ts';
import { createTransport, type TransportRequest } from './transport.ts';
import { listAndWatch } from './watch.ts';

export { KubernetesError } from './kubernetes-error.ts';

const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** A server that answered before is worth waiting for: as long as an API server takes to restart. */
const PATIENCE_MS = 30_000;
/** What fails on the server itself, again and again, does not become better by waiting longer. */
const FAILED_ATTEMPTS = 5;
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

/** A request that changed something, as it went over the wire. */
export interface ClusterWrite {
  /** POST, PUT, PATCH, DELETE. */
  verb: string;
  path: string;
  status: number;
  /** The request's uid, as the API server's audit log has it (https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/). */
  auditId?: string;
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
  const transport = createTransport(config);
  const writes = new Set<(write: ClusterWrite) => void>();
  const clock = options.clock ?? systemClock;
  let answered = false;

  function tellWrite({ method, path }: TransportRequest, { status, headers }: ApiResponse): void {
    if (writes.size === 0 || !isWrite(method, path)) return;
    const auditId = headers['audit-id'];
    const write = { verb: method, path, status, ...(auditId === undefined ? {} : { auditId }) };
    for (const listener of writes) listener(write);
  }

  async function once(request: TransportRequest): Promise<ApiResponse> {
    const response = await transport.request(request);
    answered = true;
    tellWrite(request, response);
    if (response.status < 400) return response;
    throw errorOfResponse({ ...request, server: config.server }, response);
  }

  /** @param onRetry before the request is sent again: the one before may have been done although no answer came */
  async function call(request: TransportRequest, onRetry: () => void = () => {}): Promise<ApiResponse> {
    const untilMs = clock.monotonicMs() + PATIENCE_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(request);
      } catch (error) {
        if (!(error instanceof KubernetesError) || !isTransient(error) || clock.monotonicMs() >= untilMs) throw error;
        if (!mayRepeat(request, error) || (error.status === 0 && !answered)) throw error;
        if (error.status >= 500 && error.status !== 503 && attempt >= FAILED_ATTEMPTS) throw error;
        await clock.sleep(pauseMs(error, attempt), request.signal);
        onRetry();
      }
    }
  }
  const json = async (request: TransportRequest) => JSON.parse((await call(request)).body);
  const mapping = createRestMapper(path => json({ method: 'GET', path }));
  const pathOf = async (ref: ObjectRef) => objectPath(ref, await mapping(ref));

  return {
    server: config.server,
    context: config.context,
    defaultNamespace: config.namespace,

    async request(method, path, requestOptions = {}) {
      const request = { method, path, ...requestOptions };
      const response = await transport.request(request);
      answered = true;
      tellWrite(request, response);
      return response;
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

/**
 * Whether a request that failed for what may pass is sent again. Anything when it never arrived, or was turned away before it was looked at
 * (429, and 5xx with Retry-After, as client-go has it); otherwise only what has the same effect when it is done twice.
 */
function mayRepeat({ method, path, contentType, body }: TransportRequest, error: KubernetesError): boolean {
  if (error.reason === 'ConnectionRefused' || error.status === 429 || error.retryAfterMs !== undefined) return true;
  if (method === 'POST') return /[?&]dryRun=/.test(path) || path.startsWith('/apis/authorization.k8s.io/');
  if (method !== 'PATCH' || contentType !== PATCH_TYPES.json) return true;
  const operations = body as { op: string; path: string }[];
  return operations.every(({ op, path: field }) => (op === 'replace' || op === 'add') && !/\/(\d+|-)$/.test(field));
}

/**
 * Requests that leave something on the server: not dry runs, not questions that are asked by POST (access reviews), and not what goes
 * through a proxy to somebody's own app.
 */
function isWrite(method: string, path: string): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return !/[?&]dryRun=/.test(path) && !path.startsWith('/apis/authorization.k8s.io/') && !/\/proxy(\/|\?|$)/.test(path);
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
    const response = await cluster.request('GET', path);
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
