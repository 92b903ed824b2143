/**
 * Builds the demo application's images, one a version, and loads them into a kind cluster:
 *   npx tsx scripts/shop-images.ts [--base IMAGE] [--kind CLUSTER]
 * Needs Docker or Podman, and kind. The program must be bundled: npm run build. `rehearse cluster up` does the same and more.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { demoImages } from '../src/cluster/kind/demo-app.ts';
import { buildImage, loadImages } from '../src/cluster/kind/images.ts';
import { findKindTools } from '../src/cluster/kind/tools.ts';
import { packageFile } from '../src/package-file.ts';
import { SHOP_VERSIONS } from '../src/shop/versions.ts';

const { values } = parseArgs({ options: { base: { type: 'string', default: 'node:22-slim' }, kind: { type: 'string' } } });
if (!existsSync(packageFile('dist', 'programs', 'shop.mjs'))) {
  console.error('dist/programs/shop.mjs is missing: npm run build');
  process.exit(1);
}

const tools = await findKindTools(process.env);
const builds = demoImages(SHOP_VERSIONS, values.base);
for (const build of builds) {
  await buildImage(tools, build);
  console.log(build.image);
}
if (values.kind !== undefined)
  await loadImages(
    tools,
    values.kind,
    builds.map(({ image }) => image),
  );
