/** Services as something that is deployed: they keep no history, so a revision is the digest of what was asked for. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { RawObject } from '../rehearsal/ports.ts';

interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
}

/** Who gets the requests: the fields of a Service that a deploy changes. */
function routingOf(service: RawObject): { selector: Record<string, string>; ports: ServicePort[] } {
  const { selector = {}, ports = [] } = service['spec'] ?? {};
  return { selector, ports };
}

export function sameRouting(left: RawObject, right: RawObject): boolean {
  return isDeepStrictEqual(routingOf(left), routingOf(right));
}

/** Seven hex digits; equal for equal selectors and ports. */
export function serviceRevision(service: RawObject): string {
  const { selector, ports } = routingOf(service);
  return createHash('sha256')
    .update(JSON.stringify([Object.entries(selector).sort(), ports.map(port => [port.name, port.port, port.targetPort])]))
    .digest('hex')
    .slice(0, 7);
}

/** "selector app=payments → app=payment", "port http → 9". Empty when nothing that routes requests differs. */
export function routingChanges(before: RawObject, after: RawObject): string[] {
  const old = routingOf(before);
  const now = routingOf(after);
  const selector = (labels: Record<string, string>) =>
    Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(',') || 'none';
  return [
    ...(isDeepStrictEqual(old.selector, now.selector) ? [] : [`selector ${selector(old.selector)} → ${selector(now.selector)}`]),
    ...now.ports.flatMap((port, index) => {
      const was = old.ports[index];
      if (isDeepStrictEqual(was, port)) return [];
      const label = port.name ?? String(port.port);
      return was
        ? [
            `port ${label}: ${[
              ...(was.port === port.port ? [] : [`${was.port} → ${port.port}`]),
              ...(was.targetPort === port.targetPort
                ? []
                : [`target port ${was.targetPort ?? was.port} → ${port.targetPort ?? port.port}`]),
            ].join(', ')}`,
          ]
        : [`port ${label} added`];
    }),
  ];
}
