import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Bytes of a page; Linux on the architectures that Node runs on uses 4 KiB except some arm64 kernels, which VmRSS spares us. */
function rssFromProc(pid: number): number | undefined {
  try {
    const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match ? Number(match[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** Resident memory of processes, bytes; processes that are gone are left out. */
export async function residentMemory(pids: readonly number[]): Promise<Map<number, number>> {
  const result = new Map<number, number>();
  if (process.platform === 'linux') {
    for (const pid of pids) {
      const rss = rssFromProc(pid);
      if (rss !== undefined) result.set(pid, rss);
    }
    return result;
  }
  if (pids.length === 0) return result;
  return new Promise(resolve => {
    execFile('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')], (_error, stdout) => {
      for (const line of stdout.split('\n')) {
        const [pid, kilobytes] = line.trim().split(/\s+/).map(Number);
        if (pid && kilobytes) result.set(pid, kilobytes * 1024);
      }
      resolve(result);
    });
  });
}
