/** What a new pod template changes, in words that people use in change logs. */
import { isDeepStrictEqual } from 'node:util';
import type { RawObject } from '../rehearsal/ports.ts';
import { shownSetting, shownWords } from './redact.ts';

export type ChangeAspect = 'image' | 'env' | 'command' | 'probe' | 'resources' | 'config' | 'secret' | 'metadata' | 'other';

export interface TemplateChange {
  aspect: ChangeAspect;
  text: string;
  /** The new value, where it is one string: an image, an environment variable's value, a name. */
  value?: string;
  /** Name of the environment variable. */
  name?: string;
}

/** Changes from one pod template to the next, the most telling first. */
export function templateChanges(before: RawObject | undefined, after: RawObject): TemplateChange[] {
  if (!before) return [{ aspect: 'other', text: 'first revision' }];
  const changes: TemplateChange[] = [];
  const oldContainers = containersOf(before);
  const newContainers = containersOf(after);
  for (const container of newContainers) {
    const old = oldContainers.find(candidate => candidate.name === container.name);
    if (!old) changes.push({ aspect: 'other', text: `container ${container.name} added` });
    else changes.push(...containerChanges(old, container));
  }
  for (const old of oldContainers) {
    if (!newContainers.some(candidate => candidate.name === old.name))
      changes.push({ aspect: 'other', text: `container ${old.name} removed` });
  }
  changes.push(...volumeChanges(before['spec']?.volumes ?? [], after['spec']?.volumes ?? []));
  if (!isDeepStrictEqual(before.metadata?.annotations ?? {}, after.metadata?.annotations ?? {})) {
    const restarted = after.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt'];
    const was = before.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt'];
    changes.push({ aspect: 'metadata', text: restarted !== was ? 'restarted, nothing else changed' : 'annotations of the pods' });
  }
  if (!isDeepStrictEqual(before.metadata?.labels ?? {}, after.metadata?.labels ?? {}))
    changes.push({ aspect: 'metadata', text: 'labels of the pods' });
  if (changes.length === 0 && !isDeepStrictEqual(before['spec'], after['spec'])) {
    const fields = [...new Set([...Object.keys(before['spec'] ?? {}), ...Object.keys(after['spec'] ?? {})])].filter(
      field => !isDeepStrictEqual(before['spec']?.[field], after['spec']?.[field]),
    );
    changes.push({ aspect: 'other', text: `${fields.join(', ')} of the pods` });
  }
  return changes;
}

function containersOf(template: RawObject): RawContainer[] {
  return [...(template['spec']?.initContainers ?? []), ...(template['spec']?.containers ?? [])];
}

// biome-ignore lint/suspicious/noExplicitAny: the wire format is open
type RawContainer = { name: string; [field: string]: any };

function containerChanges(before: RawContainer, after: RawContainer): TemplateChange[] {
  const changes: TemplateChange[] = [];
  if (before['image'] !== after['image'])
    changes.push({ aspect: 'image', text: `image ${before['image']} → ${after['image']}`, value: after['image'] });
  changes.push(...envChanges(before['env'] ?? [], after['env'] ?? []));
  if (!isDeepStrictEqual(before['envFrom'] ?? [], after['envFrom'] ?? []))
    changes.push({ aspect: 'config', text: `environment taken from ${sources(after['envFrom'] ?? [])}` });
  for (const field of ['command', 'args']) {
    if (!isDeepStrictEqual(before[field], after[field]))
      changes.push({ aspect: 'command', text: `${field} ${list(before[field])} → ${list(after[field])}` });
  }
  for (const field of ['readinessProbe', 'livenessProbe', 'startupProbe']) {
    if (!isDeepStrictEqual(before[field], after[field]))
      changes.push({
        aspect: 'probe',
        text: `${field.replace('Probe', ' probe')} ${probeText(before[field])} → ${probeText(after[field])}`,
      });
  }
  for (const field of ['requests', 'limits']) {
    const old = before['resources']?.[field] ?? {};
    const now = after['resources']?.[field] ?? {};
    for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
      if (old[name] !== now[name])
        changes.push({
          aspect: 'resources',
          text: `${name} ${field === 'limits' ? 'limit' : 'request'} ${old[name] ?? 'none'} → ${now[name] ?? 'none'}`,
        });
    }
  }
  return changes;
}

interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string }; configMapKeyRef?: { name: string; key: string } };
}

function envChanges(before: EnvVar[], after: EnvVar[]): TemplateChange[] {
  const changes: TemplateChange[] = [];
  for (const variable of after) {
    const old = before.find(candidate => candidate.name === variable.name);
    if (old && isDeepStrictEqual(old, variable)) continue;
    const secret = variable.valueFrom?.secretKeyRef;
    const config = variable.valueFrom?.configMapKeyRef;
    const { name } = variable;
    if (secret)
      changes.push({
        aspect: 'secret',
        name,
        value: secret.name,
        text: `${name} taken from secret ${secret.name}, key ${secret.key}`,
      });
    else if (config)
      changes.push({
        aspect: 'config',
        name,
        value: config.name,
        text: `${name} taken from configmap ${config.name}, key ${config.key}`,
      });
    else {
      const shown = (value: string | undefined) => shownSetting(name, value ?? '');
      changes.push({
        aspect: 'env',
        name,
        value: variable.value ?? '',
        text:
          old?.value !== undefined
            ? `${name} ${shown(old.value)} → ${shown(variable.value)}`
            : `${name} set to ${shown(variable.value)}`,
      });
    }
  }
  for (const old of before) {
    if (!after.some(candidate => candidate.name === old.name))
      changes.push({ aspect: 'env', name: old.name, text: `${old.name} removed` });
  }
  return changes;
}

function volumeChanges(before: RawContainer[], after: RawContainer[]): TemplateChange[] {
  const changes: TemplateChange[] = [];
  for (const volume of after) {
    const old = before.find(candidate => candidate.name === volume.name);
    if (isDeepStrictEqual(old, volume)) continue;
    const config = volume['configMap']?.name;
    const secret = volume['secret']?.secretName;
    if (config)
      changes.push({ aspect: 'config', value: config, text: `configmap ${old?.['configMap']?.name ?? 'none'} → ${config}` });
    else if (secret)
      changes.push({ aspect: 'secret', value: secret, text: `secret ${old?.['secret']?.secretName ?? 'none'} → ${secret}` });
    else changes.push({ aspect: 'other', text: `volume ${volume.name}` });
  }
  for (const old of before) {
    if (!after.some(candidate => candidate.name === old.name))
      changes.push({ aspect: 'other', text: `volume ${old.name} removed` });
  }
  return changes;
}

function sources(from: { configMapRef?: { name: string }; secretRef?: { name: string } }[]): string {
  return (
    from
      .map(source => (source.secretRef ? `secret ${source.secretRef.name}` : `configmap ${source.configMapRef?.name}`))
      .join(', ') || 'nothing'
  );
}

function list(value: string[] | undefined): string {
  return value ? JSON.stringify(shownWords(value)) : 'of the image';
}

// biome-ignore lint/suspicious/noExplicitAny: the wire format is open
function probeText(probe: any): string {
  if (!probe) return 'none';
  if (probe.httpGet) return `GET ${probe.httpGet.path ?? '/'} on port ${probe.httpGet.port}`;
  if (probe.tcpSocket) return `TCP port ${probe.tcpSocket.port}`;
  if (probe.grpc) return `gRPC port ${probe.grpc.port}`;
  return probe.exec ? `exec ${list(probe.exec.command)}` : 'changed';
}
