/**
 * Builds the demo application's images, one a version, and loads them into a kind cluster:
 *   npx tsx scripts/shop-images.ts [--base IMAGE] [--kind CLUSTER]
 * Needs docker, and kind for --kind. The program must be bundled: npm run build.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { packageFile } from '../src/package-file.ts';
import { SHOP_VERSIONS } from '../src/shop/versions.ts';

const { values } = parseArgs({ options: { base: { type: 'string', default: 'node:22-slim' }, kind: { type: 'string' } } });
const context = packageFile('dist', 'programs');
if (!existsSync(packageFile('dist', 'programs', 'shop.mjs'))) {
  console.error('dist/programs/shop.mjs is missing: npm run build');
  process.exit(1);
}

const images = SHOP_VERSIONS.map(version => `rehearse/shop:${version}`);
for (const [index, image] of images.entries()) {
  const file = packageFile('src', 'shop', 'Dockerfile');
  const args = ['--build-arg', `BASE_IMAGE=${values.base}`, '--build-arg', `VERSION=${SHOP_VERSIONS[index]}`];
  await execa('docker', ['build', '--quiet', '-f', file, ...args, '-t', image, context], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  console.log(image);
}
if (values.kind !== undefined) {
  await execa('kind', ['load', 'docker-image', '--name', values.kind, ...images], { stdio: 'inherit' });
}
