import { namedTarget, readConfig } from '../cluster/config.ts';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { type BoundScenario, bindScenario } from '../scenario/bind.ts';
import type { Scenario } from '../scenario/schema.ts';

/** Where to, as it is given on the command line. */
export interface ClusterArguments {
  config: string;
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
  target?: string | undefined;
}

/** @throws RehearseError (usage) for options that contradict each other, and for a target that rehearse.yaml does not have. */
export async function placeOf(
  args: ClusterArguments,
): Promise<{ context: string | undefined; namespace: string | undefined; target: Parameters<typeof bindScenario>[1] }> {
  if (args.target !== undefined) {
    if (args.context !== undefined || args.namespace !== undefined)
      throw new RehearseError('--target names context and namespace itself', {
        exitCode: EXIT.usage,
        hint: 'leave --context and --namespace out, or --target',
      });
    const target = namedTarget(await readConfig(args.config), args.config, args.target);
    return { context: target.context, namespace: target.namespace, target };
  }
  if (args.context === undefined && (args.kubeconfig !== undefined || args.namespace !== undefined)) {
    throw new RehearseError('--kubeconfig and --namespace go with --context', {
      exitCode: EXIT.usage,
      hint: 'name the staging cluster with --context, or leave all three out for the embedded sandbox',
    });
  }
  return { context: args.context, namespace: args.namespace, target: undefined };
}

/** A scenario bound to where the command line says: --target, or --context and --namespace, or the sandbox. */
export async function bind(scenario: Scenario, args: ClusterArguments): Promise<BoundScenario & { context: string | undefined }> {
  const { context, namespace, target } = await placeOf(args);
  const bound = bindScenario(scenario, target);
  if (target === undefined && namespace !== undefined) bound.scenario.spec.target.namespace = namespace;
  return { ...bound, context };
}
