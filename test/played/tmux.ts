/** A real terminal: tmux on a socket of its own, typed into and looked at as a person does. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function hasTmux(): boolean {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

export class Terminal {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tmux-test-'));
  readonly #socket = join(this.#directory, 'socket');

  /** @param command as a shell takes it; the terminal stays when it ends */
  constructor(command: string, options: TerminalSize & { cwd: string; env: Record<string, string> }) {
    const { columns, rows, cwd, env } = options;
    const set = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    this.#tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-s',
      'main',
      '-x',
      `${columns}`,
      '-y',
      `${rows}`,
      '-c',
      cwd,
      ...set,
      'sh',
    );
    this.type(`clear; ${command}; echo "ended with $?"`);
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** A line and Enter. */
  type(line: string): void {
    if (line !== '') this.#tmux('send-keys', '-t', 'main', '-l', line);
    this.press('Enter');
  }

  /** A key by tmux' name: Enter, Up, C-c. */
  press(key: string): void {
    this.#tmux('send-keys', '-t', 'main', key);
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#tmux('resize-window', '-t', 'main', '-x', `${columns}`, '-y', `${rows}`);
  }

  /** What stands on the screen now. */
  screen(): string {
    return this.#tmux('capture-pane', '-p', '-t', 'main').trimEnd();
  }

  /** With what has scrolled out of it. */
  everything(): string {
    return this.#tmux('capture-pane', '-p', '-J', '-S', '-3000', '-t', 'main').trimEnd();
  }

  /** Resolves with the screen when it shows this. Rejects, with the screen, when it did not in time. */
  async until(pattern: RegExp, withinMs = 40_000): Promise<string> {
    const end = performance.now() + withinMs;
    for (;;) {
      const screen = this.screen();
      if (pattern.test(screen)) return screen;
      if (performance.now() > end) throw new Error(`${pattern} was not seen; the screen:\n${screen}`);
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }

  /** As when the window is closed or the connection is lost. */
  hangUp(): void {
    try {
      this.#tmux('kill-server');
    } catch {
      // It is gone already.
    }
  }

  close(): void {
    this.hangUp();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
