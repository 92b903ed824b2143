import { createHash } from 'node:crypto';
import { shownSetting, shownWords } from '../cluster/redact.ts';
import { shortName } from '../cluster/workloads.ts';
import type { RawObject, RoleContext } from '../rehearsal/ports.ts';
import type { DecoySpec, FaultSpec } from '../scenario/schema.ts';
import { containerIn, refused } from './planned.ts';

/** tcpmux: below 1024, registered, and served by nobody. */
const UNUSED_PORT = 1;

/** How a fault changes a pod template: in place, told in words and as the command that people would have given. */
export interface TemplateEdit {
  summary: string;
  changeCause: string;
}

type Edit<Kind extends FaultSpec['kind']> = (
  template: RawObject,
  spec: Extract<FaultSpec, { kind: Kind }>,
  target: RoleContext['target'],
) => TemplateEdit;

export const editImage: Edit<'image'> = (template, spec, target) => {
  const container = containerIn(template, spec.container, target);
  const before = String(container['image']);
  const image = spec.image ?? missingImage(before);
  container['image'] = image;
  return {
    summary: `image of ${target.name}: ${before} → ${image}`,
    changeCause: `kubectl set image ${shortName(target)} ${container['name']}=${image}`,
  };
};

/** The same repository with a tag that nobody has pushed, as after a failed build. The same image always gives the same one. */
function missingImage(image: string): string {
  const [untagged = image] = image.split('@');
  const tag = /:([\w][\w.-]*)$/.exec(untagged)?.[1];
  const repository = tag === undefined ? untagged : untagged.slice(0, -tag.length - 1);
  return `${repository}:${(tag ?? 'latest').slice(0, 100)}-${createHash('sha256').update(image).digest('hex').slice(0, 7)}`;
}

export const editEnv: Edit<'env'> = (template, spec, target) => {
  const container = containerIn(template, spec.container, target);
  const env: { name: string; value?: string; valueFrom?: object }[] = [...(container['env'] ?? [])];
  const told: string[] = [];
  const command: string[] = [];
  for (const [name, value] of Object.entries(spec.env)) {
    const index = env.findIndex(variable => variable.name === name);
    const shown = (text: string | undefined) => (text === undefined ? 'from elsewhere' : shownSetting(name, text));
    if (value === null) {
      if (index < 0)
        throw refused(`container ${container['name']} of ${shortName(target)} has no environment variable ${name} to remove`);
      env.splice(index, 1);
      told.push(`${name} removed`);
      command.push(`${name}-`);
      continue;
    }
    told.push(index < 0 ? `${name} set to ${shown(value)}` : `${name} ${shown(env[index]?.value)} → ${shown(value)}`);
    command.push(`${name}=${shown(value)}`);
    if (index < 0) env.push({ name, value });
    else env[index] = { name, value };
  }
  container['env'] = env;
  return {
    summary: `environment of ${target.name}: ${told.join(', ')}`,
    changeCause: `kubectl set env ${shortName(target)} ${command.join(' ')}`,
  };
};

export const editCommand: Edit<'command'> = (template, spec, target) => {
  const container = containerIn(template, spec.container, target);
  if (!spec.command && !spec.args) throw refused('a fault of kind command needs `command` or `args`');
  const told: string[] = [];
  for (const field of ['command', 'args'] as const) {
    const value = spec[field];
    if (!value) continue;
    const shown = (words: string[] | undefined) => (words ? JSON.stringify(shownWords(words)) : 'of the image');
    told.push(`${field} ${shown(container[field])} → ${shown(value)}`);
    container[field] = value;
  }
  return { summary: `${told.join(', ')} (${target.name})`, changeCause: applied(target) };
};

export const editProbe: Edit<'probe'> = (template, spec, target) => {
  const container = containerIn(template, spec.container, target);
  const field = `${spec.probe}Probe`;
  const probe = container[field];
  if (spec.path === undefined && spec.port === undefined) {
    // Whatever the app is: the check that it has, with its timing, asks where nothing listens.
    const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, exec: _exec, ...timing } = probe ?? { periodSeconds: 5 };
    container[field] = { ...timing, tcpSocket: { port: UNUSED_PORT } };
    return {
      summary: `${spec.probe} probe of ${target.name}: ${probe ? 'moved to' : 'added on'} TCP port ${UNUSED_PORT}`,
      changeCause: applied(target),
    };
  }
  if (!probe) throw refused(`container ${container['name']} of ${shortName(target)} has no ${spec.probe} probe`);
  const handler = probe.httpGet ?? probe.tcpSocket ?? probe.grpc;
  if (!handler) throw refused(`the ${spec.probe} probe of ${shortName(target)} runs a command: it has no path or port`);
  if (spec.path !== undefined && !probe.httpGet)
    throw refused(`the ${spec.probe} probe of ${shortName(target)} is not an HTTP probe: it has no path`);
  const told: string[] = [];
  if (spec.path !== undefined) {
    told.push(`path ${handler.path ?? '/'} → ${spec.path}`);
    handler.path = spec.path;
  }
  if (spec.port !== undefined) {
    told.push(`port ${handler.port} → ${spec.port}`);
    handler.port = spec.port;
  }
  return { summary: `${spec.probe} probe of ${target.name}: ${told.join(', ')}`, changeCause: applied(target) };
};

export const editMissingSecret: Edit<'missing-secret'> = (template, spec, target) => {
  const container = containerIn(template, spec.container, target);
  const env: { name: string }[] = (container['env'] ?? []).filter((variable: { name: string }) => variable.name !== spec.env);
  container['env'] = [...env, { name: spec.env, valueFrom: { secretKeyRef: { name: spec.secret, key: spec.key } } }];
  return {
    summary: `${spec.env} of ${target.name} taken from secret ${spec.secret}, which does not exist`,
    changeCause: applied(target),
  };
};

export const editResources: Edit<'resources'> = (template, spec, target) => {
  const container = containerIn(template, spec.container, target);
  const resources = { ...container['resources'] };
  const told: string[] = [];
  const flags: string[] = [];
  for (const field of ['requests', 'limits'] as const) {
    const values = spec[field];
    if (!values) continue;
    for (const [name, value] of Object.entries(values))
      told.push(`${name} ${field.slice(0, -1)} ${resources[field]?.[name] ?? 'none'} → ${value}`);
    resources[field] = { ...resources[field], ...values };
    flags.push(
      `--${field}=${Object.entries(values)
        .map(([name, value]) => `${name}=${value}`)
        .join(',')}`,
    );
  }
  if (!told.length) throw refused('a fault of kind resources needs `requests` or `limits`');
  container['resources'] = resources;
  return {
    summary: `resources of ${target.name}: ${told.join(', ')}`,
    changeCause: `kubectl set resources ${shortName(target)} ${flags.join(' ')}`,
  };
};

/** An unrelated, harmless deploy: an image, environment variables, or both at once. */
export function editDecoy(template: RawObject, spec: DecoySpec, target: RoleContext['target']): TemplateEdit {
  const edits = [
    ...(spec.image === undefined ? [] : [editImage(template, { kind: 'image', image: spec.image }, target)]),
    ...(spec.env === undefined ? [] : [editEnv(template, { kind: 'env', env: spec.env }, target)]),
  ];
  const [first] = edits;
  if (!first) throw refused(`the decoy on ${shortName(target)} changes nothing`, 'give it an `image` or `env`');
  return { summary: edits.map(edit => edit.summary).join(', '), changeCause: first.changeCause };
}

function applied(target: { name: string }): string {
  return `kubectl apply --filename=${target.name}.yaml`;
}
