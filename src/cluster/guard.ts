/**
 * The staging guard: default deny. Context, server address and namespace must all be opted in before anything is written,
 * and the namespace carries a label that only its admins can set. Reading is all that it does.
 */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { EXIT, RehearseError } from '../errors/errors.ts';
import type { CheckResult } from '../record/events.ts';
import type { Cluster } from '../rehearsal/ports.ts';
import { parseYaml } from '../yaml/parse.ts';

const STAGING_LABEL = 'rehearse.dev/staging';

const optIn = z.strictObject({
  context: z.string().describe('Name of the kubeconfig context.'),
  server: z.url().describe('Address of its API server, so that a context edited to point elsewhere is refused.'),
  namespaces: z.array(z.string()).min(1).describe('Namespaces in which drills may run.'),
});
const configSchema = z.strictObject({
  apiVersion: z.literal('rehearse.dev/v1'),
  kind: z.literal('Config'),
  staging: z.array(optIn).describe('Where drills may run. Everything else is refused.'),
});

export type StagingOptIn = z.infer<typeof optIn>;

/** Opt-ins of `rehearse.yaml`; none when there is no such file. @throws InvalidInput on a mistake in it. */
export async function readStagingOptIns(path: string): Promise<StagingOptIn[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new RehearseError(`${path} could not be read: ${(cause as Error).message}`, { exitCode: EXIT.usage, cause });
  }
  return parseYaml({ file: path, text }, configSchema).staging;
}

/** Whole words, so that "product-catalog" or "reproduce" do not look like production. */
const PRODUCTION = /(^|[^a-z])(prod|production|prd|live)([^a-z]|$)/i;

const sameServer = (left: string, right: string) => left.replace(/\/+$/, '') === right.replace(/\/+$/, '');

/** Each check with what was seen and what to do. A namespace that cannot be read counts as not opted in. */
export async function checkGuard(
  cluster: Cluster,
  namespace: string,
  optIns: readonly StagingOptIn[],
): Promise<{ allowed: boolean; checks: CheckResult[] }> {
  const example = `add to rehearse.yaml, under staging: { context: ${cluster.context}, server: ${cluster.server}, namespaces: [${namespace}] }`;
  const context = optIns.find(entry => entry.context === cluster.context);
  const checks: CheckResult[] = [];
  const check = (name: string, ok: boolean, detail: string, remedy: string) =>
    checks.push({ name, ok, detail, ...(ok ? {} : { remedy }) });

  check(
    'context opted in',
    context !== undefined,
    `context ${cluster.context} is ${context ? '' : 'not '}opted in as staging`,
    example,
  );
  check(
    'server opted in',
    context !== undefined && sameServer(context.server, cluster.server),
    context && !sameServer(context.server, cluster.server)
      ? `the context points to ${cluster.server}, opted in is ${context.server}`
      : `server ${cluster.server} is ${context ? '' : 'not '}opted in`,
    example,
  );
  check(
    'namespace opted in',
    context?.namespaces.includes(namespace) ?? false,
    `namespace ${namespace} is ${context?.namespaces.includes(namespace) ? '' : 'not '}opted in for this context`,
    example,
  );
  const suspicious = [cluster.context, cluster.server, namespace].find(text => PRODUCTION.test(text));
  check(
    'no production name',
    suspicious === undefined,
    suspicious === undefined
      ? 'neither context, server nor namespace looks like production'
      : `${suspicious} looks like production`,
    'rehearse in staging; drills on a cluster whose names look like production are always refused',
  );
  const found = await cluster.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace }).catch((error: Error) => error);
  const labelled = !(found instanceof Error) && found?.metadata.labels?.[STAGING_LABEL] === 'true';
  check(
    'namespace labelled',
    labelled,
    found instanceof Error
      ? `namespace ${namespace} cannot be read: ${found.message}`
      : found === undefined
        ? `namespace ${namespace} does not exist`
        : `label ${STAGING_LABEL} is ${found.metadata.labels?.[STAGING_LABEL] ?? 'not set'}`,
    `an admin of the namespace runs: kubectl label namespace ${namespace} ${STAGING_LABEL}=true`,
  );
  return { allowed: checks.every(entry => entry.ok), checks };
}
