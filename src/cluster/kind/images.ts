import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KindTools } from './tools.ts';

export interface ImageBuild {
  /** `rehearse/shop:1.4.0`. */
  image: string;
  dockerfile: string;
  /** Folder that it copies from. */
  context: string;
  args: Readonly<Record<string, string>>;
}

/** The name under which the nodes look an image up. Podman would put its own `localhost/` before a short one. */
const fullName = (image: string) =>
  image.split('/').length > 2 || /^[^/]+[.:][^/]*\//.test(image) ? image : `docker.io/${image}`;
const nameFor = (tools: KindTools, image: string) => (tools.engine === 'podman' ? fullName(image) : image);

/** Builds one image; nothing of a Dockerfile of ours is downloaded but its base. @throws RehearseError with what the engine printed. */
export async function buildImage(tools: KindTools, build: ImageBuild): Promise<void> {
  const { image, dockerfile, context, args } = build;
  const given = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  await tools.run('engine', ['build', '--quiet', '-f', dockerfile, ...given, '-t', nameFor(tools, image), context], {
    hint: `its base is ${args['BASE_IMAGE']}: without access to a registry, name an image of this machine that has Node.js, with --base-image`,
  });
}

/** Puts images of this machine's engine on every node of a kind cluster. kind skips those that are there already. */
export async function loadImages(tools: KindTools, cluster: string, images: readonly string[]): Promise<void> {
  const names = images.map(image => nameFor(tools, image));
  if (tools.engine === 'docker') {
    await tools.run('kind', ['load', 'docker-image', '--name', cluster, ...names]);
    return;
  }
  // kind asks Docker alone for images by name; from the others they come as an archive.
  const folder = await mkdtemp(join(tmpdir(), 'rehearse-images-'));
  try {
    const archive = join(folder, 'images.tar');
    await tools.run('engine', ['save', ...(tools.engine === 'podman' ? ['--multi-image-archive'] : []), '-o', archive, ...names]);
    await tools.run('kind', ['load', 'image-archive', '--name', cluster, archive]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
