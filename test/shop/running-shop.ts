/** The shop's real program as local processes: bundled as for an image, each on a free port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { packageFile } from '../../src/package-file.ts';

export interface LogLine {
  level: string;
  msg: string;
  port?: number;
  trace?: string;
  [field: string]: unknown;
}

export interface RunningService {
  url: string;
  logs: LogLine[];
  process: ChildProcess;
  exit: Promise<number | null>;
}

export class ShopBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'rehearse-shop-test-'));
  readonly #running: RunningService[] = [];

  async bundle(): Promise<void> {
    await build({
      entryPoints: [packageFile('src', 'shop', 'main.ts')],
      outfile: join(this.folder, 'shop.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
    });
  }

  /** Starts a service without waiting for anything. */
  spawn(service: string, env: Record<string, string> = {}): RunningService {
    const child = spawn(process.execPath, [join(this.folder, 'shop.mjs'), service], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        PORT: '0',
        SHOP_VERSION: '1.4.0',
        PAYMENTS_API_KEY: 'test',
        SHOP_DRAIN_MS: '100',
        SHOP_SEED: '1',
        ...env,
      },
    });
    const logs: LogLine[] = [];
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', line => logs.push(JSON.parse(line) as LogLine));
    // Only when all that it wrote was read: the last line is what tells why it ended.
    const exit = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code]]) => code as number | null);
    const running = { url: '', logs, process: child, exit };
    this.#running.push(running);
    return running;
  }

  /** Starts a service and waits until it listens. */
  async start(service: string, env: Record<string, string> = {}): Promise<RunningService> {
    const running = this.spawn(service, env);
    const port = await new Promise<number>((resolve, reject) => {
      const look = () => {
        const listening = running.logs.find(line => line.msg === 'listening');
        if (listening) resolve(listening.port as number);
        else (running.process.stdout as NodeJS.ReadableStream).once('data', () => setImmediate(look));
      };
      look();
      void running.exit.then(code => reject(new Error(`${service} ended with ${code}: ${JSON.stringify(running.logs)}`)));
    });
    running.url = `http://127.0.0.1:${port}`;
    return running;
  }

  /** frontend → checkout → payments; `env` by service. */
  async startAll(env: Partial<Record<'frontend' | 'checkout' | 'payments', Record<string, string>>> = {}) {
    const payments = await this.start('payments', env.payments);
    const checkout = await this.start('checkout', { PAYMENTS_URL: payments.url, ...env.checkout });
    const frontend = await this.start('frontend', { CHECKOUT_URL: checkout.url, ...env.frontend });
    return { frontend, checkout, payments };
  }

  /** Ends a service in order and gives all that it logged. */
  async logsOf(service: RunningService): Promise<LogLine[]> {
    service.process.kill('SIGTERM');
    await service.exit;
    return service.logs;
  }

  async stopAll(): Promise<void> {
    for (const { process: child } of this.#running) child.kill('SIGKILL');
    await Promise.all(this.#running.splice(0).map(({ exit }) => exit));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Value of a sample in a Prometheus text, by its name with labels as they stand there. */
export function sample(metrics: string, name: string): number | undefined {
  const line = metrics.split('\n').find(one => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
