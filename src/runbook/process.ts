/** Runs one command of a runbook: no terminal, no input, its own process group, ended whole at its timeout. */
import { existsSync } from 'node:fs';
import { execa } from 'execa';
import type { Clock } from '../rehearsal/ports.ts';
import { Capture } from './capture.ts';

export interface ProcessRequest {
  /** Program and arguments; or a script for a shell. */
  command: { program: string; arguments: string[] } | { script: string };
  environment: Record<string, string | undefined>;
  directory: string;
  timeoutMs: number;
  clock: Clock;
  signal: AbortSignal;
  redact(text: string): string;
  /** Both streams, as they come: for showing while it runs. Not redacted, not harmless yet. */
  onChunk?(chunk: Uint8Array): void;
}

export interface ProcessResult {
  /** `not-found`: there is no such program on this machine. */
  end: 'exited' | 'killed' | 'timed-out' | 'aborted' | 'not-found' | 'not-started';
  exitCode: number | undefined;
  /** Signal that ended it, when one did and it was not ours. */
  signal: string | undefined;
  /** stdout and stderr as they came, redacted and harmless; head and tail when long. */
  output: string;
  /** Why it could not be started. */
  error: string | undefined;
}

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 2000;
/** What the program left running may hold its output open; it gets this long after the program's own end. */
const LEFTOVER_MS = 250;

const groups = new Set<number>();
let hooked = false;

/** Process groups end with us, however we end (a SIGKILL aside). */
function endGroupsAtExit(): void {
  if (hooked) return;
  hooked = true;
  process.once('exit', () => {
    for (const pid of groups) killGroup(pid, 'SIGKILL');
  });
}

function killGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
    return true;
  } catch {
    // ESRCH: the whole group is gone already.
    return false;
  }
}

const SHELL = process.platform === 'win32' || !existsSync('/bin/bash') ? 'sh' : '/bin/bash';

export async function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  endGroupsAtExit();
  const { command, clock } = request;
  // A script stops at its first failing command, also within a pipe.
  const [program, args] =
    'script' in command
      ? [SHELL, SHELL === 'sh' ? ['-eu', '-c', command.script] : ['-eu', '-o', 'pipefail', '-c', command.script]]
      : [command.program, command.arguments];
  const child = execa(program, args, {
    cwd: request.directory,
    env: request.environment,
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    reject: false,
    detached: process.platform !== 'win32',
    cleanup: false,
    windowsHide: true,
  });
  const capture = new Capture();
  const take = (chunk: Uint8Array) => {
    capture.write(chunk);
    request.onChunk?.(chunk);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);

  const { pid } = child;
  if (pid !== undefined) groups.add(pid);
  let ended: 'timed-out' | 'aborted' | undefined;
  const settled = new AbortController();
  const end = async (why: 'timed-out' | 'aborted') => {
    if (ended !== undefined || pid === undefined) return;
    ended = why;
    killGroup(pid, 'SIGTERM');
    // Real time: a process that is being ended knows no other.
    await wait(GRACE_MS, settled.signal);
    killGroup(pid, 'SIGKILL');
  };
  const onAbort = () => void end('aborted');
  request.signal.addEventListener('abort', onAbort, { once: true });
  if (request.signal.aborted) onAbort();
  void clock.sleep(request.timeoutMs, settled.signal).then(
    () => end('timed-out'),
    () => {},
  );
  child.once('exit', () => {
    // The program is over, and what it left behind in its group goes with it.
    void wait(LEFTOVER_MS, settled.signal).then(() => {
      if (pid !== undefined) killGroup(pid, 'SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    });
  });
  const result = await child;
  settled.abort();
  request.signal.removeEventListener('abort', onAbort);
  if (pid !== undefined) {
    killGroup(pid, 'SIGKILL');
    groups.delete(pid);
  }
  const output = capture.text(request.redact).trimEnd();
  const exitCode = child.exitCode ?? result.exitCode ?? undefined;
  const base = { exitCode, signal: undefined, output, error: undefined };
  if (ended !== undefined) return { ...base, end: ended, exitCode: undefined };
  if (pid === undefined) {
    const missing = result.code === 'ENOENT' && existsSync(request.directory);
    return { ...base, end: missing ? 'not-found' : 'not-started', error: request.redact(result.shortMessage ?? 'not started') };
  }
  if (exitCode === undefined) return { ...base, end: 'killed', signal: child.signalCode ?? result.signal ?? undefined };
  return { ...base, end: 'exited' };
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
