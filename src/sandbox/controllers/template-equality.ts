import type { PodTemplate } from './types.ts';

const HASH_LABEL = 'pod-template-hash';

/** Same bytes or cores however written: '1000m' is '1', '1Gi' is '1073741824' (apimachinery resource.Quantity). */
function sameQuantity(a: unknown, b: unknown): boolean {
  return a === b || (quantity(a) !== undefined && quantity(a) === quantity(b));
}

const SUFFIXES: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

function quantity(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  const parts = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(String(value));
  const factor = SUFFIXES[parts?.[2] ?? ''];
  return parts && factor !== undefined ? Number((Number(parts[1]) * factor).toPrecision(15)) : undefined;
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
