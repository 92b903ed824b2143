import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Processes of this machine whose command line names the directory: the containers, and nobody else's. */
function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        const memory = readFileSync(`/proc/${pid}/status`, 'utf8');
        return commandLine.includes(directory) || (commandLine.startsWith('rehearse: test/') && memory.includes('State:'));
      } catch {
        return false;
      }
    })
    .map(Number);
}

test.skipIf(process.platform !== 'linux')(
  'when the runner is killed with SIGKILL, no container stays behind, not even one that blocks or ignores signals',
  async () => {
    const before = new Set(processesOf('/no-such-directory'));
    const script = fileURLToPath(new URL('doomed-runner.ts', import.meta.url));
    const runner = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve, reject) => {
      let text = '';
      runner.stdout.on('data', chunk => {
        text += chunk;
        if (text.includes('\n')) resolve(text);
      });
      runner.on('exit', code => reject(new Error(`the runner ended with ${code}`)));
    });
    const { directory } = JSON.parse(line) as { directory: string };
    const alive = () => processesOf(directory).filter(pid => !before.has(pid));
    expect(alive().length).toBeGreaterThanOrEqual(3);
    runner.removeAllListeners('exit');
    runner.kill('SIGKILL');
    await expect.poll(alive, { timeout: 5000, interval: 50 }).toEqual([]);
    await expect.poll(() => existsSync(join(directory, 'pods')), { timeout: 5000 }).toBe(false);
    rmSync(directory, { recursive: true, force: true });
  },
);
