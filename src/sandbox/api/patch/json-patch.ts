import { badRequest } from '../../registry/api-errors.ts';
import { equal, isObject } from '../../registry/json.ts';
import { StatusError } from '../../registry/status-error.ts';

interface Operation {
  op: string;
  path: string;
  from?: string;
  value?: unknown;
}

const pointer = (path: string): string[] =>
  path === ''
    ? []
    : path
        .slice(1)
        .split('/')
        .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** 422. Upstream does not tell which operation failed either. */
const failed = () => new StatusError('Invalid', 'the server rejected our request due to an error in our request', {});

/** JSON patch (RFC 6902) on a private copy. @throws StatusError. */
export function jsonPatch(document: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) {
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp');
  }
  let root = structuredClone(document);

  const read = (path: string): unknown => {
    let value = root;
    for (const part of pointer(path)) {
      if (Array.isArray(value) && part !== '-') value = value[Number(part)];
      else if (isObject(value) && part in value) value = value[part];
      else throw failed();
    }
    return value;
  };

  const parentOf = (path: string): { parent: unknown; last: string } => {
    const parts = pointer(path);
    const last = parts.pop() as string;
    const parent = read(parts.map(part => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
    return { parent, last };
  };

  const add = (path: string, value: unknown) => {
    if (path === '') {
      root = value;
      return;
    }
    const { parent, last } = parentOf(path);
    if (Array.isArray(parent)) {
      const index = last === '-' ? parent.length : Number(last);
      if (!Number.isInteger(index) || index < 0 || index > parent.length) throw failed();
      parent.splice(index, 0, value);
    } else if (isObject(parent)) parent[last] = value;
    else throw failed();
  };

  const remove = (path: string) => {
    const { parent, last } = parentOf(path);
    if (Array.isArray(parent)) {
      const index = Number(last);
      if (!Number.isInteger(index) || index < 0 || index >= parent.length) throw failed();
      parent.splice(index, 1);
    } else if (isObject(parent) && last in parent) delete parent[last];
    else throw failed();
  };

  for (const operation of operations as Operation[]) {
    const { op, path, from, value } = operation;
    switch (op) {
      case 'add':
        add(path, structuredClone(value));
        break;
      case 'remove':
        remove(path);
        break;
      case 'replace':
        read(path);
        if (path !== '') {
          const { parent, last } = parentOf(path);
          if (isObject(parent) && !(last in parent)) throw failed();
          remove(path);
        }
        add(path, structuredClone(value));
        break;
      case 'move': {
        const moved = read(from ?? '');
        remove(from ?? '');
        add(path, moved);
        break;
      }
      case 'copy':
        add(path, structuredClone(read(from ?? '')));
        break;
      case 'test': {
        let found: unknown;
        try {
          found = read(path);
        } catch {
          found = undefined;
        }
        if (!equal(found ?? null, value ?? null)) throw failed();
        break;
      }
      default:
        throw badRequest(`unexpected operation: ${op}`);
    }
  }
  return root;
}
