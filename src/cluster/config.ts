/** `rehearse.yaml`: where drills may run, and the workloads that they can be bound to. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { EXIT, RehearseError } from '../errors/errors.ts';
import { parseYaml } from '../yaml/parse.ts';
import type { Problem } from '../yaml/problem.ts';
import { suggestion } from '../yaml/suggest.ts';

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'lower-case letters, digits and dashes')
  .max(63);

const optIn = z.strictObject({
  context: z.string().min(1).describe('Name of the kubeconfig context.'),
  server: z.url().describe('Address of its API server, so that a context edited to point elsewhere is refused.'),
  namespaces: z.array(z.string()).min(1).describe('Namespaces in which drills may run.'),
  notProduction: z
    .array(z.string().min(1))
    .default([])
    .describe('Contexts, servers and namespaces that look like production by their names and are not, each in full.'),
});

const target = z.strictObject({
  context: z.string().min(1).describe('Name of the kubeconfig context; the embedded sandbox when left out.').optional(),
  namespace: name.describe('Namespace of the workload.'),
  workload: z
    .string()
    .regex(
      /^(deployment|statefulset|daemonset)\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
      'KIND/NAME, KIND one of deployment, statefulset, daemonset',
    )
    .describe('What gets the bad deploy.'),
  container: z.string().min(1).describe('Container that the bad deploy changes; the first when left out.').optional(),
  probe: z
    .strictObject({
      service: name.describe('Service that its users reach it by.'),
      port: z
        .union([z.number().int().min(1).max(65535), name])
        .describe('Port of the service, by number or name.')
        .default(80),
      path: z.string().startsWith('/').describe('What is asked for.').default('/'),
      expectStatus: z.number().int().min(100).max(599).describe('Any other status is a failure.').default(200),
    })
    .describe('How users reach it. Without one, only what Kubernetes shows of the workload tells that it is broken.')
    .optional(),
});

const configSchema = z.strictObject({
  apiVersion: z.literal('rehearse.dev/v1'),
  kind: z.literal('Config'),
  staging: z.array(optIn).default([]).describe('Where drills may run. Everything else is refused.'),
  targets: z.record(name, target).default({}).describe('Workloads that scenarios can be bound to, by name.'),
});

export type StagingOptIn = Readonly<z.input<typeof optIn>>;
export type TargetConfig = z.infer<typeof target>;
export type Config = z.infer<typeof configSchema>;

/** Of `rehearse.yaml`; nothing is opted in when there is no such file. @throws InvalidInput on a mistake in it. */
export async function readConfig(path: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      return { apiVersion: 'rehearse.dev/v1', kind: 'Config', staging: [], targets: {} };
    throw new RehearseError(`${path} could not be read: ${(cause as Error).message}`, { exitCode: EXIT.usage, cause });
  }
  return parseYaml({ file: path, text }, configSchema, contextOptedInTwice);
}

/** Which of two entries counts would be a matter of their order. */
function contextOptedInTwice(input: unknown): Problem[] {
  const entries = (input as { staging?: unknown } | null)?.staging;
  if (!Array.isArray(entries)) return [];
  const contexts = entries.map(entry => (entry as { context?: unknown } | null)?.context);
  return contexts.flatMap((context, index): Problem[] =>
    typeof context !== 'string' || contexts.indexOf(context) === index
      ? []
      : [
          {
            path: ['staging', index, 'context'],
            at: 'value',
            message: `context ${context} is opted in a second time`,
            hint: 'name all its namespaces in one entry',
          },
        ],
  );
}

/** @throws RehearseError (usage) when there is no target of that name. */
export function namedTarget(config: Config, path: string, wanted: string): TargetConfig {
  const found = Object.hasOwn(config.targets, wanted) ? config.targets[wanted] : undefined;
  if (found) return found;
  const names = Object.keys(config.targets);
  throw new RehearseError(`${path} has no target ${wanted}`, {
    exitCode: EXIT.usage,
    hint: names.length === 0 ? '`rehearse init` writes one for each workload of a namespace' : (suggestion(wanted, names) ?? ''),
  });
}
