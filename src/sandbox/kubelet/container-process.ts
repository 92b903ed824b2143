import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../package-file.ts';
import type { ContainerConfig, ContainerMessage } from '../programs/container/container-config.ts';
import type { Reaper } from './reaper.ts';

export interface ProcessExit {
  /** As a shell would show it: 128 + number for a signal. */
  exitCode: number;
  signal: number | undefined;
}

export interface ContainerProcessOptions {
  config: ContainerConfig;
  /** Where its configuration file goes. */
  configPath: string;
  /** All that it may read and write lies below. */
  podDirectory: string;
  memoryLimitBytes: number | undefined;
  reaper: Reaper;
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  onMessage(message: ContainerMessage): void;
  onExit(exit: ProcessExit): void;
}

const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};
const flags = process.allowedNodeEnvironmentFlags;
const PERMISSION = flags.has('--permission')
  ? '--permission'
  : flags.has('--experimental-permission')
    ? '--experimental-permission'
    : undefined;
/** What V8 allows itself at least on the machines that can run the sandbox. */
const DEFAULT_HEAP_MIB = 512;
const programs = packageFile('dist/programs');

/**
 * Options for node itself. The permission model lets the process read and write nothing but its own files and start nothing; the
 * programs only interpret what they are given, this is the second wall.
 */
function nodeOptions({ podDirectory, memoryLimitBytes }: ContainerProcessOptions): string[] {
  const options = ['--no-warnings', '--disable-proto=delete'];
  // The heap must not end before the container's limit does: node would abort (134) where a cgroup kills (137). Only where the
  // default could be too small: any option for V8 makes node start without its code cache, 30 ms of CPU later.
  const limitMiB = Math.ceil((memoryLimitBytes ?? 0) / 2 ** 20);
  if (limitMiB > DEFAULT_HEAP_MIB) options.push(`--max-old-space-size=${limitMiB + DEFAULT_HEAP_MIB}`);
  if (!PERMISSION) return options;
  // Two nested paths in these options make Node 20 abort: one directory for everything of the pod.
  options.push(
    PERMISSION,
    `--allow-fs-read=${programs}/*`,
    `--allow-fs-read=${podDirectory}/*`,
    `--allow-fs-write=${podDirectory}/*`,
  );
  // From Node 25 on the network is closed too unless allowed; addresses are confined by the container's own network layer.
  if (flags.has('--allow-net')) options.push('--allow-net');
  return options;
}

/** One container as a process of this machine, in a process group of its own. */
export class ContainerProcess {
  readonly pid: number | undefined;
  #gone = false;

  constructor(options: ContainerProcessOptions) {
    const { config, configPath, reaper } = options;
    mkdirSync(config.rootfs, { recursive: true });
    writeFileSync(configPath, JSON.stringify(config), { mode: 0o600 });
    const child = spawn(process.execPath, [...nodeOptions(options), join(programs, 'container.mjs'), configPath], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // Nothing of the container's environment reaches node's own start (NODE_OPTIONS, LD_PRELOAD): the program sets it later.
      env: {},
      cwd: '/',
    });
    this.pid = child.pid;
    if (child.pid !== undefined) reaper.register(child.pid);
    child.stdout?.on('data', chunk => options.onOutput('stdout', chunk));
    child.stderr?.on('data', chunk => options.onOutput('stderr', chunk));
    let rest = '';
    const control = child.stdio[3] as NodeJS.ReadableStream & { on(event: string, listener: (value: Buffer) => void): void };
    control.on('error', () => {});
    control.on('data', chunk => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        try {
          options.onMessage(JSON.parse(line));
        } catch {
          // A half-written message of a process that was killed.
        }
      }
    });
    const finish = (exit: ProcessExit) => {
      if (this.#gone) return;
      this.#gone = true;
      if (child.pid !== undefined) reaper.unregister(child.pid);
      rmSync(configPath, { force: true });
      options.onExit(exit);
    };
    // 'close' comes after all output was read; the process group is gone with the process as nothing in it can fork.
    child.on('close', (code, signal) => {
      const number = signal ? (SIGNALS[signal] ?? 9) : undefined;
      finish({ exitCode: code ?? 128 + (number ?? 9), signal: number });
    });
    child.on('error', error => {
      options.onOutput('stderr', Buffer.from(`${error.message}\n`));
      finish({ exitCode: 128, signal: undefined });
    });
    for (const handle of [child, child.stdout, child.stderr, control]) (handle as unknown as { unref(): void }).unref();
  }

  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGQUIT'): void {
    if (this.#gone || this.pid === undefined) return;
    try {
      process.kill(this.pid, name);
    } catch {
      // Already gone; its exit will be told.
    }
  }
}
