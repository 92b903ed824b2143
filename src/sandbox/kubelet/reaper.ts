import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { packageFile } from '../../package-file.ts';

/** When a process began, in ticks since boot: with its id, this names a process for good. '-' where there is no /proc. */
function processStartTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '-';
  } catch {
    return '-';
  }
}

/**
 * A small process of our own that outlives the runner by a moment: it holds the reading end of a pipe, and when that ends
 * because the runner is gone, however it went, it kills every container still registered and removes their files.
 */
export class Reaper {
  #child: ChildProcessByStdio<Writable, null, null> | undefined;
  readonly #containers = new Map<number, string>();
  readonly #directory: string;
  #stopping = false;

  constructor(directory: string) {
    this.#directory = directory;
    this.#start();
  }

  #start(): void {
    // Detached: a Ctrl-C in the terminal reaches the runner, which still needs its containers to restore.
    const child = spawn(process.execPath, [packageFile('dist/programs/reaper.mjs')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {},
      cwd: '/',
    });
    this.#child = child;
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    child.stdin.on('error', () => {});
    child.on('error', () => {});
    child.on('exit', () => {
      if (this.#child === child && !this.#stopping) this.#start();
    });
    child.stdin.write(`dir ${this.#directory}\n`);
    for (const [pid, started] of this.#containers) child.stdin.write(`+${pid} ${started}\n`);
  }

  register(pid: number): void {
    const started = processStartTime(pid);
    this.#containers.set(pid, started);
    this.#child?.stdin.write(`+${pid} ${started}\n`);
  }

  unregister(pid: number): void {
    if (this.#containers.delete(pid)) this.#child?.stdin.write(`-${pid}\n`);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Ends it as the runner's end would: what is still registered is killed, the directory removed. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    await new Promise<void>(resolve => {
      child.once('exit', () => resolve());
      child.stdin.end();
    });
  }
}
