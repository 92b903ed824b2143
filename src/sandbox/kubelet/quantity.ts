import { parseQuantity } from '../kinds/quantity.ts';

/** The value of a Kubernetes quantity (`500m`, `64Mi`, `1e3`, `0.5Gi`); 0 for what is none. */
export function quantity(text: string | number | undefined): number {
  return parseQuantity(text) ?? 0;
}
