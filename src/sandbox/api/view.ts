import { apiVersionOf, type KindTable } from '../kinds/index.ts';
import type { ResourceType } from '../kinds/resource-type.ts';
import type { KubeObject } from '../registry/resources.ts';
import { eventsView } from './events-view.ts';

/**
 * A kind as one group version shows it. All are shown as they are stored but Events, which events.k8s.io/v1 shows
 * under other names of the same fields.
 */
export interface View {
  readonly type: ResourceType;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly out: (object: KubeObject) => KubeObject;
  readonly in: (object: KubeObject) => KubeObject;
}

const same = (object: KubeObject) => object;

/** undefined when nothing is served under that path. */
export function viewOf(types: KindTable, group: string, version: string, plural: string): View | undefined {
  if (group === 'events.k8s.io') {
    const type = types.byResource('events');
    return version === 'v1' && plural === 'events' && type ? eventsView(type) : undefined;
  }
  const type = types.byResource(group ? `${plural}.${group}` : plural);
  if (!type || type.version !== version) return undefined;
  return { type, group, version, kind: type.kind, apiVersion: apiVersionOf(type), out: same, in: same };
}
