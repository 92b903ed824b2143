import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's own folder, wherever this code was bundled to: the nearest one above with a package.json. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('rehearse: package.json not found above the program');
    folder = parent;
  }
  return folder;
}

const root = packageRoot();

/** Absolute path of a file that ships with the package, e.g. `dist/programs/shop.mjs`, `src/report/templates/report.hbs`. */
export function packageFile(...path: string[]): string {
  return join(root, ...path);
}
