/**
 * Runs a credential plugin of a kubeconfig.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { isatty } from 'node:tty';
import { hideSecrets } from '../record/secret-text.ts';
import { CredentialsError } from './credentials-error.ts';

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 2000;
/** A plugin that takes longer waits for something: a login, a network that is away. */
const LIMIT_MS = 30_000;

export type InteractiveMode = 'Never' | 'IfAvailable' | 'Always';

/** `users[].user.exec` of a kubeconfig. */
export interface ExecConfig {
  apiVersion?: string;
  command?: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  installHint?: string;
  interactiveMode?: InteractiveMode;
  provideClusterInfo?: boolean;
}

/** `spec.cluster` of an ExecCredential: what a plugin may want to know of the server. */
export interface ExecCluster {
  server: string;
  'tls-server-name'?: string;
  'insecure-skip-tls-verify'?: boolean;
  /** Base64. */
  'certificate-authority-data'?: string;
  'proxy-url'?: string;
  /** The extension `client.authentication.k8s.io/exec` of the kubeconfig's cluster, as it stands there. */
  config?: unknown;
}

/** `status` of an ExecCredential. */
export interface PluginCredential {
  token?: string;
  clientCertificateData?: string;
  clientKeyData?: string;
  expirationTimestamp?: string;
}

/**
 * Starts the plugin and reads what it prints. Its process, with all that it started, is ended at the limit or when the signal aborts.
 * @throws CredentialsError, the signal's reason when aborted
 */
export async function runExecPlugin(
  exec: ExecConfig,
  options: { user: string; cluster: ExecCluster; signal: AbortSignal; limitMs?: number },
): Promise<PluginCredential> {
  const { user, cluster, signal, limitMs = LIMIT_MS } = options;
  const what = `the credential plugin \`${exec.command ?? ''}\` of user "${user}"`;
  if (!exec.command)
    throw new CredentialsError(`the credential plugin of user "${user}" has no command`, {
      hint: 'correct `exec.command` in the kubeconfig, or fetch the kubeconfig again',
      passing: false,
    });
  const interactive = isInteractive(exec.interactiveMode, terminalIsFree());
  if (exec.interactiveMode === 'Always' && !interactive)
    throw new CredentialsError(`${what} wants a terminal to ask on (interactiveMode: Always), and there is none for it`, {
      hint: 'run in a terminal, without practice mode; or use a plugin or a context that needs nobody at the keyboard',
      passing: false,
    });
  const environment = {
    ...process.env,
    ...Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: execInfo(exec, cluster, interactive),
  };
  const end = await run({ command: exec.command, args: exec.args ?? [], environment, interactive, signal, limitMs });
  if (end.error?.code === 'ENOENT')
    throw new CredentialsError(`${what} is not installed`, {
      hint: exec.installHint?.trim() || 'install it, and see that it is on the PATH',
      passing: false,
      cause: end.error,
    });
  if (end.error)
    throw new CredentialsError(`${what} cannot be started: ${end.error.message}`, {
      hint: 'see that it is a program for this machine and may be run',
      passing: false,
      cause: end.error,
    });
  const hint = 'run it by hand, or `kubectl version` with this context: it may want you to log in';
  if (end.late)
    throw new CredentialsError(`${what} gave nothing within ${limitMs / 1000} s${said(end)}`, { hint, passing: true });
  if (end.code !== 0)
    throw new CredentialsError(
      `${what} failed (${end.code === null ? `ended by ${end.by}` : `exit code ${end.code}`})${said(end)}`,
      { hint, passing: true },
    );
  return credentialOf(end.stdout, what);
}

/**
 * Whether the plugin may ask on the terminal. client-go's default, of v1beta1, is IfAvailable.
 * @param terminal whether there is one for it
 */
export function isInteractive(mode: InteractiveMode | undefined, terminal: boolean): boolean {
  return mode !== 'Never' && terminal;
}

/** Standard input is a terminal, and nobody reads its keys: practice mode and questions of our own do. */
function terminalIsFree(): boolean {
  if (!isatty(0)) return false;
  const { stdin } = process;
  return !stdin.isRaw && stdin.listenerCount('data') === 0 && stdin.listenerCount('readable') === 0;
}

function execInfo(exec: ExecConfig, cluster: ExecCluster, interactive: boolean): string {
  return JSON.stringify({
    apiVersion: exec.apiVersion,
    kind: 'ExecCredential',
    spec: { ...(exec.provideClusterInfo ? { cluster } : {}), interactive },
  });
}

function credentialOf(stdout: string, what: string): PluginCredential {
  let status: PluginCredential | undefined;
  try {
    status = JSON.parse(stdout)?.status;
  } catch {
    // Said below, without what it printed: that may be a secret.
  }
  if (!status?.token && !(status?.clientCertificateData && status.clientKeyData))
    throw new CredentialsError(`${what} printed no ExecCredential with a token or a client certificate and its key`, {
      hint: 'run it by hand and see what it prints; it may be of another version than the kubeconfig expects',
      passing: false,
    });
  return status;
}

interface End {
  code: number | null;
  /** The signal that ended it. */
  by: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** It could not be started. */
  error: NodeJS.ErrnoException | undefined;
  /** It was ended at the limit. */
  late: boolean;
}

async function run(plugin: {
  command: string;
  args: string[];
  environment: NodeJS.ProcessEnv;
  interactive: boolean;
  signal: AbortSignal;
  limitMs: number;
}): Promise<End> {
  const { signal, interactive } = plugin;
  signal.throwIfAborted();
  // A group of its own, so that all of it can be ended and Ctrl-C, which is for us, does not hit it in the middle of a restore.
  // One that asks on the terminal must stay in the group that the terminal talks to.
  const ownGroup = !interactive && process.platform !== 'win32';
  const child = spawn(plugin.command, plugin.args, {
    env: plugin.environment,
    stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    detached: ownGroup,
    windowsHide: true,
  });
  const kill = (by: NodeJS.Signals) => endProcess(child, ownGroup, by);
  return new Promise<End>((resolve, reject) => {
    const end: End = { code: null, by: null, stdout: '', stderr: '', error: undefined, late: false };
    let forced: NodeJS.Timeout | undefined;
    const atExit = () => kill('SIGKILL');
    process.once('exit', atExit);
    const terminate = () => {
      kill('SIGTERM');
      forced = setTimeout(() => kill('SIGKILL'), GRACE_MS);
    };
    const limit = setTimeout(() => {
      end.late = true;
      terminate();
      resolve(end);
    }, plugin.limitMs);
    const abort = () => {
      terminate();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    child.stdout?.setEncoding('utf8').on('data', chunk => {
      end.stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', chunk => {
      end.stderr += chunk;
      // What to log in with is told here, to the person whom it asks.
      if (interactive) process.stderr.write(chunk);
    });
    child.once('error', error => {
      end.error = error;
    });
    child.once('close', (code, by) => {
      clearTimeout(limit);
      clearTimeout(forced);
      process.off('exit', atExit);
      signal.removeEventListener('abort', abort);
      resolve(Object.assign(end, { code, by }));
    });
  });
}

function endProcess(child: ChildProcess, ownGroup: boolean, by: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (ownGroup) process.kill(-child.pid, by);
    else child.kill(by);
  } catch {
    // ESRCH: it is gone already.
  }
}

/** The end of what it said on stderr, where the reason stands. It goes to records and reports, and may have a token in it. */
function said({ stderr }: End): string {
  const text = hideSecrets(stderr.trim(), () => '(redacted)');
  return text === '' ? '' : `: ${text.slice(-1000)}`;
}
