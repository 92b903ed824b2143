/**
 * Id tokens of the kubeconfig's auth-provider `oidc`, renewed with the refresh token as client-go does
 * (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens). client-node's own provider sends
 * no client secret, forgets a refresh token that the issuer does not renew, and sends nothing at all when it cannot refresh.
 */
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { CredentialsError } from './credentials-error.ts';
import { proxyAgent } from './proxy-agent.ts';

const LIMIT_MS = 30_000;

/** `auth-provider.config` of the user. */
export interface OidcConfig {
  'idp-issuer-url'?: string;
  'client-id'?: string;
  'client-secret'?: string;
  'id-token'?: string;
  'refresh-token'?: string;
  'idp-certificate-authority'?: string;
  /** Base64. */
  'idp-certificate-authority-data'?: string;
}

export interface OidcTokens {
  idToken: string;
  refreshToken: string;
}

/** When a JWT expires, in ms since 1970; undefined when it does not say. The API server judges the rest of it. */
export function expiryOf(idToken: string): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Asks the issuer for another id token.
 * @throws CredentialsError, which passes when the issuer could not be asked or is in trouble; the signal's reason when aborted
 */
export async function refreshIdToken(config: OidcConfig, options: { user: string; signal: AbortSignal }): Promise<OidcTokens> {
  const { user, signal } = options;
  const { 'idp-issuer-url': issuer, 'client-id': clientId, 'refresh-token': refreshToken } = config;
  const missing = (['idp-issuer-url', 'client-id', 'refresh-token'] as const).filter(name => !config[name]);
  if (!issuer || !clientId || !refreshToken)
    throw new CredentialsError(
      `the id token of user "${user}" is no longer good, and cannot be renewed: the kubeconfig has no ${missing.join(', ')} for it`,
      { hint: 'log in again, so that the kubeconfig gets new tokens', passing: false },
    );
  const failed = (why: string, passing: boolean, cause?: unknown) =>
    new CredentialsError(`the id token of user "${user}" could not be renewed at ${issuer}: ${why}`, {
      hint: passing
        ? 'see that the identity provider can be reached from here: network, VPN, proxy'
        : 'log in again, so that the kubeconfig gets new tokens; see its auth-provider settings if that does not help',
      passing,
      ...(cause === undefined ? {} : { cause }),
    });
  const ca = await authority(config).catch(cause => {
    throw failed(`its certificate authority cannot be read: ${cause.message}`, false, cause);
  });
  const ask = async (url: string, form?: URLSearchParams, authorization?: string) => {
    const answer = await askJson(url, { ca, form, authorization, signal }).catch(cause => {
      signal.throwIfAborted();
      throw failed((cause as Error).message, true, cause);
    });
    if (answer.status === 200) return answer.body;
    const { error, error_description: description } = answer.body;
    const why = [error, description].filter(part => typeof part === 'string').join(', ');
    throw failed(
      `${new URL(url).pathname} answered ${answer.status}${why ? ` (${why})` : ''}`,
      answer.status === 429 || answer.status >= 500,
    );
  };

  const discovered = await ask(`${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`);
  if (typeof discovered['token_endpoint'] !== 'string') throw failed('its discovery document names no token_endpoint', false);
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
  const secret = config['client-secret'];
  const methods = discovered['token_endpoint_auth_methods_supported'];
  // Basic is what every issuer must take unless it says otherwise (RFC 6749, 2.3.1); a public client only names itself.
  const inForm = !secret || (Array.isArray(methods) && !methods.includes('client_secret_basic'));
  if (inForm) form.set('client_id', clientId);
  if (inForm && secret) form.set('client_secret', secret);
  const authorization = inForm ? undefined : basic(clientId, secret as string);
  const tokens = await ask(discovered['token_endpoint'], form, authorization);
  if (typeof tokens['id_token'] !== 'string')
    throw failed('its answer has no id_token; the login may lack the scope `openid`', false);
  return {
    idToken: tokens['id_token'],
    // Not every issuer gives another one each time.
    refreshToken: typeof tokens['refresh_token'] === 'string' ? tokens['refresh_token'] : refreshToken,
  };
}

const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;

async function authority(config: OidcConfig): Promise<Buffer | undefined> {
  const data = config['idp-certificate-authority-data'];
  if (data) return Buffer.from(data, 'base64');
  const file = config['idp-certificate-authority'];
  return file ? readFile(file) : undefined;
}

async function askJson(
  url: string,
  options: { ca: Buffer | undefined; form: URLSearchParams | undefined; authorization: string | undefined; signal: AbortSignal },
): Promise<{ status: number; body: Record<string, unknown> }> {
  const { ca, authorization } = options;
  // Others may wait for this answer without a limit of their own.
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(LIMIT_MS)]);
  const form = options.form?.toString();
  const secure = url.startsWith('https:');
  const tls = ca ? { ca } : {};
  const agent = (await proxyAgent(url, { tls, keepAlive: false })) ?? (secure ? new https.Agent(tls) : new http.Agent());
  try {
    return await new Promise((resolve, reject) => {
      const outgoing = (secure ? https : http).request(url, {
        method: form === undefined ? 'GET' : 'POST',
        agent,
        signal,
        headers: {
          Accept: 'application/json',
          ...(form === undefined
            ? {}
            : { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': String(Buffer.byteLength(form)) }),
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
      });
      outgoing.on('error', reject);
      outgoing.on('response', message => {
        const chunks: Buffer[] = [];
        message.on('error', reject);
        message.on('data', chunk => chunks.push(chunk));
        message.on('end', () => resolve({ status: message.statusCode ?? 0, body: objectIn(Buffer.concat(chunks)) }));
      });
      outgoing.end(form);
    });
  } finally {
    agent.destroy();
  }
}

/** Gateways answer in HTML: nothing of it is needed. */
function objectIn(bytes: Buffer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
