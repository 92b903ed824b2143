import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Path of a program on the PATH, as a shell would find it. */
export async function executable(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const names = process.platform === 'win32' ? [`${name}.exe`, `${name}.cmd`] : [name];
  for (const folder of (environment['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    for (const file of names) {
      const path = join(folder, file);
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path;
    }
  }
  return undefined;
}
