import { parseDocument, stringify } from 'yaml';
import { EXIT, RehearseError } from '../../errors/errors.ts';

/** Label of the nodes of clusters that `rehearse cluster up` made; its value is the cluster's name. */
export const CLUSTER_LABEL = 'rehearse.dev/cluster';

/**
 * The configuration that kind is given: the user's own with our label on every node, so that the cluster carries its mark from its first
 * moment. Source: https://kind.sigs.k8s.io/docs/user/configuration/ (nodes[].labels).
 * @param own text of the user's file; undefined: one node.
 * @throws RehearseError (usage) for a text that is no configuration of kind.
 */
export function kindConfig(name: string, own?: { path: string; text: string }): string {
  const document = own === undefined ? {} : parse(own);
  const nodes =
    Array.isArray(document['nodes']) && document['nodes'].length > 0 ? document['nodes'] : [{ role: 'control-plane' }];
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    ...document,
    name,
    nodes: nodes.map((node: Record<string, unknown> | null) => ({
      ...node,
      labels: { ...(node?.['labels'] as object | undefined), [CLUSTER_LABEL]: name },
    })),
  });
}

function parse({ path, text }: { path: string; text: string }): Record<string, unknown> {
  const wrong = (what: string) =>
    new RehearseError(`${path} is no configuration of kind: ${what}`, {
      exitCode: EXIT.usage,
      hint: 'https://kind.sigs.k8s.io/docs/user/configuration/ describes it: kind: Cluster, apiVersion: kind.x-k8s.io/v1alpha4',
    });
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem) throw wrong(problem.message.split('\n')[0] ?? '');
  const value: unknown = document.toJS() ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong('not a mapping');
  const { kind = 'Cluster' } = value as { kind?: unknown };
  if (kind !== 'Cluster') throw wrong(`its kind is ${String(kind)}`);
  return value as Record<string, unknown>;
}
