import type { Registry, VersionedEvent } from '../registry/registry.ts';
import type { KubeObject, SandboxClock, WatchEventType } from '../registry/resources.ts';
import { StatusError } from '../registry/status-error.ts';
import type { Exchange } from './exchange.ts';
import { type Matcher, requestedVersion } from './list-query.ts';
import type { Accepted } from './negotiation.ts';
import { objectJson } from './object-json.ts';
import { type IncludeObject, partialMetadata, table } from './table-view.ts';
import type { View } from './view.ts';

const BOOKMARK_INTERVAL_MS = 60_000;
/** Upstream's --min-request-timeout: a watch lives between this and twice this when it names no timeout. */
const MIN_LIFE_MS = 1_800_000;
/** A client that reads this little is cut off; it resumes from its last version. */
const BACKLOG_LIMIT = 16 * 1024 * 1024;

/** The WatchList protocol's mark that the initial state was sent. */
const INITIAL_END = { 'k8s.io/initial-events-end': 'true' };

/** Streams changes as JSON lines until the client leaves or the time is over. */
export function serveWatch(
  exchange: Exchange,
  registry: Registry,
  clock: SandboxClock,
  view: View,
  matches: Matcher,
  accepted: Accepted,
): void {
  const { query, response } = exchange;
  const bookmarks = query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
  const sendInitial = query.get('sendInitialEvents');
  const match = query.get('resourceVersionMatch');
  checkInitialEvents(sendInitial, match);
  const include = (query.get('includeObject') ?? 'Metadata') as IncludeObject;
  const version = query.get('resourceVersion');
  const encode = encoder(view, accepted, include, clock);

  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-cache, private',
    'Transfer-Encoding': 'chunked',
  });
  response.flushHeaders();
  const send = (type: WatchEventType | 'BOOKMARK' | 'ERROR', object: string) => {
    response.write(`{"type":"${type}","object":${object}}\n`);
    if (response.writableLength > BACKLOG_LIMIT) response.destroy();
  };
  const forward = (event: VersionedEvent) => {
    const now = matches(event.object);
    const before = event.previous !== undefined && matches(event.previous);
    // A change may carry an object into or out of the selection.
    if (event.type === 'DELETED') {
      if (before || now) send('DELETED', encode(event.object));
    } else if (now) send(before ? 'MODIFIED' : 'ADDED', encode(event.object));
    else if (before)
      send(
        'DELETED',
        encode({
          ...(event.previous as KubeObject),
          metadata: {
            ...(event.previous as KubeObject).metadata,
            resourceVersion: event.object.metadata.resourceVersion as string,
          },
        }),
      );
  };
  const bookmark = (annotations?: Record<string, string>) => {
    const { kind, apiVersion } = view;
    const object: KubeObject = {
      kind,
      apiVersion,
      metadata: {
        resourceVersion: String(registry.version()),
        ...(annotations ? { annotations } : {}),
      } as KubeObject['metadata'],
    };
    send(
      'BOOKMARK',
      accepted.as === 'metadata'
        ? JSON.stringify(partialMetadata(object))
        : accepted.as === 'table'
          ? encode(object)
          : JSON.stringify(object),
    );
  };

  try {
    const from = sendInitial === 'true' ? undefined : version === '0' ? undefined : requestedVersion(registry, version);
    if (from === undefined && sendInitial !== 'false') {
      for (const object of registry.snapshot(view.type.resource)) if (matches(object)) send('ADDED', encode(object));
    } else if (from !== undefined) for (const event of registry.since(view.type.resource, from)) forward(event);
    if (sendInitial === 'true' && bookmarks) bookmark(INITIAL_END);
  } catch (error) {
    // Too old a version is told inside the stream, as upstream's watch cache does.
    if (!(error instanceof StatusError)) throw error;
    send('ERROR', JSON.stringify(error.toStatus()));
    response.end();
    return;
  }

  const unsubscribe = registry.subscribe(view.type.resource, forward);
  let nextBookmark = () => {};
  const schedule = () => {
    nextBookmark = clock.after(BOOKMARK_INTERVAL_MS, () => {
      bookmark();
      schedule();
    });
  };
  if (bookmarks) schedule();
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  const lifeMs = seconds > 0 ? seconds * 1000 : MIN_LIFE_MS * (1 + Math.random());
  const cancelEnd = clock.after(lifeMs, () => response.end());
  response.on('close', () => {
    unsubscribe();
    nextBookmark();
    cancelEnd();
  });
}

function encoder(view: View, accepted: Accepted, include: IncludeObject, clock: SandboxClock) {
  if (accepted.as === 'metadata') return (object: KubeObject) => JSON.stringify(partialMetadata(object));
  if (accepted.as === 'object') return (object: KubeObject) => objectJson(view.out(object));
  // Only the first table of a watch names its columns.
  let first = true;
  return (object: KubeObject) => {
    const { resourceVersion = '' } = object.metadata;
    const isBookmark = object.metadata.name === undefined;
    const text = JSON.stringify(
      table(view.type, isBookmark ? [] : [view.out(object)], { resourceVersion }, include, clock.now(), first),
    );
    first = false;
    return text;
  };
}

function checkInitialEvents(sendInitial: string | null, match: string | null): void {
  const invalid = (field: string, message: string) => {
    throw new StatusError('Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
      group: 'meta.k8s.io',
      kind: 'ListOptions',
      causes: [{ reason: 'FieldValueForbidden', message, field }],
    });
  };
  if (sendInitial !== null && match !== 'NotOlderThan') {
    invalid(
      'resourceVersionMatch',
      match
        ? `Unsupported value: "${match}": supported values: "NotOlderThan"`
        : 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
  if (sendInitial === null && match)
    invalid(
      'resourceVersionMatch',
      'Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
}
