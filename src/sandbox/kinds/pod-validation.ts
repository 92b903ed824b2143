import { equal } from '../registry/json.ts';
import { duplicate, type FieldError, forbidden, invalid, notFound, notSupported, required } from './field-error.ts';
import { annotationErrors, labelErrors } from './metadata.ts';
import { configKeyProblems, labelProblems, portNameProblems, subdomainProblems } from './names.ts';
import { parseQuantity, QUANTITY_RULE } from './quantity.ts';

/** Upstream's validation of pods and pod templates (pkg/apis/core/validation/validation.go): what an apply gets wrong. */

// An unchecked pod spec: decoding has looked at its types only.
// biome-ignore lint/suspicious/noExplicitAny: open JSON
type Draft = any;

const NOT_NEGATIVE = 'must be greater than or equal to 0';
const PORT_RANGE = 'must be between 1 and 65535, inclusive';
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function nonNegative(value: unknown, field: string): FieldError[] {
  return typeof value === 'number' && value < 0 ? [invalid(field, value, NOT_NEGATIVE)] : [];
}

export function portErrors(port: unknown, field: string): FieldError[] {
  return typeof port === 'number' && port >= 1 && port <= 65535 ? [] : [invalid(field, port ?? 0, PORT_RANGE)];
}

/** A port number or the name of one. */
export function portOrNameErrors(port: unknown, field: string): FieldError[] {
  if (typeof port === 'string') return portNameProblems(port).map(problem => invalid(field, port, problem));
  return portErrors(port, field);
}

export const labelNameErrors = (value: string, field: string): FieldError[] =>
  labelProblems(value).map(problem => invalid(field, value, problem));

function containerPortErrors(ports: Draft[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `${field}[${index}]`;
    if (port.name) {
      const problems = portNameProblems(port.name);
      errors.push(...problems.map(problem => invalid(`${at}.name`, port.name, problem)));
      if (problems.length === 0 && names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${at}.containerPort`));
    else errors.push(...portErrors(port.containerPort, `${at}.containerPort`));
    if (port.hostPort) errors.push(...portErrors(port.hostPort, `${at}.hostPort`));
    if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${at}.protocol`, port.protocol, PROTOCOLS));
  }
  return errors;
}

const ENV_SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef'];

function envErrors(variables: Draft[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, variable] of variables.entries()) {
    const at = `${field}[${index}]`;
    if (!variable.name) errors.push(required(`${at}.name`));
    else if (variable.name.includes('=')) {
      errors.push(
        invalid(
          `${at}.name`,
          variable.name,
          "a valid environment variable name must consist only of printable ASCII characters other than '='",
        ),
      );
    }
    const source = variable.valueFrom;
    if (!source) continue;
    const given = ENV_SOURCES.filter(name => source[name]);
    if (given.length === 0) {
      errors.push(
        invalid(
          `${at}.valueFrom`,
          '',
          'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
        ),
      );
    } else if (variable.value) errors.push(invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty'));
    else if (given.length > 1)
      errors.push(invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time'));
    for (const name of ['configMapKeyRef', 'secretKeyRef']) {
      const reference = source[name];
      if (!reference) continue;
      if (!reference.key) errors.push(required(`${at}.valueFrom.${name}.key`));
      else
        errors.push(
          ...configKeyProblems(reference.key).map(problem => invalid(`${at}.valueFrom.${name}.key`, reference.key, problem)),
        );
    }
  }
  return errors;
}

function envFromErrors(sources: Draft[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, source] of sources.entries()) {
    const at = `${field}[${index}]`;
    const given = ['configMapRef', 'secretRef'].filter(name => source[name]);
    if (given.length === 0) errors.push(invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (given.length > 1) errors.push(invalid(field, '', 'may not have more than one field specified at a time'));
    for (const name of given) if (!source[name].name) errors.push(required(`${at}.${name}.name`));
  }
  return errors;
}

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];

function handlerErrors(handler: Draft, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const given = HANDLERS.filter(name => handler[name]);
  if (given.length === 0) return [required(field, 'must specify a handler type')];
  for (const name of given.slice(1)) errors.push(forbidden(`${field}.${name}`, 'may not specify more than 1 handler type'));
  const { exec, httpGet, tcpSocket, grpc } = handler;
  if (given[0] === 'exec' && !exec.command?.length) errors.push(required(`${field}.exec.command`));
  if (given[0] === 'httpGet') {
    errors.push(...portOrNameErrors(httpGet.port ?? 0, `${field}.httpGet.port`));
    if (!['HTTP', 'HTTPS'].includes(httpGet.scheme))
      errors.push(notSupported(`${field}.httpGet.scheme`, httpGet.scheme, ['HTTP', 'HTTPS']));
  }
  if (given[0] === 'tcpSocket') errors.push(...portOrNameErrors(tcpSocket.port ?? 0, `${field}.tcpSocket.port`));
  if (given[0] === 'grpc') errors.push(...portErrors(grpc.port, `${field}.grpc.port`));
  return errors;
}

function probeErrors(probe: Draft, field: string, onceIsEnough: boolean): FieldError[] {
  if (!probe) return [];
  const errors = handlerErrors(probe, field);
  for (const name of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold']) {
    errors.push(...nonNegative(probe[name], `${field}.${name}`));
  }
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0) {
    errors.push(invalid(`${field}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must be greater than 0'));
  }
  if (onceIsEnough && probe.successThreshold !== 1)
    errors.push(invalid(`${field}.successThreshold`, probe.successThreshold, 'must be 1'));
  return errors;
}

function resourceErrors(resources: Draft, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { limits = {}, requests = {} } = resources ?? {};
  for (const [part, given] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const [name, quantity] of Object.entries(given)) {
      const at = `${field}.${part}[${name}]`;
      const value = parseQuantity(quantity);
      if (value === undefined) errors.push(invalid(at, quantity, QUANTITY_RULE));
      else if (value < 0) errors.push(invalid(at, String(quantity), NOT_NEGATIVE));
      else if (!['cpu', 'memory', 'ephemeral-storage'].includes(name) && !name.includes('/') && !name.startsWith('hugepages-')) {
        errors.push(invalid(at, name, 'must be a standard resource type or fully qualified'));
        errors.push(invalid(at, name, 'must be a standard resource for containers'));
      }
    }
  }
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit !== undefined && (parseQuantity(request) ?? 0) > (parseQuantity(limit) ?? 0)) {
      errors.push(invalid(`${field}.requests`, String(request), `must be less than or equal to ${name} limit of ${limit}`));
    }
  }
  return errors;
}

function mountErrors(mounts: Draft[], volumes: ReadonlySet<string>, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  for (const [index, mount] of mounts.entries()) {
    const at = `${field}[${index}]`;
    if (!mount.name) errors.push(required(`${at}.name`));
    if (!volumes.has(mount.name ?? '')) errors.push(notFound(`${at}.name`, mount.name ?? ''));
    if (!mount.mountPath) errors.push(required(`${at}.mountPath`));
    else if (paths.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
    if (mount.subPath?.startsWith('/')) errors.push(invalid(`${field}.subPath`, mount.subPath, 'must be a relative path'));
    if (mount.subPath?.split('/').includes('..'))
      errors.push(invalid(`${field}.subPath`, mount.subPath, "must not contain '..'"));
  }
  return errors;
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['FallbackToLogsOnError', 'File'];

function containerErrors(container: Draft, volumes: ReadonlySet<string>, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!container.name) errors.push(required(`${field}.name`));
  else errors.push(...labelNameErrors(container.name, `${field}.name`));
  if (!container.image) errors.push(required(`${field}.image`));
  else if (container.image.trim() !== container.image) {
    errors.push(invalid(`${field}.image`, container.image, 'must not have leading or trailing whitespace'));
  }
  if (!MESSAGE_POLICIES.includes(container.terminationMessagePolicy)) {
    errors.push(notSupported(`${field}.terminationMessagePolicy`, container.terminationMessagePolicy, MESSAGE_POLICIES));
  }
  errors.push(...containerPortErrors(container.ports ?? [], `${field}.ports`));
  errors.push(...envErrors(container.env ?? [], `${field}.env`));
  errors.push(...envFromErrors(container.envFrom ?? [], `${field}.envFrom`));
  errors.push(...mountErrors(container.volumeMounts ?? [], volumes, `${field}.volumeMounts`));
  if (!PULL_POLICIES.includes(container.imagePullPolicy)) {
    errors.push(notSupported(`${field}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES));
  }
  errors.push(...resourceErrors(container.resources, `${field}.resources`));
  return errors;
}

/** In the order in which upstream looks at them. */
const VOLUME_SOURCES = [
  'emptyDir',
  'hostPath',
  'secret',
  'nfs',
  'persistentVolumeClaim',
  'downwardAPI',
  'configMap',
  'projected',
  'ephemeral',
  'csi',
  'image',
];

function volumeErrors(volumes: Draft[], field: string): { names: Set<string>; errors: FieldError[] } {
  const names = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, volume] of volumes.entries()) {
    const at = `${field}[${index}]`;
    const found: FieldError[] = [];
    const sources = VOLUME_SOURCES.filter(source => volume[source]);
    for (const source of sources.slice(1)) found.push(forbidden(`${at}.${source}`, 'may not specify more than 1 volume type'));
    if (sources.length === 0) found.push(required(at, 'must specify a volume type'));
    if (volume.configMap && !volume.configMap.name) found.push(required(`${at}.configMap.name`));
    if (volume.secret && !volume.secret.secretName) found.push(required(`${at}.secret.secretName`));
    if (!volume.name) found.push(required(`${at}.name`));
    else found.push(...labelNameErrors(volume.name, `${at}.name`));
    if (names.has(volume.name)) found.push(duplicate(`${at}.name`, volume.name));
    if (found.length === 0) names.add(volume.name);
    errors.push(...found);
  }
  return { names, errors };
}

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

/** @param field e.g. `spec` or `spec.template.spec`. */
export function podSpecErrors(spec: Draft, field: string): FieldError[] {
  if (!spec) return [required(`${field}.containers`)];
  const { names: volumes, errors } = volumeErrors(spec.volumes ?? [], `${field}.volumes`);
  const containers: Draft[] = spec.containers ?? [];
  if (containers.length === 0) errors.push(required(`${field}.containers`));
  const names = new Set<string>();
  for (const [index, container] of containers.entries()) {
    const at = `${field}.containers[${index}]`;
    errors.push(...containerErrors(container, volumes, at));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    for (const hook of ['postStart', 'preStop']) {
      if (container.lifecycle?.[hook]) errors.push(...handlerErrors(container.lifecycle[hook], `${at}.lifecycle.${hook}`));
    }
    errors.push(...probeErrors(container.livenessProbe, `${at}.livenessProbe`, true));
    errors.push(...probeErrors(container.readinessProbe, `${at}.readinessProbe`, false));
    errors.push(...probeErrors(container.startupProbe, `${at}.startupProbe`, true));
    if (container.restartPolicy) errors.push(forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'));
  }
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const at = `${field}.initContainers[${index}]`;
    errors.push(...containerErrors(container, volumes, at));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    if (container.restartPolicy === 'Always') continue;
    for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe']) {
      if (container[name])
        errors.push(forbidden(`${at}.${name}`, 'may not be set for init containers without restartPolicy=Always'));
    }
  }
  if (!RESTART_POLICIES.includes(spec.restartPolicy))
    errors.push(notSupported(`${field}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES));
  if (!DNS_POLICIES.includes(spec.dnsPolicy)) errors.push(notSupported(`${field}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES));
  errors.push(...labelErrors(spec.nodeSelector, `${field}.nodeSelector`));
  if (spec.serviceAccountName) {
    errors.push(
      ...subdomainProblems(spec.serviceAccountName).map(problem =>
        invalid(`${field}.serviceAccountName`, spec.serviceAccountName, problem),
      ),
    );
  }
  if (spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds < 1) {
    errors.push(
      invalid(`${field}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 'must be between 1 and 2147483647, inclusive'),
    );
  }
  for (const name of ['hostname', 'subdomain']) if (spec[name]) errors.push(...labelNameErrors(spec[name], `${field}.${name}`));
  return errors;
}

/** @param field e.g. `spec.template`. */
export function templateErrors(template: Draft, field: string): FieldError[] {
  if (!template) return [required(field)];
  return [
    ...labelErrors(template.metadata?.labels, `${field}.labels`),
    ...annotationErrors(template.metadata?.annotations, `${field}.annotations`),
    ...podSpecErrors(template.spec, `${field}.spec`),
  ];
}

const UPDATABLE =
  '`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Almost nothing of a pod's spec changes once it runs. */
export function podUpdateErrors(pod: Draft, old: Draft): FieldError[] {
  if (equal(pod.spec, old.spec)) return [];
  for (const list of ['containers', 'initContainers']) {
    if ((pod.spec[list] ?? []).length !== (old.spec[list] ?? []).length) {
      return [forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    }
  }
  const munged = structuredClone(pod.spec);
  for (const list of ['containers', 'initContainers']) {
    for (const [index, container] of (munged[list] ?? []).entries()) container.image = old.spec[list][index].image;
  }
  munged.tolerations = old.spec.tolerations;
  // The scheduler's binding.
  if (!old.spec.nodeName) munged.nodeName = old.spec.nodeName;
  if (old.spec.activeDeadlineSeconds === undefined || (munged.activeDeadlineSeconds ?? 0) <= old.spec.activeDeadlineSeconds) {
    munged.activeDeadlineSeconds = old.spec.activeDeadlineSeconds;
  }
  if (equal(munged, old.spec)) return [];
  const changed = Object.keys({ ...munged, ...old.spec }).filter(key => !equal(munged[key], old.spec[key]));
  return [
    forbidden(
      'spec',
      `pod updates may not change fields other than ${UPDATABLE}\n${changed.map(key => `  spec.${key}`).join('\n')}`,
    ),
  ];
}
