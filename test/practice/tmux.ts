/** A real terminal to look at: a session of tmux, with a server of its own. */
import { execFile, execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why there is no terminal here; undefined when there is one. */
export const noTmux: string | undefined = (() => {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'tmux is not installed: no practice in a real terminal was tested';
  }
})();

export class TmuxTerminal {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** @param command for a shell; the shell stays when it is over */
  static async open(command: string, columns: number, rows: number): Promise<TmuxTerminal> {
    const terminal = new TmuxTerminal(`rehearse-test-${process.pid}-${Math.floor(performance.now())}`);
    const size = ['-x', String(columns), '-y', String(rows)];
    await terminal.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, '/bin/sh');
    await terminal.type(`PS1='$ '; clear; ${command}\r`);
    return terminal;
  }

  /** What a person sees. */
  async screen(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p')).trimEnd();
  }

  /** As it is typed, byte for byte. */
  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', text);
  }

  /** As a terminal pastes it, with its marks when the program wants them. */
  async paste(text: string): Promise<void> {
    await this.#tmux('set-buffer', text);
    await this.#tmux('paste-buffer', '-p');
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** Waits until the screen shows it. @throws with the screen when it never does */
  async see(pattern: RegExp, withinMs = 20_000): Promise<string> {
    const until = performance.now() + withinMs;
    for (;;) {
      const screen = await this.screen();
      if (pattern.test(screen)) return screen;
      if (performance.now() > until) throw new Error(`${pattern} is not on the screen:\n${screen}`);
      await delay(50);
    }
  }

  /** Cells; the first is 0. */
  async cursor(): Promise<{ row: number; column: number }> {
    const [row, column] = (await this.#tmux('display-message', '-p', '#{cursor_y} #{cursor_x}')).trim().split(' ').map(Number);
    return { row: row ?? -1, column: column ?? -1 };
  }

  /** The window is closed, with whatever runs in it. */
  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => {});
  }

  async #tmux(...args: string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-L', this.#socket, ...args], { env: { ...process.env, LC_ALL: 'C.UTF-8', TMUX: '' } });
    return stdout;
  }
}
