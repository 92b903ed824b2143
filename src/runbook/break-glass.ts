/**
 * Elevated access for the steps that a runbook marks with `breakGlass`: asked for with a name, a reason and an expiry, used for
 * those steps alone, and everything done with it goes on the record.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { stringify } from 'yaml';
import { RehearseError } from '../errors/errors.ts';
import type { RoleContext } from '../rehearsal/ports.ts';
import type { CommandRunner } from './commands.ts';
import type { RunbookDocument, Step } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { readKubeconfigs } from './kubeconfig.ts';
import type { Person } from './person.ts';

/** When the runbook states none. */
const DEFAULT_EXPIRY_MS = 60 * 60_000;
/** The shortest that a TokenRequest accepts (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/). */
const SHORTEST_TOKEN_S = 600;

interface Access {
  kubeconfig: string;
  context: string;
  remove?: () => Promise<void>;
}

interface Parts {
  document: RunbookDocument;
  environment: RunbookEnvironment;
  context: RoleContext;
  commands: CommandRunner;
  person: Person | undefined;
  signal: AbortSignal;
}

export class BreakGlass {
  readonly #parts: Parts;
  #open: { access: Access; expiresAtMs: number } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Asks for the access when there is none, or it has expired. @throws RehearseError when nobody is there to ask, or the access cannot be had */
  async request(): Promise<void> {
    const { context } = this.#parts;
    if (this.#open && context.clock.monotonicMs() < this.#open.expiresAtMs) return;
    if (this.#open) await this.#close('it expired');
    const { document, person } = this.#parts;
    const procedure = document.breakGlass;
    if (!person || !procedure) {
      throw new RehearseError('the step needs elevated access, and the runbook has no `breakGlass` in its front matter', {
        hint: 'describe the procedure there: who approves it, which account it is, how long it lasts',
      });
    }
    const most = procedure.expires ?? DEFAULT_EXPIRY_MS;
    person.tell(`Break-glass: ${procedure.procedure}`, 'notice');
    const name = (await this.#ask(`Whose name does it go under? (Enter: ${person.name})`, true)) || person.name;
    const reason = await this.#ask('Why is it needed?');
    const approvers = procedure.approvers ?? [];
    const approvedBy = approvers.length === 0 ? undefined : await this.#ask(`Who approved it? (may: ${approvers.join(', ')})`);
    const minutes = await this.#number(`For how many minutes? (at most ${Math.floor(most / 60_000)})`, most / 60_000);
    const access = await this.#access(minutes * 60_000);
    const now = context.clock.now().getTime();
    this.#open = { access, expiresAtMs: context.clock.monotonicMs() + minutes * 60_000 };
    context.emit({
      type: 'break-glass.opened',
      name,
      reason,
      expiresAt: new Date(now + minutes * 60_000).toISOString(),
      account: procedure.account ?? access.context,
      ...(approvedBy === undefined ? {} : { approvedBy }),
    });
  }

  /** Gives the step's commands the access, until the returned function is called. @throws RehearseError */
  async use(step: Step, command: string): Promise<() => Promise<void>> {
    await this.request();
    const { commands, context } = this.#parts;
    const open = this.#open;
    if (!open) throw new RehearseError('there is no elevated access');
    const drop = await commands.elevate(open.access);
    context.emit({ type: 'break-glass.used', stepId: step.id, command });
    return drop;
  }

  async close(): Promise<void> {
    if (this.#open) await this.#close('the runbook is over');
  }

  async #close(reason: string): Promise<void> {
    await this.#open?.access.remove?.();
    this.#open = undefined;
    this.#parts.context.emit({ type: 'break-glass.closed', reason });
  }

  async #ask(text: string, optional = false): Promise<string> {
    const { person, signal } = this.#parts;
    for (;;) {
      const reply = await person?.prompt({ kind: 'text', text, optional, commands: [] }, signal);
      if (reply?.kind === 'answer' && (optional || reply.text !== '')) return reply.text;
    }
  }

  async #number(text: string, max: number): Promise<number> {
    const { person, signal } = this.#parts;
    for (;;) {
      const reply = await person?.prompt({ kind: 'number', text, min: 1, max, commands: [] }, signal);
      if (reply?.kind === 'answer') return Number(reply.text);
    }
  }

  /** The kubeconfig that was given for it; else the runbook's account, as a context of the run's kubeconfig or as a service account. */
  async #access(forMs: number): Promise<Access> {
    const { document, environment } = this.#parts;
    if (environment.breakGlass) return environment.breakGlass;
    const account = document.breakGlass?.account;
    const serviceAccount = account?.match(/^serviceaccount\/(?:([a-z0-9-]+)\/)?([a-z0-9.-]+)$/);
    const { kubeconfig } = environment;
    if (account === undefined || kubeconfig === undefined) {
      throw new RehearseError('there is no elevated access to be had', {
        hint: 'give it with --break-glass-kubeconfig, or name the account in the front matter of the runbook',
      });
    }
    if (serviceAccount) return this.#token(kubeconfig, serviceAccount[1], serviceAccount[2] as string, forMs);
    if ((await contextsOf(kubeconfig)).some(context => context.name === account)) return { kubeconfig, context: account };
    throw new RehearseError(`the kubeconfig has no context "${account}"`, {
      hint: 'give the elevated access with --break-glass-kubeconfig; or write the account as serviceaccount/NAME, for which a token is then requested',
    });
  }

  /** A kubeconfig with a token that expires by itself. */
  async #token(kubeconfig: string, namespace: string | undefined, name: string, forMs: number): Promise<Access> {
    const { context } = this.#parts;
    const path = `/api/v1/namespaces/${namespace ?? context.namespace}/serviceaccounts/${name}/token`;
    const response = await context.cluster.request('POST', path, {
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: Math.max(SHORTEST_TOKEN_S, Math.ceil(forMs / 1000)) },
      },
    });
    const answer = JSON.parse(response.body) as { status?: { token?: string }; message?: string };
    if (response.status >= 300 || !answer.status?.token) {
      throw new RehearseError(`no token for service account ${name}: ${answer.message ?? `HTTP ${response.status}`}`, {
        hint: 'rehearse needs to create serviceaccounts/token in that namespace',
      });
    }
    const found = (await contextsOf(kubeconfig)).find(one => one.name === context.cluster.context);
    const directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    const elevated = join(directory, 'elevated.yaml');
    const label = 'break-glass';
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      contexts: [{ name: label, context: { cluster: found?.context?.cluster, user: label } }],
      users: [{ name: label, user: { token: answer.status.token } }],
    };
    await writeFile(elevated, stringify(config), { mode: 0o600 });
    return {
      kubeconfig: [elevated, kubeconfig].join(delimiter),
      context: label,
      remove: () => rm(directory, { recursive: true, force: true }),
    };
  }
}

async function contextsOf(kubeconfig: string) {
  return (await readKubeconfigs(kubeconfig)).flatMap(config => config.contexts ?? []);
}
