/**
 * The staging guard: default deny. Context, server address and namespace must all be opted in before anything is written,
 * and the namespace carries a label that only its admins can set. Reading is all that it does.
 */
import type { CheckResult } from '../record/events.ts';
import type { Cluster } from '../rehearsal/ports.ts';
import type { StagingOptIn } from './config.ts';

const STAGING_LABEL = 'rehearse.dev/staging';

/** Whole words, so that "product-catalog", "reproduce" or "delivery" do not look like production. */
const PRODUCTION = /(^|[^a-z])(prod|production|prd|live)([^a-z]|$)/i;
/** The same in camel case: "euProd", "ProdEu". */
const PRODUCTION_IN_CAMEL_CASE = /(^|[^A-Z])(Prod|Production|Prd|Live)([^a-z]|$)/;

export function looksLikeProduction(name: string): boolean {
  return PRODUCTION.test(name) || PRODUCTION_IN_CAMEL_CASE.test(name);
}

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
  const suspicious = [cluster.context, cluster.server, namespace].filter(looksLikeProduction);
  const excepted = suspicious.filter(name => context?.notProduction?.includes(name));
  const refused = suspicious.filter(name => !excepted.includes(name));
  check(
    'no production name',
    refused.length === 0,
    refused.length > 0
      ? `${refused.join(' and ')} ${refused.length === 1 ? 'looks' : 'look'} like production`
      : excepted.length > 0
        ? `${excepted.join(' and ')} ${excepted.length === 1 ? 'looks' : 'look'} like production; rehearse.yaml says in full that ${excepted.length === 1 ? 'it is' : 'they are'} not`
        : 'neither context, server nor namespace looks like production',
    `rehearse in staging; if this is staging all the same, its entry in rehearse.yaml says so in full: notProduction: [${refused.join(', ')}]`,
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
