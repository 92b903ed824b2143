/**
 * Ends the containers of a runner that is gone. Started by the kubelet, detached, with a pipe as standard input whose other end
 * only the runner holds; the pipe's end is the sign. Lines: `+PID STARTTIME`, `-PID`, `dir PATH` (removed at the end).
 */
import { readFileSync, rmSync } from 'node:fs';

const containers = new Map<number, string>();
const directories = new Set<string>();

/** Field 22 of /proc/PID/stat: a process id that was given to somebody else since has another start time. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function reap(): void {
  for (const [pid, started] of containers) {
    if (started !== '-' && startTime(pid) !== started) continue;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  process.exit(0);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {});
process.title = 'rehearse: reaper';

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', chunk => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) {
    if (line.startsWith('dir ')) directories.add(line.slice(4));
    else if (line.startsWith('-')) containers.delete(Number(line.slice(1)));
    else if (line.startsWith('+')) {
      const [pid, started] = line.slice(1).split(' ');
      containers.set(Number(pid), started ?? '-');
    }
  }
});
process.stdin.on('close', reap);
process.stdin.on('error', reap);
