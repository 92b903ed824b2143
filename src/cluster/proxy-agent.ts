import type { Agent } from 'node:http';
import { proxyFor } from './proxy-environment.ts';

/**
 * The agent that reaches a server through its proxy: the given one, otherwise that of the environment, as in client-go.
 * client-node's whole configuration module, 2 MB, is loaded only when there is one.
 */
export async function proxyAgent(
  server: string,
  options: { proxyUrl?: string | undefined; tls?: object; keepAlive?: boolean } = {},
): Promise<Agent | undefined> {
  const proxyUrl = options.proxyUrl ?? proxyFor(server, process.env);
  if (!proxyUrl) return undefined;
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig() as unknown as { createAgent(cluster: object, options: object): Agent };
  return config.createAgent({ name: 'cluster', server, proxyUrl }, { ...options.tls, keepAlive: options.keepAlive ?? true });
}
