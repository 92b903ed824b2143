import type { Container } from 'kubernetes-types/core/v1.js';
import type { KubeObject } from '../registry/resources.ts';
import { quantity } from './quantity.ts';

/** Guaranteed, Burstable or BestEffort (pkg/apis/core/v1/helper/qos). */
export function qosClass(pod: KubeObject): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers: Container[] = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])];
  let any = false;
  let guaranteed = true;
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory']) {
      const limit = quantity(resources?.limits?.[name]);
      const request = quantity(resources?.requests?.[name] ?? resources?.limits?.[name]);
      if (limit > 0 || request > 0) any = true;
      if (limit <= 0 || limit !== request) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
