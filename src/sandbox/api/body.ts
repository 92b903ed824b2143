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

export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // kubectl sends YAML as JSON, curl users do not: say what upstream's decoder says.
    throw badRequest(
      `couldn't get version/kind; json parse error: invalid character ${quoteStart(body)} looking for beginning of value`,
    );
  }
}

const quoteStart = (body: Buffer) => `'${body.toString('utf8').trimStart().charAt(0) || ' '}'`;
