/** Runs the built program as a user does, in a folder and with a state folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../src/package-file.ts';
import type { RunRecord } from '../../src/record/run-record.ts';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Workplace {
  directory: string;
  reports: string;
  environment: NodeJS.ProcessEnv;
  start(...args: string[]): {
    child: ChildProcess;
    ended: Promise<Ended>;
    output(): string;
    seen(pattern: RegExp): Promise<void>;
  };
  run(...args: string[]): Promise<Ended>;
  /** run.json of the only run. */
  record(): RunRecord;
  journals(): string[];
  remove(): void;
}

export function createWorkplace(): Workplace {
  const directory = mkdtempSync(join(tmpdir(), 'rehearse-test-'));
  const reports = join(directory, 'reports');
  const state = join(directory, 'state');
  const environment = { ...process.env, REHEARSE_STATE_DIR: state, NO_COLOR: '1' };

  const start: Workplace['start'] = (...args) => {
    const child = spawn(process.execPath, [packageFile('dist', 'rehearse.js'), ...args], {
      cwd: directory,
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    const listeners = new Set<() => void>();
    const told = () => {
      for (const listener of listeners) listener();
    };
    child.stdout?.on('data', chunk => {
      stdout += chunk;
      told();
    });
    child.stderr?.on('data', chunk => {
      stderr += chunk;
      told();
    });
    const ended = new Promise<Ended>(resolve => child.on('close', code => resolve({ code, stdout, stderr })));
    return {
      child,
      ended,
      output: () => stdout + stderr,
      seen: pattern =>
        new Promise((resolve, reject) => {
          const look = () => {
            if (!pattern.test(stdout + stderr)) return;
            listeners.delete(look);
            resolve();
          };
          listeners.add(look);
          look();
          void ended.then(() => reject(new Error(`it ended before ${pattern} was seen:\n${stdout}\n${stderr}`)));
        }),
    };
  };

  return {
    directory,
    reports,
    environment,
    start,
    run: (...args) => start(...args).ended,
    record: () =>
      JSON.parse(
        readFileSync(join(reports, readdirSync(reports).find(name => /^\d{8}-/.test(name)) as string, 'run.json'), 'utf8'),
      ) as RunRecord,
    journals: () => {
      try {
        return readdirSync(join(state, 'undo'));
      } catch {
        return [];
      }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Live descendants of a process, from /proc: also those whose parents have gone are found by their session's start. */
export function podProcesses(): Set<string> {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (command.includes('dist/programs/') || command.startsWith('rehearse: ')) found.add(pid);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}
