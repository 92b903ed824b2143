import { parse as parseYaml } from 'yaml';
import { badRequest } from '../registry/api-errors.ts';
import { StatusError } from '../registry/status-error.ts';
import { decodeProtobuf } from './protobuf.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/**
 * A request body as plain JSON, whatever it came as. Media types as upstream: JSON, YAML, Kubernetes' protobuf.
 * @throws StatusError BadRequest, UnsupportedMediaType.
 */
export function parseBody(body: Buffer, contentType: string | undefined): unknown {
  const type = (contentType ?? 'application/json').split(';')[0]?.trim();
  switch (type) {
    case 'application/json':
    case '':
      return parseJson(body);
    case 'application/yaml':
      try {
        return parseYaml(body.toString('utf8'));
      } catch (error) {
        throw badRequest(`error converting YAML to JSON: ${(error as Error).message.split('\n')[0]}`);
      }
    case PROTOBUF:
      return decodeProtobuf(body);
    default:
      throw new StatusError(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, ${PROTOBUF}`,
      );
  }
}

/** @param prefix what upstream puts before the decoder's own words. @throws StatusError BadRequest. */
export function parseJson(body: Buffer, prefix = "couldn't get version/kind; json parse error: "): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(prefix + goJsonError(text, error as Error));
  }
}

/** A JSON mistake in the words of Go's encoding/json. */
export function goJsonError(text: string, error: Error): string {
  const position = Number(/position (\d+)/.exec(error.message)?.[1] ?? 0);
  if (/Unexpected end|Unterminated/.test(error.message) || position >= text.length) return 'unexpected end of JSON input';
  const character = `invalid character '${text.charAt(position) || text.charAt(0)}'`;
  if (/property name/.test(error.message)) return `${character} looking for beginning of object key string`;
  if (/after property value/.test(error.message)) return `${character} after object key:value pair`;
  if (/after array element/.test(error.message)) return `${character} after array element`;
  if (/after JSON/.test(error.message)) return `${character} after top-level value`;
  return `${character} looking for beginning of value`;
}
