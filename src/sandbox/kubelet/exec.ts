import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Container } from 'kubernetes-types/core/v1.js';
import { ContainerProcess } from './container-process.ts';
import { type PodPlace, prepareContainer, type RunnerContext } from './container-runner.ts';
import { findImage, parseImage } from './images.ts';
import type { ContainerInstance } from './pod-runtime.ts';
import { fileName } from './volumes.ts';

const MAX_OUTPUT_BYTES = 64 * 1024;

export interface ExecResult {
  exitCode: number;
  output: string;
  timedOut: boolean;
}

/** Runs commands of exec probes and hooks: one more process that sees the container's files, names and environment. */
export class ExecRunner {
  readonly #place: () => PodPlace;
  readonly #runner: RunnerContext;
  readonly #processes = new Set<ContainerProcess>();

  constructor(place: () => PodPlace, runner: RunnerContext) {
    this.#place = place;
    this.#runner = runner;
  }

  run(container: Container, instance: ContainerInstance, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const reference = parseImage(container.image ?? '');
    const image = reference && findImage(reference);
    if (!image) return Promise.resolve({ exitCode: 126, output: 'the image is gone', timedOut: false });
    const place = this.#place();
    const prepared = prepareContainer(
      place,
      { ...container, command: [...command], args: [] },
      image,
      instance.rootfs,
      this.#runner,
    );
    if (prepared.startError !== undefined) {
      const output = `OCI runtime exec failed: exec failed: unable to start container process: ${prepared.startError}: unknown`;
      return Promise.resolve({ exitCode: 126, output, timedOut: false });
    }
    const configPath = join(
      place.directory,
      'containers',
      fileName(container.name),
      `exec-${randomBytes(6).toString('hex')}.json`,
    );
    return new Promise(resolve => {
      let output = '';
      let timedOut = false;
      const process = new ContainerProcess({
        config: { ...prepared.config, title: `${prepared.config.title} (exec)` },
        configPath,
        podDirectory: place.directory,
        memoryLimitBytes: undefined,
        reaper: this.#runner.reaper,
        onOutput: (_stream, chunk) => {
          if (output.length < MAX_OUTPUT_BYTES) output += chunk.toString();
        },
        onMessage: () => {},
        onExit: ({ exitCode }) => {
          cancel();
          this.#processes.delete(process);
          resolve({ exitCode, output, timedOut });
        },
      });
      this.#processes.add(process);
      const cancel = this.#runner.context.clock.after(timeoutMs, () => {
        timedOut = true;
        process.signal('SIGKILL');
      });
    });
  }

  stop(): void {
    for (const process of this.#processes) process.signal('SIGKILL');
  }
}
