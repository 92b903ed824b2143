import { readFileSync } from 'node:fs';

/** How ports of sandbox addresses are bound on this machine; see {@link realPort}. Goes to every container as JSON. */
export interface PortPlan {
  /** Ports below this need a privilege that an ordinary user has not (1024 by default, 1 for root). */
  lowest: number;
  /** Ports on which something outside the sandbox listens on all addresses, and what stands in for them. */
  taken: Record<number, number>;
}

/**
 * Privileged ports move above the range of ephemeral ports (32768-60999 by default): 80 is bound as 64592. What replaces taken
 * ports lies just below.
 */
const PRIVILEGED_OFFSET = 64512;
const FIRST_REPLACEMENT = 61000;

/**
 * The port that is really bound for `port` of a pod or Service. The same one as a rule; but an ordinary user cannot bind port 80,
 * and a program of this machine that listens on 0.0.0.0:8080 would both block a pod's 127.x.y.z:8080 and answer in its place.
 */
export function realPort(port: number, plan: PortPlan): number {
  const replacement = plan.taken[port];
  if (replacement !== undefined) return replacement;
  return port > 0 && port < plan.lowest ? port + PRIVILEGED_OFFSET : port;
}

function lowestBindablePort(): number {
  if (process.getuid?.() === 0) return 1;
  try {
    return Math.max(1, Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')));
  } catch {
    return 1024;
  }
}

/** The ports with a listener on all addresses, from the text of /proc/net/tcp or tcp6. */
export function wildcardListeners(procNetTcp: string): number[] {
  const ports: number[] = [];
  for (const line of procNetTcp.split('\n').slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, port] = local?.split(':') ?? [];
    // 0A is LISTEN (include/net/tcp_states.h).
    if (state === '0A' && address && port && /^0+$/.test(address)) ports.push(Number.parseInt(port, 16));
  }
  return ports;
}

export function planPorts(): PortPlan {
  const listening = new Set<number>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    try {
      for (const port of wildcardListeners(readFileSync(file, 'utf8'))) listening.add(port);
    } catch {
      // Without IPv6 there is no tcp6.
    }
  }
  const taken: Record<number, number> = {};
  let replacement = FIRST_REPLACEMENT;
  for (const port of listening) {
    while (listening.has(replacement)) replacement++;
    taken[port] = replacement++;
  }
  return { lowest: lowestBindablePort(), taken };
}
