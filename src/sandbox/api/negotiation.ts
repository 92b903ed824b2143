import { StatusError } from '../registry/status-error.ts';

/** How the client wants objects: whole, as a server-side table, or only their metadata. */
type Representation = 'object' | 'table' | 'metadata';

export interface Accepted {
  as: Representation;
  yaml: boolean;
}

const OFFERED = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';

/**
 * Picks the first media range that we can answer. kubectl asks for a table first and JSON after it;
 * client-go asks for protobuf first and JSON after it, and gets JSON.
 * @throws StatusError NotAcceptable when only other types (protobuf alone, CBOR) would do.
 */
export function negotiate(accept: string | undefined): Accepted {
  if (!accept) return { as: 'object', yaml: false };
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';').map(part => part.trim());
    const given = new Map(parameters.map(parameter => parameter.split('=', 2) as [string, string]));
    const yaml = type === 'application/yaml';
    if (!yaml && type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const as = given.get('as');
    if (!as) return { as: 'object', yaml };
    if (given.get('g') !== 'meta.k8s.io' || given.get('v') !== 'v1') continue;
    if (as === 'Table') return { as: 'table', yaml };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'metadata', yaml };
  }
  throw new StatusError('NotAcceptable', `only the following media types are accepted: ${OFFERED}`);
}
