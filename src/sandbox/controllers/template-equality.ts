import { parseQuantity } from '../kinds/quantity.ts';
import type { PodTemplate } from './types.ts';

const HASH_LABEL = 'pod-template-hash';

/** Same bytes or cores however written: '1000m' is '1', '1Gi' is '1073741824' (apimachinery resource.Quantity). */
function sameQuantity(a: unknown, b: unknown): boolean {
  return a === b || (quantity(a) !== undefined && quantity(a) === quantity(b));
}

/** Rounded, so that two ways of writing the same do not differ in the last bit. */
function quantity(value: unknown): number | undefined {
  const parsed = parseQuantity(value);
  return parsed === undefined ? undefined : Number(parsed.toPrecision(15));
}

const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

function semanticallyEqual(a: unknown, b: unknown, inQuantities: boolean): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => semanticallyEqual(item, b[index], false));
  }
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null && !Array.isArray(a) && !Array.isArray(b)) {
    const left = a as Record<string, unknown>;
    const right = b as Record<string, unknown>;
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const one = left[key];
      const other = right[key];
      if (isEmpty(one, key) && isEmpty(other, key)) continue;
      if (inQuantities ? !sameQuantity(one, other) : !semanticallyEqual(one, other, key === 'limits' || key === 'requests'))
        return false;
    }
    return true;
  }
  return false;
}

/** Fields that Go holds as maps or plain structs: empty is as good as absent. Behind a pointer (`emptyDir: {}`) it is not. */
const MAPS = new Set(['labels', 'annotations', 'nodeSelector', 'matchLabels', 'limits', 'requests', 'overhead', 'resources']);

const isEmpty = (value: unknown, key: string): boolean =>
  value === undefined || value === null || (isNothing(value) && (Array.isArray(value) || MAPS.has(key)));

/** Upstream's EqualIgnoreHash (deployment_util.go): the same pod template, whatever its `pod-template-hash` label. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return semanticallyEqual(withoutHash(a), withoutHash(b), false);
}

function withoutHash(template: PodTemplate): unknown {
  const { labels, annotations, ...metadata } = template.metadata ?? {};
  const rest = Object.fromEntries(Object.entries(labels ?? {}).filter(([key]) => key !== HASH_LABEL));
  return {
    metadata: Object.fromEntries(
      Object.entries({ ...metadata, labels: rest, annotations }).filter(([, value]) => !isNothing(value)),
    ),
    spec: template.spec,
  };
}
