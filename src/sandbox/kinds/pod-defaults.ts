/** Upstream's defaults for pods (pkg/apis/core/v1/defaults.go), filled in place. */

// biome-ignore lint/suspicious/noExplicitAny: open JSON
type Draft = any;

const set = (object: Draft, field: string, value: unknown) => {
  if (object[field] === undefined || object[field] === null) object[field] = value;
};

/** A tag of `latest`, or none, means that the image may change behind its name. */
function pullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const name = image.slice(image.lastIndexOf('/') + 1);
  const tag = name.includes(':') ? name.slice(name.indexOf(':') + 1) : 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function handlerDefaults(handler: Draft): void {
  if (handler?.httpGet) {
    set(handler.httpGet, 'path', '/');
    if (handler.httpGet.path === '') handler.httpGet.path = '/';
    set(handler.httpGet, 'scheme', 'HTTP');
  }
  if (handler?.grpc) set(handler.grpc, 'service', '');
}

function probeDefaults(probe: Draft): void {
  handlerDefaults(probe);
  for (const [field, value] of [
    ['timeoutSeconds', 1],
    ['periodSeconds', 10],
    ['successThreshold', 1],
    ['failureThreshold', 3],
  ] as const) {
    if (!probe[field]) probe[field] = value;
  }
}

function containerDefaults(container: Draft): void {
  if (!container.imagePullPolicy) container.imagePullPolicy = pullPolicy(container.image ?? '');
  if (!container.terminationMessagePath) container.terminationMessagePath = '/dev/termination-log';
  if (!container.terminationMessagePolicy) container.terminationMessagePolicy = 'File';
  set(container, 'resources', {});
  for (const port of container.ports ?? []) if (!port.protocol) port.protocol = 'TCP';
  for (const env of container.env ?? []) {
    const source = env.valueFrom;
    if (source?.fieldRef) set(source.fieldRef, 'apiVersion', 'v1');
    if (source?.resourceFieldRef) set(source.resourceFieldRef, 'divisor', '0');
  }
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) if (container[probe]) probeDefaults(container[probe]);
  handlerDefaults(container.lifecycle?.postStart);
  handlerDefaults(container.lifecycle?.preStop);
}

/** A limit without a request asks for as much. */
function requestsFromLimits(resources: Draft): void {
  for (const [name, quantity] of Object.entries(resources.limits ?? {})) {
    if (resources.requests?.[name] !== undefined) continue;
    resources.requests = { ...resources.requests, [name]: quantity };
  }
}

function volumeDefaults(volume: Draft): void {
  const sources = Object.keys(volume).filter(key => key !== 'name');
  if (sources.length === 0) volume.emptyDir = {};
  if (volume.configMap) set(volume.configMap, 'defaultMode', 420);
  if (volume.secret) set(volume.secret, 'defaultMode', 420);
  if (volume.downwardAPI) {
    set(volume.downwardAPI, 'defaultMode', 420);
    for (const item of volume.downwardAPI.items ?? []) if (item.fieldRef) set(item.fieldRef, 'apiVersion', 'v1');
  }
  if (volume.hostPath) set(volume.hostPath, 'type', '');
  if (volume.projected) {
    set(volume.projected, 'defaultMode', 420);
    for (const source of volume.projected.sources ?? []) {
      if (source.serviceAccountToken && !source.serviceAccountToken.expirationSeconds)
        source.serviceAccountToken.expirationSeconds = 3600;
      for (const item of source.downwardAPI?.items ?? []) if (item.fieldRef) set(item.fieldRef, 'apiVersion', 'v1');
    }
  }
}

/** @param inPod defaults that only a pod itself gets, not a template. */
export function podSpecDefaults(spec: Draft, inPod: boolean): void {
  if (!spec) return;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) containerDefaults(container);
  if (!spec.restartPolicy) spec.restartPolicy = 'Always';
  set(spec, 'terminationGracePeriodSeconds', 30);
  if (!spec.dnsPolicy) spec.dnsPolicy = 'ClusterFirst';
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  set(spec, 'securityContext', {});
  if (!spec.schedulerName) spec.schedulerName = 'default-scheduler';
  for (const volume of spec.volumes ?? []) volumeDefaults(volume);
  if (inPod) {
    for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) requestsFromLimits(container.resources);
    set(spec, 'enableServiceLinks', true);
    // What the admission plugins ServiceAccount, DefaultTolerationSeconds and Priority add.
    set(spec, 'serviceAccountName', 'default');
    set(spec, 'serviceAccount', spec.serviceAccountName);
    set(spec, 'priority', 0);
    set(spec, 'preemptionPolicy', 'PreemptLowerPriority');
    spec.tolerations ??= [];
    for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
      const tolerated = spec.tolerations.some(
        (t: Draft) => (t.key === key || (!t.key && t.operator === 'Exists')) && (!t.effect || t.effect === 'NoExecute'),
      );
      if (!tolerated) spec.tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
    }
  }
}
