/** Who a kubeconfig's user is to the API server: what to send with a request, kept while it is good and renewed when it is not. */
import { readFile } from 'node:fs/promises';
import type { User } from '@kubernetes/client-node/dist/config_types.js';
import { systemClock } from '../rehearsal/clock.ts';
import { CredentialsError } from './credentials-error.ts';
import { type ExecCluster, type ExecConfig, runExecPlugin } from './exec-plugin.ts';
import { type Impersonation, impersonationHeaders } from './impersonation.ts';
import { expiryOf, type OidcConfig, type OidcTokens, refreshIdToken } from './oidc.ts';
import { singleFlight } from './single-flight.ts';

/** A plugin may give a client certificate, which goes with the connection. */
export interface Credentials {
  headers: Record<string, string | string[]>;
  cert?: string;
  key?: string;
}

export interface CredentialSource {
  /** Where they come from, for a message: `the credential plugin \`x\` of user "y"`. */
  readonly description: string;
  /**
   * Asked for each request, by many at the same time. The signal only ends the wait of the caller; what is under way for them ends when
   * nobody waits.
   * @throws CredentialsError, the signal's reason when aborted
   */
  get(signal?: AbortSignal): Promise<Credentials>;
  /** The server answered 401 to these: the next `get` gives others. False when there are no others. */
  turnedAway(credentials: Credentials): boolean;
}

/** A user of a kubeconfig, with what client-node leaves out. */
export interface KubeconfigUser extends User {
  actAs?: Impersonation;
  /** Keeps renewed OIDC tokens for the next program that reads the kubeconfig. */
  keepTokens?(tokens: OidcTokens): Promise<void>;
}

/**
 * @param cluster what a plugin with `provideClusterInfo` is told
 * @throws RehearseError (exit code 2) for an impersonation of nobody
 */
export function credentialsOf(user: KubeconfigUser | undefined, cluster: ExecCluster): CredentialSource {
  const fixed: Record<string, string | string[]> = user?.actAs ? impersonationHeaders(user.actAs, user.name) : {};
  if (user?.username) fixed['Authorization'] = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  if (user?.token) fixed['Authorization'] = `Bearer ${user.token}`;
  const bearer = (token: string): Credentials => ({ headers: { ...fixed, Authorization: `Bearer ${token}` } });
  if (!user) return { description: 'the kubeconfig', get: async () => ({ headers: {} }), turnedAway: () => false };

  const exec: ExecConfig | undefined = user.exec ?? user.authProvider?.config?.exec;
  if (exec)
    return kept(`the credential plugin \`${exec.command}\` of user "${user.name}"`, async signal => {
      const given = await runExecPlugin(exec, { user: user.name, cluster, signal });
      const certificate =
        given.clientCertificateData && given.clientKeyData ? { cert: given.clientCertificateData, key: given.clientKeyData } : {};
      return {
        credentials: { headers: fixed, ...(given.token ? bearer(given.token) : {}), ...certificate },
        untilMs: given.expirationTimestamp === undefined ? undefined : Date.parse(given.expirationTimestamp),
      };
    });

  const tokenFile: unknown = user.authProvider?.config?.tokenFile;
  if (typeof tokenFile === 'string')
    return {
      description: `the token of user "${user.name}"`,
      // Read for every request: a projected token is another one every hour, and is trimmed as client-go does.
      get: async () => bearer(await readToken(tokenFile, user.name)),
      turnedAway: () => true,
    };

  if (user.authProvider?.name === 'oidc' && !user.token) {
    const config: OidcConfig = { ...user.authProvider.config };
    return kept(`the identity provider of user "${user.name}"`, async (signal, wasTurnedAway) => {
      const given = config['id-token'];
      const isGood = given && !wasTurnedAway && !isOver(expiryOf(given));
      if (!isGood) {
        const tokens = await refreshIdToken(config, { user: user.name, signal });
        config['id-token'] = tokens.idToken;
        config['refresh-token'] = tokens.refreshToken;
        await user.keepTokens?.(tokens);
      }
      const idToken = config['id-token'] as string;
      return { credentials: bearer(idToken), untilMs: expiryOf(idToken) };
    });
  }

  if (user.authProvider && !user.token) return ofClientNode(user, fixed);
  return { description: `user "${user.name}"`, get: async () => ({ headers: fixed }), turnedAway: () => false };
}

const isOver = (untilMs: number | undefined) => untilMs !== undefined && untilMs <= systemClock.now().getTime();

/** Keeps what was given until it expires or the server turns it away. All who ask meanwhile share one renewal. */
function kept(
  description: string,
  give: (signal: AbortSignal, wasTurnedAway: boolean) => Promise<{ credentials: Credentials; untilMs: number | undefined }>,
): CredentialSource {
  let held: Awaited<ReturnType<typeof give>> | undefined;
  let wasTurnedAway = false;
  const renew = singleFlight(async signal => {
    const given = await give(signal, wasTurnedAway);
    held = given;
    wasTurnedAway = false;
    return given.credentials;
  });
  return {
    description,
    get: async signal => (held && !isOver(held.untilMs) ? held.credentials : renew(signal)),
    turnedAway(credentials) {
      // Others may have renewed them since.
      if (held?.credentials === credentials) {
        held = undefined;
        wasTurnedAway = true;
      }
      return true;
    },
  };
}

async function readToken(file: string, user: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new CredentialsError(`the token of user "${user}" cannot be read: ${(cause as Error).message}`, {
      hint: "the kubeconfig names the file, or it is that of the pod's service account: see that it is there and can be read",
      passing: false,
      cause,
    });
  }
}

/** The auth providers that client-go has dropped (`gcp`, `azure`): client-node keeps and renews their tokens by their expiry. */
function ofClientNode(user: KubeconfigUser, fixed: Credentials['headers']): CredentialSource {
  const description = `the credential provider \`${user.authProvider.name}\` of user "${user.name}"`;
  const give = singleFlight(async () => {
    const given: Credentials = { headers: { ...fixed } };
    try {
      const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
      const config = new KubeConfig();
      config.loadFromClusterAndUser({ name: 'cluster', server: 'https://cluster', skipTLSVerify: false }, user);
      await (config as unknown as { applyAuthorizationHeader(options: object): Promise<void> }).applyAuthorizationHeader(given);
    } catch (cause) {
      throw new CredentialsError(`${description} failed: ${(cause as Error).message.trim()}`, {
        hint: 'log in again, or fetch the kubeconfig again with a newer tool: it then uses a credential plugin',
        passing: true,
        cause,
      });
    }
    return given;
  });
  return { description, get: give, turnedAway: () => false };
}
