import { RehearseError } from '../../errors/errors.ts';
import type { Cluster } from '../../rehearsal/ports.ts';

/** `gitVersion` of the server. @throws RehearseError when what answers is no Kubernetes API server. */
export async function serverVersion(cluster: Cluster): Promise<string> {
  const { status, body } = await cluster.request('GET', '/version', { timeoutMs: 10_000 });
  try {
    const version = (JSON.parse(body) as { gitVersion?: unknown }).gitVersion;
    if (typeof version === 'string') return version;
  } catch {
    // Not JSON: told below.
  }
  throw new RehearseError(`${cluster.server} does not answer as a Kubernetes API server (HTTP ${status} for /version)`, {
    hint: 'check the server of the context, and whether a proxy or a login page stands in between',
  });
}
