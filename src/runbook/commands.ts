/** Runs the commands of a step in the environment of the run. */
import { isAbsolute, resolve } from 'node:path';
import { RehearseError } from '../errors/errors.ts';
import type { Clock, RoleContext } from '../rehearsal/ports.ts';
import type { Commands, LocatedCommand, LocatedScript } from './document.ts';
import type { RunbookEnvironment } from './environment.ts';
import { pinKubeconfig } from './kubeconfig.ts';
import { LineStream } from './line-stream.ts';
import { type ProcessResult, runProcess } from './process.ts';
import { redactor } from './redact.ts';
import type { Variables } from './variables.ts';

export interface CommandsResult {
  output: string;
  /** Of the command that ended it, or the last. */
  exitCode: number | undefined;
  outcome: 'done' | 'failed' | 'timed-out' | 'aborted' | 'not-found';
  error: string | undefined;
}

type Pinned = Awaited<ReturnType<typeof pinKubeconfig>>;

/** Commands of one run of a runbook. `close` ends what it holds. */
export class CommandRunner {
  readonly #environment: RunbookEnvironment;
  readonly #context: RoleContext;
  readonly #variables: Variables;
  readonly #directory: string;
  #pinned: Pinned | undefined;
  #elevated: Pinned | undefined;
  /** Blanks out everything that is known to be secret; knows more once the kubeconfig was read. */
  redact: (text: string) => string;

  constructor(environment: RunbookEnvironment, context: RoleContext, variables: Variables, directory: string) {
    this.#environment = environment;
    this.#context = context;
    this.#variables = variables;
    this.#directory = resolve(environment.directory ?? directory);
    this.redact = redactor(environment.secrets);
  }

  /** Points commands at the cluster of the run, never at the user's own default. Its credentials are redacted from then on. @throws RehearseError */
  async open(): Promise<void> {
    const { kubeconfig, secrets = [] } = this.#environment;
    if (this.#pinned) return;
    this.#pinned = await pinKubeconfig(kubeconfig, { ...this.#place(), context: this.#context.cluster.context });
    this.#variables.override('KUBECONFIG', this.#pinned.value);
    this.redact = redactor([...secrets, ...this.#pinned.secrets]);
  }

  #place() {
    const { cluster, namespace } = this.#context;
    return { server: cluster.server, namespace };
  }

  /** From now on commands have elevated access, until the returned function is called. @throws RehearseError */
  async elevate(access: { kubeconfig: string; context: string }): Promise<() => Promise<void>> {
    await this.open();
    const elevated = await pinKubeconfig(access.kubeconfig, { ...this.#place(), context: access.context });
    this.#elevated = elevated;
    const { secrets = [] } = this.#environment;
    this.redact = redactor([...secrets, ...(this.#pinned?.secrets ?? []), ...elevated.secrets]);
    this.#variables.override('KUBECONFIG', elevated.value);
    return async () => {
      this.#elevated = undefined;
      if (this.#pinned) this.#variables.override('KUBECONFIG', this.#pinned.value);
      await elevated.remove();
    };
  }

  async close(): Promise<void> {
    await this.#pinned?.remove();
    await this.#elevated?.remove();
    this.#pinned = undefined;
    this.#elevated = undefined;
  }

  /** As a person would type them, with the values of variables that are known by now. */
  shown(commands: Commands): string {
    const sources = commands.shell ? commands.scripts : commands.lines;
    return this.redact(sources.map(one => this.#variables.fillKnown(one.source)).join('\n'));
  }

  /**
   * One after the other until one is not good. Each exit code is judged by `isGood`.
   *
   * @param timeoutMs for all of them together
   * @throws RehearseError when a variable has no value, or a line needs a shell
   */
  async run(
    commands: Commands,
    options: {
      timeoutMs: number;
      signal: AbortSignal;
      clock: Clock;
      isGood(exitCode: number): boolean;
      /** Output as it comes, for a person. */
      onLine?: ((line: string) => void) | undefined;
    },
  ): Promise<CommandsResult> {
    await this.open();
    const { clock } = options;
    const start = clock.monotonicMs();
    const outputs: string[] = [];
    const all = commands.shell ? commands.scripts : commands.lines;
    let exitCode: number | undefined;
    for (const command of all) {
      const request = isLine(command) ? this.#program(command) : { script: this.#variables.script(command.source) };
      const lines = options.onLine && new LineStream(text => this.redact(text), options.onLine);
      const result = await runProcess({
        command: request,
        environment: this.#processEnvironment(),
        directory: this.#directory,
        timeoutMs: Math.max(1, options.timeoutMs - (clock.monotonicMs() - start)),
        clock,
        signal: options.signal,
        redact: this.redact,
        ...(lines ? { onChunk: chunk => lines.write(chunk) } : {}),
      });
      lines?.end();
      exitCode = result.exitCode;
      const title = all.length > 1 ? [`$ ${this.redact(this.#variables.fillKnown(command.source))}`] : [];
      outputs.push([...title, ...(result.output === '' ? [] : [result.output])].join('\n'));
      const failure = describeFailure(result, 'program' in request ? request.program : 'sh', options);
      if (failure) return { output: outputs.join('\n'), exitCode, ...failure };
    }
    return { output: outputs.join('\n'), exitCode, outcome: 'done', error: undefined };
  }

  #program(command: LocatedCommand): { program: string; arguments: string[] } {
    if (command.needsShell !== undefined) {
      throw new RehearseError(`"${command.source}" needs a shell: it has ${command.needsShell}`, {
        hint: 'Set `shell: true` in the step, or mark the fence `by-hand`.',
      });
    }
    const [program = '', ...rest] = this.#variables.arguments(command);
    // A path is relative to the folder the command runs in, as it would be for a person there.
    const path = program.includes('/') && !isAbsolute(program) ? resolve(this.#directory, program) : program;
    return { program: path, arguments: rest };
  }

  #processEnvironment(): Record<string, string | undefined> {
    return {
      ...process.env,
      ...this.#variables.environment(),
      // Output is read by a program, and kept in a report.
      NO_COLOR: '1',
      TERM: 'dumb',
      PAGER: 'cat',
    };
  }
}

function isLine(command: LocatedCommand | LocatedScript): command is LocatedCommand {
  return 'words' in command;
}

function describeFailure(
  result: ProcessResult,
  program: string,
  options: { timeoutMs: number; isGood(exitCode: number): boolean },
): Pick<CommandsResult, 'outcome' | 'error'> | undefined {
  switch (result.end) {
    case 'not-found':
      return { outcome: 'not-found', error: `${program} is not installed on this machine (not found on the PATH)` };
    case 'not-started':
      return { outcome: 'failed', error: result.error };
    case 'killed':
      return { outcome: 'failed', error: `ended by ${result.signal ?? 'a signal'}` };
    case 'timed-out':
      return { outcome: 'timed-out', error: undefined };
    case 'aborted':
      return { outcome: 'aborted', error: undefined };
    case 'exited':
      return options.isGood(result.exitCode ?? 0) ? undefined : { outcome: 'failed', error: `exit code ${result.exitCode}` };
  }
}
