import { posix } from 'node:path';
import type { ContainerConfig } from './container-config.ts';

/** Maps paths inside the container to the files of this machine that stand behind them. */
export class ContainerPaths {
  cwd: string;
  readonly #rootfs: string;
  readonly #mounts: { mountPath: string; source: string; readOnly: boolean }[];
  readonly #real: string[];

  /**
   * @param real directories of this machine that stay visible under their own path: our programs' files, and the pod's own, because
   * some calls of node:fs are made of others (writeFileSync opens by openSync) and would be mapped twice.
   */
  constructor(config: Pick<ContainerConfig, 'rootfs' | 'mounts' | 'workingDir'>, real: readonly string[] = []) {
    this.cwd = config.workingDir;
    this.#rootfs = config.rootfs;
    this.#real = [...real];
    // The longest mount path wins.
    this.#mounts = config.mounts
      .map(mount => ({ ...mount, mountPath: posix.resolve('/', mount.mountPath) }))
      .sort((a, b) => b.mountPath.length - a.mountPath.length);
  }

  /** Absolute and normalised, as the container sees it. */
  resolve(path: string): string {
    return posix.resolve(this.cwd, path);
  }

  toReal(path: string): string {
    const absolute = this.resolve(path);
    if (this.#real.some(directory => absolute === directory || absolute.startsWith(`${directory}/`))) return absolute;
    for (const { mountPath, source } of this.#mounts) {
      if (absolute === mountPath) return source;
      if (absolute.startsWith(mountPath === '/' ? '/' : `${mountPath}/`))
        return posix.join(source, absolute.slice(mountPath.length));
    }
    return posix.join(this.#rootfs, absolute);
  }

  isReadOnly(path: string): boolean {
    const absolute = this.resolve(path);
    const mount = this.#mounts.find(({ mountPath }) => absolute === mountPath || absolute.startsWith(`${mountPath}/`));
    return mount?.readOnly ?? false;
  }
}
