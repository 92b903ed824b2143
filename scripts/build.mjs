// Bundles the CLI (split, so that a command loads only its own part) and the programs that pods run (one file each).
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
rmSync('dist', { recursive: true, force: true });

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  logLevel: 'warning',
  legalComments: 'none',
};
// CommonJS packages inside an ES module bundle still call require.
const banner = { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" };

const programs = readdirSync('src/sandbox/programs')
  .filter(file => file.endsWith('.ts'))
  .map(file => ({ in: `src/sandbox/programs/${file}`, out: file.replace(/\.ts$/, '') }));

await Promise.all([
  build({
    ...common,
    entryPoints: [{ in: 'src/cli/rehearse.ts', out: 'rehearse' }],
    outdir: 'dist',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    banner: { js: `#!/usr/bin/env node\n${banner.js}` },
    sourcemap: true,
    minifySyntax: true,
  }),
  build({
    ...common,
    entryPoints: [...programs, { in: 'src/shop/main.ts', out: 'shop' }],
    outdir: 'dist/programs',
    outExtension: { '.js': '.mjs' },
    minifySyntax: true,
  }),
]);
