import type { KubeObject } from '../registry/resources.ts';

const bodies = new WeakMap<KubeObject, string>();

/** The object's JSON after `{"kind":…,"apiVersion":…,`; made once per stored version, which is frozen. */
function body(object: KubeObject): string {
  let text = bodies.get(object);
  if (text === undefined) {
    const { kind, apiVersion, metadata, ...rest } = object;
    text = `"metadata":${JSON.stringify(metadata)}`;
    const others = JSON.stringify(rest);
    if (others !== '{}') text += `,${others.slice(1, -1)}`;
    text += '}';
    if (Object.isFrozen(object)) bodies.set(object, text);
  }
  return text;
}

/** The whole object as upstream orders it: kind, apiVersion, metadata, the rest. */
export const objectJson = (object: KubeObject): string =>
  `{"kind":${JSON.stringify(object.kind)},"apiVersion":${JSON.stringify(object.apiVersion)},${body(object)}`;

/** As an item of a typed list, which names the kind only once. */
export const itemJson = (object: KubeObject): string => `{${body(object)}`;
