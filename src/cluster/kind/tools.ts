/** The programs that a kind cluster needs: kind itself, and the container engine that it makes its nodes with. */
import { execa } from 'execa';
import { EXIT, RehearseError } from '../../errors/errors.ts';

/** What kind calls its providers: https://kind.sigs.k8s.io/docs/user/quick-start/ (KIND_EXPERIMENTAL_PROVIDER). */
const ENGINES = ['docker', 'podman', 'nerdctl'] as const;
type Engine = (typeof ENGINES)[number];

export interface KindTools {
  engine: Engine;
  /** First line of `kind version`. */
  version: string;
  /** Runs one of the two, without a shell. Returns stdout. @throws RehearseError with the end of what it printed. */
  run(program: 'kind' | 'engine', args: readonly string[], options?: RunOptions): Promise<string>;
}

interface RunOptions {
  input?: string;
  /** Lines of its stderr go to the user's as they come: what takes minutes is not to look dead. */
  show?: boolean;
  /** Told of the process as soon as it runs. */
  onStart?: (pid: number) => Promise<void>;
  /** What to do when it fails; the tool's own words are in the message. */
  hint?: string;
}

/** @throws RehearseError (refused) that names everything that is missing at once; (usage) for a provider that kind does not have. */
export async function findKindTools(environment: NodeJS.ProcessEnv): Promise<KindTools> {
  const wanted = environment['KIND_EXPERIMENTAL_PROVIDER'];
  if (wanted && !ENGINES.includes(wanted as Engine))
    throw new RehearseError(`KIND_EXPERIMENTAL_PROVIDER is "${wanted}", which kind does not know`, {
      exitCode: EXIT.usage,
      hint: `one of ${ENGINES.join(', ')}; or leave it unset: docker is tried first, then podman`,
    });
  const [kind, engine] = await Promise.all([
    tryOut('kind', ['version'], environment),
    firstEngine(wanted ? [wanted as Engine] : ['docker', 'podman'], environment),
  ]);
  const missing = [
    ...(kind.ok
      ? []
      : [{ what: `kind: ${kind.problem}`, remedy: 'install kind: https://kind.sigs.k8s.io/docs/user/quick-start/' }]),
    ...('engine' in engine ? [] : [engine]),
  ];
  if (!kind.ok || !('engine' in engine))
    throw new RehearseError(`no kind cluster can be made here. ${missing.map(({ what }) => what).join('. ')}`, {
      exitCode: EXIT.refused,
      hint: [...missing.map(({ remedy }) => remedy), '`rehearse run` needs none of it: it brings its own small Kubernetes'].join(
        '\n',
      ),
    });
  // Docker is what kind takes by itself; it need not say each time that it was told to.
  const env = engine.engine === 'docker' ? environment : { ...environment, KIND_EXPERIMENTAL_PROVIDER: engine.engine };
  return {
    engine: engine.engine,
    version: kind.output.split('\n')[0] ?? '',
    run: (program, args, options = {}) => run(program === 'kind' ? 'kind' : engine.engine, args, env, options),
  };
}

async function firstEngine(
  engines: readonly Engine[],
  environment: NodeJS.ProcessEnv,
): Promise<{ engine: Engine } | { what: string; remedy: string }> {
  const problems: string[] = [];
  let stopped: Engine | undefined;
  for (const engine of engines) {
    // Of docker, `version` fails when the daemon does not answer; podman has none.
    const tried = await tryOut(engine, ['version'], environment);
    if (tried.ok) return { engine };
    if (tried.installed) stopped ??= engine;
    problems.push(`${engine}: ${tried.problem}`);
  }
  return {
    what: problems.join('. '),
    remedy:
      stopped === undefined
        ? 'install Docker or Podman'
        : `start ${stopped}, and see that this user may use it: \`${stopped} version\` tells`,
  };
}

type Tried = { ok: true; output: string } | { ok: false; installed: boolean; problem: string };

async function tryOut(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Tried> {
  const result = await execa(program, args, { env, extendEnv: false, reject: false, stdin: 'ignore', timeout: 30_000 });
  if (!result.failed) return { ok: true, output: result.stdout };
  if (result.code === 'ENOENT') return { ok: false, installed: false, problem: 'not on the PATH' };
  return { ok: false, installed: true, problem: lastLines(result.stderr || (result.shortMessage ?? ''), 1) };
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv, options: RunOptions): Promise<string> {
  const child = execa(program, args, {
    env,
    extendEnv: false,
    reject: false,
    maxBuffer: 64 * 1024 * 1024,
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    stderr: options.show ? ['pipe', 'inherit'] : 'pipe',
  });
  if (child.pid !== undefined) await options.onStart?.(child.pid);
  const result = await child;
  if (!result.failed) return result.stdout;
  const said = options.show ? '' : `:\n${lastLines(result.stderr || result.stdout, 12)}`;
  throw new RehearseError(
    `\`${program} ${args.slice(0, 2).join(' ')}\` ${result.exitCode === undefined ? result.shortMessage : `ended with exit code ${result.exitCode}`}${said}`,
    { ...(options.hint === undefined ? {} : { hint: options.hint }), cause: result },
  );
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n');
}
