import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { packageFile } from '../../package-file.ts';
import { buildImage } from '../kind/images.ts';
import type { KindTools } from '../kind/tools.ts';

/** Builds the image of the guard: this very program, on a base that has Node.js. */
export async function buildGuardImage(tools: KindTools, image: string, baseImage: string): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'rehearse-guard-'));
  try {
    await cp(packageFile('package.json'), join(context, 'package.json'));
    await cp(packageFile('dist'), join(context, 'dist'), {
      recursive: true,
      // What pods of the sandbox run, and source maps, are not for it.
      filter: source => basename(source) !== 'programs' && !source.endsWith('.map'),
    });
    const dockerfile = packageFile('src', 'cluster', 'cluster-guard', 'Dockerfile');
    await buildImage(tools, { image, dockerfile, context, args: { BASE_IMAGE: baseImage } });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
