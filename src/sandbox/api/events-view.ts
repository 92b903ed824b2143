import type { ResourceType } from '../kinds/resource-type.ts';
import type { KubeObject } from '../registry/resources.ts';
import type { View } from './view.ts';

const shown = new WeakMap<KubeObject, KubeObject>();

const without = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** core/v1 Event → events.k8s.io/v1 Event (pkg/apis/events/v1/conversion.go). */
function toEventsV1(event: KubeObject): KubeObject {
  let view = shown.get(event);
  if (!view) {
    const { metadata, involvedObject, message, source, firstTimestamp, lastTimestamp, count, reportingComponent, ...rest } =
      event;
    const { kind: _kind, apiVersion: _apiVersion, ...same } = rest;
    view = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata,
      eventTime: null,
      ...same,
      ...without({
        regarding: involvedObject,
        note: message,
        reportingController: reportingComponent || source?.component,
        deprecatedSource: source,
        deprecatedFirstTimestamp: firstTimestamp,
        deprecatedLastTimestamp: lastTimestamp,
        deprecatedCount: count,
      }),
    };
    Object.freeze(view);
    shown.set(event, view);
  }
  return view;
}

function fromEventsV1(event: KubeObject): KubeObject {
  const {
    metadata,
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    ...rest
  } = event;
  const { kind: _kind, apiVersion: _apiVersion, reportingController, ...same } = rest;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata,
    ...same,
    ...without({
      involvedObject: regarding ?? {},
      message: note,
      source: deprecatedSource,
      firstTimestamp: deprecatedFirstTimestamp,
      lastTimestamp: deprecatedLastTimestamp,
      count: deprecatedCount,
      reportingComponent: reportingController,
    }),
  };
}

export const eventsView = (type: ResourceType): View => ({
  type,
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  apiVersion: 'events.k8s.io/v1',
  out: toEventsV1,
  in: fromEventsV1,
});
